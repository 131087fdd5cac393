"""Five questions to a denoised sequence, each with a verdict, the evidence, and what it means.

A fault is told where it is certain and large enough to matter: beyond what noise alone would make of a sum of known
distribution, at a stated rate of false alarms, and of a size, in noise deviations or shares, that somebody would see.
The sizes were chosen by what they mean, on other sequences than those that judge them; no check knows a denoiser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FALSE_ALARM", "Check", "Curve", "Map", "Verdict", "critical", "judged", "largest", "stated", "worst"]

Verdict = Literal["pass", "doubtful", "fail"]
ORDER: tuple[Verdict, ...] = ("pass", "doubtful", "fail")

FALSE_ALARM = 1e-3
"""Probability that noise alone makes one look at a whole sequence significant, however many tiles it has."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """Points `y` (n,) over `x` (n,), with standard errors where known; `before` (n,) is to compare with."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    x_label: str
    y_label: str
    error: NDArray[np.float64] | None = None
    before: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Map:
    """A value per tile (R, C), NaN where none is known; `limit` is the size from which on it matters."""

    values: NDArray[np.float64]
    label: str
    limit: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Check:
    """One answer: `evidence` is a number with its standard error and threshold, `meaning` says it in plain words.

    `numbers` are those of the evidence, for programs; `picture` shows where, or at which frequency or intensity.
    """

    name: str
    verdict: Verdict
    evidence: str
    meaning: str
    numbers: Mapping[str, float]
    picture: Curve | Map


def critical(looks: int) -> float:
    """How many standard errors a normal value must exceed to be significant as the largest of so many `looks`."""
    from scipy.stats import norm

    return float(norm.isf(FALSE_ALARM / max(looks, 1)))


def judged(size: float, error: float, *, doubtful: float, fail: float) -> Verdict:
    """The verdict on one number with its standard error.

    Doubtful is what lies beyond the limit and is certainly not 0; fail what lies beyond the further one and is
    certainly beyond the first.
    """
    certain = size - critical(1) * error
    if size > fail and certain > doubtful:
        return "fail"
    return "doubtful" if size > doubtful and certain > 0 else "pass"


def stated(size: float, error: float, form: str) -> str:
    """A number in this format with its standard error; words where nothing tells it."""
    return f"{size:{form}} ± {error:{form.lstrip('+')}}" if np.isfinite(error) else "not to be told"


def worst(*verdicts: Verdict) -> Verdict:
    """The gravest of some verdicts."""
    return max(verdicts, key=ORDER.index)


def largest(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The largest value (R, C) over the groups of each tile (G, R, C); NaN where none is known."""
    kept = np.where(known, values, -np.inf).max(0)
    return np.where(np.isfinite(kept), kept, np.nan)
