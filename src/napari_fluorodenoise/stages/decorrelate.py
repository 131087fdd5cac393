"""Decorrelate: the inverse of the detector's blur, after which the noise of neighbouring pixels is independent.

The scintillator spreads every quantum over neighbours, so noise and signal went through the same filter H, and 1/H
undoes both (Graas & Lucka, doi 10.1088/1361-6501/addc06: conj(H) / |H|², not 1 / |H|²). H is the root of the noise's
measured spectrum, scaled to keep the mean. It is applied to intensities as they are: for quantum noise, whose
variance follows the local mean, the filter is the same everywhere and only the noise's scale varies.

Noise grows by the filter: four times the variance is usual. What is denoised afterwards has to be blurred by H again
(`response`) to compare with the detector's own frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pydantic.dataclasses
from annotated_types import Gt, Le, MinLen

from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.physics.detector import Detector, detector_of
from napari_fluorodenoise.primitives.spectra import filtered, root, transfer
from napari_fluorodenoise.stages.stage import STRICT, Added, FittedStage, Stage
from napari_fluorodenoise.video import Image, Run, Table, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Decorrelate", "FittedDecorrelate"]

PAD = 16
"""Mirrored pixels around a frame: the inverse filter has died away by then."""
LAG = 0.1
"""Noise that consecutive frames share: a detector's lag stays below, a recursive filter lies above."""
LOST = 0.05
"""Share of the spectrum that may lie below the floor before there is nothing left to restore."""
PASSBAND = 0.85
"""A blur lets slow variations through best; where it passes less than this share of them, edges were enhanced."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Decorrelate(Stage):
    """Undo the detector's blur, so that the noise of neighbouring pixels becomes independent."""

    of: Annotated[tuple[str, ...], MinLen(1)] = ("frames",)
    """Names of the videos to decorrelate."""
    floor: Annotated[float, Gt(0), Le(1)] = 0.12
    """Smallest response that is inverted, as a share of the largest; it bounds how much noise is amplified."""

    def reads(self, run: Run) -> tuple[str, ...]:
        """The videos named in `of`."""
        return self.of

    def adds(self, run: Run) -> dict[str, Added]:
        """`<name>_decorrelated` for each video, the response that was inverted, and the noise's correlation."""
        kind = np.dtype(np.float32)
        videos = {f"{name}_decorrelated": Added("tyx", kind, f"as {name}") for name in self.of}
        small = np.dtype(np.float64)
        return {
            **videos,
            "response": Added("yx", small, "share of a point's signal"),
            "correlation": Added("yx", small, "share of the variance"),
            "correlation_decorrelated": Added("yx", small, "share of the variance"),
        }

    def fit(
        self, run: Run, *, progress: Progress = silent, rng: np.random.Generator | None = None
    ) -> FittedDecorrelate:
        """The inverse filter of the run's detector, and what it leaves of the noise's correlation.

        Raises ValueError where the noise is not what a detector's blur makes: shared between frames, blurred beyond
        repair, or passed through edge enhancement.
        """
        frames = run.video("frames")
        detector = detector_of(run)
        kernel = _inverted(detector, floor=self.floor)
        maps = {
            "response": kernel,
            "correlation": detector.autocorrelation,
            "correlation_decorrelated": _correlation_left(kernel, frames, detector, self.floor, progress),
        }
        factor = _inverse(kernel, run.video(self.of[0]).shape[1:], floor=self.floor)
        images = {name: Image(data=data, pixel_size=frames.pixel_size) for name, data in maps.items()}
        return FittedDecorrelate(self.of, factor, images)


@dataclass(frozen=True, eq=False)
class FittedDecorrelate(FittedStage):
    """An inverse filter for whole frames: `factor` is laid out as the rfft2 of a padded frame."""

    of: tuple[str, ...]
    factor: NDArray[np.float32]
    results: Mapping[str, Image | Table]
    cuts: str = "t"
    halo: tuple[int, int, int] = (0, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """The decorrelated videos, (t, y, x) float32 in the input's units."""
        return {f"{name}_decorrelated": filtered(block[name][at.inner], self.factor, pad=PAD) for name in self.of}


def _inverted(detector: Detector, *, floor: float) -> NDArray[np.float64]:
    """The kernel (2r+1, 2r+1), sum 1, that made white noise into the detector's; refuses noise that no blur made."""
    lag = detector.temporal_correlation
    if abs(lag) > LAG:
        raise ValueError(
            f"expected noise that is independent between frames, found a correlation of {lag:.2f}: "
            "a recursive filter or strong lag; use raw frames, or leave Decorrelate out"
        )
    spectrum = transfer(detector.autocorrelation, (64, 64))
    passed = np.sqrt(np.maximum(spectrum, 0) / spectrum.max())
    lost = float((passed < floor).mean())
    if lost > LOST:
        raise ValueError(
            f"expected noise in the whole spectrum, found {lost:.0%} of it below {floor:g} of the maximum: the frames "
            "were smoothed or compressed; use raw frames, lower the floor, or leave Decorrelate out"
        )
    if passed[0, 0] < PASSBAND:
        raise ValueError(
            f"expected noise that a detector blurred, found slow variations at {passed[0, 0]:.0%} of the maximum: "
            "edges were enhanced; use raw frames, or leave Decorrelate out"
        )
    return root(detector.autocorrelation)


def _inverse(kernel: NDArray[np.float64], shape: tuple[int, ...], *, floor: float) -> NDArray[np.float32]:
    """1 / H for padded frames of `shape` (Y, X), with H kept above `floor` times its maximum; keeps the mean."""
    response = transfer(kernel, (shape[0] + 2 * PAD, shape[1] + 2 * PAD))
    return np.asarray(1 / np.maximum(response, floor * response.max()), np.float32)


def _correlation_left(
    kernel: NDArray[np.float64], frames: Video, detector: Detector, floor: float, progress: Progress
) -> NDArray[np.float64]:
    """The noise's autocorrelation after the filter, measured on the frames as it was before."""
    from napari_fluorodenoise.physics import differences, noise, response

    factor = _inverse(kernel, frames.shape[1:], floor=floor)
    groups = [
        replace(group, frames=filtered(group.frames, factor, pad=PAD))
        for group in differences.groups(frames, progress=progress)
    ]
    blocks = differences.blocks(groups, field=detector.field)
    return response.autocorrelation(blocks, noise.fit(blocks, floor=detector.floor))[0]
