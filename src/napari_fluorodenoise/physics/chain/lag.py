"""Lag: charge that traps hold back from one frame and let out in later ones, as a linear recursion.

    e_n(t) = (1 - a_n) x(t) + a_n e_n(t-1)              a trap, with a_n = exp(-frame interval / time constant)
    y(t)   = (1 - sum l_n) x(t) + sum l_n e_n(t-1)      the frame, with l_n = fraction_n * a_n

A constant x stays itself: what is trapped comes out. One trap with fraction 1 is y(t) = (1 - l) x(t) + l y(t-1).
White noise leaves that with the variance (1 - l) / (1 + l) and a correlation l between consecutive frames.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from napari_fluorodenoise.primitives.declaration import STRICT

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["Lag"]

MOST = 4
"""Exponentials that describe a flat panel's lag from a frame to minutes."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Lag:
    """Traps that let charge out exponentially; by default one, which leaves 3 % to the next of 15 frames per second."""

    time_constants: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(1), MaxLen(MOST)] = (19.0,)
    """How slowly each trap empties, in ms: to 1/e in this time; 0 keeps nothing."""
    fractions: Annotated[tuple[Annotated[float, Gt(0), Le(1)], ...], MinLen(1), MaxLen(MOST)] = (1.0,)
    """Share of the charge that passes through each trap, 1 in all at most; the rest comes out at once."""

    def __post_init__(self) -> None:
        found = f"{len(self.fractions)} of sum {sum(self.fractions):g}"
        if len(self.fractions) != len(self.time_constants) or sum(self.fractions) > 1 + 1e-9:
            raise ValueError(
                f"expected a fraction for each of {len(self.time_constants)} time constants, 1 in all, found {found}"
            )

    def kept(self, frame_interval: float) -> tuple[float, ...]:
        """The share a_n of each trap's charge that is there a `frame_interval` (s) later."""
        return tuple(exp(-1000 * frame_interval / tau) if tau else 0.0 for tau in self.time_constants)

    def steady(self, charge: NDArray[Any]) -> NDArray[Any]:
        """What the traps hold (N, ...) after a long exposure to a constant `charge` (...)."""
        return np.repeat(charge[None], len(self.time_constants), axis=0)

    def step(
        self, charge: NDArray[Any], *, held: NDArray[Any], frame_interval: float
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """The frame (...) that a `charge` (...) gives while the traps hold `held` (N, ...), and what they hold then."""
        out, after = charge.copy(), np.empty_like(held)
        for n, (kept, fraction) in enumerate(zip(self.kept(frame_interval), self.fractions, strict=True)):
            behind = kept * (held[n] - charge)
            out += fraction * behind
            after[n] = charge + behind
        return out, after
