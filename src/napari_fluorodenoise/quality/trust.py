"""May a denoised sequence be trusted? Five checks from the two sequences alone, with what the noise was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.engine.progress import Progress, portion, silent
from napari_fluorodenoise.quality.checks import Check, Verdict, critical, worst
from napari_fluorodenoise.quality.checks.bias import bias
from napari_fluorodenoise.quality.checks.invented import invented
from napari_fluorodenoise.quality.checks.lag import lag
from napari_fluorodenoise.quality.checks.removed import removed
from napari_fluorodenoise.quality.checks.texture import left, texture
from napari_fluorodenoise.quality.residual import PIXELS, tiles
from napari_fluorodenoise.quality.spectrum import SIZE

if TYPE_CHECKING:
    from napari_fluorodenoise.physics.detector import Detector
    from napari_fluorodenoise.quality.residual import Tiles
    from napari_fluorodenoise.video import Video

__all__ = ["CHECKS", "Trust", "trust"]

CHECKS = (removed, invented, lag, texture, bias)
"""In the order in which they are told."""
FEWEST = 16
"""Tiles below which nothing is told."""
RANGES = 4.0
"""Ratio of the spreads of intensities from which on two sequences cannot be on one scale."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trust:
    """The `checks` of one result, the `detector` measured before it, and the `tiles` all is told from.

    `dose` is the factor by which the dose would have to rise for as little noise without processing, in pictures as
    bright, with a lower bound at the confidence of the checks; infinite where no noise is left to see. It says nothing
    of structure.
    """

    checks: tuple[Check, ...]
    detector: Detector
    tiles: Tiles
    dose: tuple[float, float]

    @property
    def verdict(self) -> Verdict:
        """The gravest of the checks'."""
        return worst(*(check.verdict for check in self.checks))


def trust(
    noisy: Video,
    denoised: Video,
    *,
    progress: Progress = silent,
    detector: Detector | None = None,
    pixels: int = PIXELS,
) -> Trust:
    """What the two sequences (T, Y, X), in the same units, tell of the result; the detector is measured if not given.

    Looks at about `pixels` pixels of each, in groups of consecutive frames spread over the sequence. Raises ValueError
    for sequences that do not belong together, fewer than two frames, NaN or infinity in what is looked at, and where
    there is too little noise, or too little of the picture, to tell anything from.
    """
    from napari_fluorodenoise.physics.detector import measure

    _refuse_unlike(noisy, denoised)
    if detector is None:
        detector = measure(noisy, progress=portion(progress, 0, 0.5))
        if not detector.blocks:
            raise ValueError(f"expected noise to judge by in IN, found none ({'; '.join(detector.warnings)})")
    found = tiles(noisy, denoised, detector=detector, progress=portion(progress, 0.5, 1), pixels=pixels)
    _refuse_little(found)
    dose = _dose(found, detector.quantum_share)
    return Trust(checks=tuple(check(found) for check in CHECKS), detector=detector, tiles=found, dose=dose)


def _refuse_unlike(noisy: Video, denoised: Video) -> None:
    if noisy.shape != denoised.shape:
        sizes = " and ".join(" x ".join(map(str, video.shape)) for video in (noisy, denoised))
        raise ValueError(f"expected IN and OUT of one shape (T, Y, X), found {sizes}; crop IN to what was denoised")
    if noisy.shape[0] < 2:
        raise ValueError("expected at least two frames, found 1; noise is measured between frames")
    if min(noisy.shape[1:]) < SIZE:
        raise ValueError(
            f"expected frames of at least {SIZE} x {SIZE} pixels, found {noisy.shape[1]} x {noisy.shape[2]}"
        )
    if noisy.intensity != denoised.intensity:
        raise ValueError(
            f"expected IN and OUT of one kind of intensity, found {noisy.intensity} and {denoised.intensity}; "
            "compare before any logarithm or display curve"
        )


def _refuse_little(found: Tiles) -> None:
    if found.count < FEWEST:
        raise ValueError(
            f"expected at least {FEWEST} tiles of {SIZE} x {SIZE} pixels inside the field whose noise is not cut off, "
            f"found {found.count}; a larger part, or more dose, is needed"
        )
    level, shift = found.level[found.known], found.shift[found.known]
    before, after = (float(values.std()) for values in (level + shift, level))
    alike = before < RANGES * after and after < RANGES * before
    if not alike and max(before, after) > 3 * float(found.sigma[found.known].mean()):
        raise ValueError(
            f"expected IN and OUT in the same units, found intensities that spread by {before:.4g} and {after:.4g}; "
            "undo the rescaling first"
        )


def _dose(found: Tiles, quanta: float) -> tuple[float, float]:
    """How many times the dose the noise that is left stands for, and its lower bound.

    `quanta` is their share of the noise. Where none is told, all of it is taken to be theirs, and none for the bound.
    """
    share, error = left(found)
    most = float(np.clip(share + critical(1) * error, 1e-6, 1e6))
    return (_times(share, quanta or 1.0) if share > 0 else float("inf")), _times(most, quanta)


def _times(share: float, quanta: float) -> float:
    """The k of quanta / k + (1 - quanta) / k² = share.

    Of k times the dose, in units in which the picture is as bright, quanta have 1 / k of their variance, and read noise
    1 / k² of its own: where it is half of the noise, a tenth is left at 7.3 times the dose, and not at 10.
    """
    return (quanta + float(np.sqrt(quanta**2 + 4 * share * (1 - quanta)))) / (2 * share)
