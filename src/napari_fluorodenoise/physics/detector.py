"""What is true of the detector and the exposure, measured once from the raw frames and carried by the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.primitives import anscombe

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_fluorodenoise.physics.differences import Blocks
    from napari_fluorodenoise.physics.noise import Line
    from napari_fluorodenoise.video import Run, Video

__all__ = ["Detector", "detector_of", "measure", "measured"]

LAGGING = 0.1
"""Correlation between frames above which a reader is warned; a flat panel's lag stays below."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Detector:
    """Noise and blur of one detector at one exposure, in the units of its frames.

    `slope` and `read_variance` are the photon-transfer line: variance = slope * mean + read_variance (the slope may be
    0 for plain Gaussian noise and negative for an inverted scale); `floor` is the smallest variance the line may give.
    `level` is the median intensity inside the field.
    `autocorrelation` (2r+1, 2r+1) is that of the noise at unit variance, 1 at its centre. `response` (k, k) is the
    point response function, sum 1. `field` (Y, X) is True inside the collimator. `temporal_correlation` is that of the
    noise between consecutive frames. `warnings` are sentences for a reader.
    """

    slope: float
    read_variance: float
    floor: float
    level: float
    autocorrelation: NDArray[np.float64]
    response: NDArray[np.float64]
    field: NDArray[np.bool_]
    temporal_correlation: float = 0.0
    warnings: tuple[str, ...] = ()

    def variance(self, mean: NDArray[Any]) -> NDArray[Any]:
        """The noise variance at each `mean` intensity: the photon-transfer line, not below its floor."""
        return np.maximum(self.slope * mean + self.read_variance, self.floor)

    def stabilize(self, frames: NDArray[Any]) -> NDArray[np.float32]:
        """`frames` with noise of unit variance, 0 at `level`."""
        return anscombe.stabilize(
            frames, slope=self.slope, read_variance=self.read_variance, floor=self.floor, level=self.level
        )

    def unstabilize(self, values: NDArray[Any], *, residual: ArrayLike = 0.0) -> NDArray[np.float32]:
        """Intensities of stabilised `values` that keep a share `residual` of their noise variance (1: untouched)."""
        return anscombe.unstabilize(
            values,
            slope=self.slope,
            read_variance=self.read_variance,
            floor=self.floor,
            level=self.level,
            residual=residual,
        )


def measured(run: Run, *, progress: Progress = silent) -> Run:
    """`run` with its detector: measured on its frames, once."""
    return run if run.detector is not None else run.measured(measure(run.video("frames"), progress=progress))


def detector_of(run: Run) -> Detector:
    """The detector that `run` knows; measured on its frames where it knows none."""
    return run.detector or measure(run.video("frames"))


def measure(video: Video, *, progress: Progress = silent) -> Detector:
    """The detector of `video`, from at most 16 groups of four consecutive frames (about 8 million pixels).

    Raises ValueError for fewer than two frames, where a frame that is looked at holds NaN or infinity, and for values
    so large that float32 would round their noise away. What could not be measured is said in `warnings`: the noise is
    then taken to be constant, or white. The noise is that of differences between consecutive frames; lag with
    correlation rho makes its variance read 1 - rho times too small.
    """
    from napari_fluorodenoise.physics import collimator, differences, noise, response

    groups = differences.groups(video, progress=progress)
    mean = np.mean([group.frames.mean(0, dtype=np.float64) for group in groups], axis=0)
    field = collimator.field(mean, inverted=video.photometric == "MONOCHROME1")
    blocks = differences.blocks(groups, field=field)
    line = noise.fit(blocks, floor=_least_variance(blocks, mean, video.dtype))
    correlation = response.autocorrelation(blocks, line)
    line = line.scaled(1 / response.kept_by_detrending(correlation))
    lag = response.temporal_correlation(blocks, line)
    level = float(np.median(mean[field]))
    _refuse_too_large(mean, blocks)
    return Detector(
        slope=line.slope,
        read_variance=line.read_variance,
        floor=line.floor,
        level=level,
        autocorrelation=correlation,
        response=response.response(correlation, read_share=_read_share(line, blocks.mean, level)),
        field=field,
        temporal_correlation=lag,
        warnings=(*line.warnings, *_lag_warning(lag)),
    )


def _refuse_too_large(mean: NDArray[np.float64], blocks: Blocks) -> None:
    largest = float(np.abs(mean).max())
    change = float(np.median(np.abs(blocks.difference))) if blocks.difference.size else 0.0
    if change and np.spacing(np.float32(largest)) > change / 4:
        raise ValueError(
            f"expected values that float32 can tell apart, found {largest:g} with changes of {change:.3g}; "
            "subtract an offset first"
        )


def _least_variance(blocks: Blocks, mean: NDArray[np.float64], dtype: np.dtype[Any]) -> float:
    """The rounding's variance, and at least what keeps a division by it finite.

    The smallest change there is tells the step of the grey levels, also of whole numbers scaled to floats.
    """
    changes = np.abs(blocks.difference[blocks.difference != 0])
    step = float(changes.min()) if changes.size else float(dtype.kind != "f")
    return max(step**2 / 12, 1e-12 * float(np.abs(mean).max()) ** 2, 1e-24)


def _lag_warning(lag: float) -> tuple[str, ...]:
    if lag <= LAGGING:
        return ()
    return (f"consecutive frames share {lag:.0%} of what looks like noise: lag, a recursive filter, or motion",)


def _read_share(line: Line, means: NDArray[np.float64], level: float) -> float:
    """The read noise's share of the variance, on average over the blocks."""
    means = means if len(means) else np.array([level])
    return float(np.mean(line.read_variance / line.variance(means)))
