"""What is true of the detector and the exposure, measured once from the raw frames and carried by the run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.physics.lag import CERTAIN, QUANTA
from napari_fluorodenoise.physics.noise import NONE, Bins
from napari_fluorodenoise.primitives import anscombe
from napari_fluorodenoise.primitives.spectra import root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_fluorodenoise.physics.differences import Blocks, Group
    from napari_fluorodenoise.physics.noise import Line
    from napari_fluorodenoise.video import Run, Video

__all__ = ["Detector", "detector_of", "measure", "measured", "surveyed"]


PLACES = 64
"""Groups whose pictures make the typical one, at the most: they are in memory at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Detector:
    """Noise and blur of one detector at one exposure, in the units of its frames.

    `slope` and `read_variance` are the photon-transfer line: variance = slope * mean + read_variance (the slope may be
    0 for plain Gaussian noise and negative for an inverted scale), with their standard errors; `floor` is the smallest
    variance the line may give, and `bins` are the points it was fitted through.
    `level` is the median intensity inside the field.
    `autocorrelation` (2r+1, 2r+1) is that of the noise at unit variance, 1 at its centre. `response` (k, k) is the
    point response function, sum 1: what blurs the quanta, the read noise left out. `field` (Y, X) is True inside the
    collimator. `temporal_correlation` is that of the noise between consecutive frames, `gain_drift` the change of the
    gain per frame as a share of the first frame's; their standard errors are infinite where nothing tells.
    `frame_interval` in s and `pixel_size` in mm are the sequence's. `blocks` says on how many parts of differences all
    this was measured: 0 of a calibration. `warnings` are sentences for a reader.
    """

    slope: float
    read_variance: float
    floor: float
    level: float
    autocorrelation: NDArray[np.float64]
    response: NDArray[np.float64]
    field: NDArray[np.bool_]
    slope_error: float = 0.0
    read_variance_error: float = 0.0
    bins: Bins = NONE
    temporal_correlation: float = 0.0
    temporal_correlation_error: float = np.inf
    gain_drift: float = 0.0
    gain_drift_error: float = np.inf
    frame_interval: float | None = None
    pixel_size: tuple[float, float] | None = None
    blocks: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def whitening(self) -> NDArray[np.float64]:
        """The kernel (2r+1, 2r+1), sum 1, that makes white noise into this detector's, read noise included."""
        return root(self.autocorrelation)

    @property
    def quantum_share(self) -> float:
        """The share of the noise variance at `level` that is the quanta's, and not read noise; 0 where none is told."""
        share = self.slope * self.level / float(self.variance(self.level))
        return min(share, 1.0) if share > QUANTA else 0.0

    @property
    def lag(self) -> tuple[float, float]:
        """What of its signal a pixel keeps for the next frame, as a share, and the standard error.

        Lag holds back quanta and no read noise, so it is the temporal correlation by the quanta's share of the noise;
        of all of the noise where no quanta can be told.
        """
        share = self.quantum_share or 1.0
        return float(np.clip(self.temporal_correlation / share, 0, 0.99)), self.temporal_correlation_error / share

    @property
    def quantum_slope(self) -> float:
        """The slope that the detector would have without lag: gain * sum of the squared response * excess.

        Lag with correlation l leaves (1 - l) / (1 + l) of a frame's quantum noise.
        """
        lag, error = self.lag
        known = self.quantum_share and lag > CERTAIN * error
        return self.slope * (1 + lag) / (1 - lag) if known else self.slope

    def variance(self, mean: NDArray[Any] | float) -> NDArray[Any]:
        """The noise variance at each `mean` intensity: the photon-transfer line, not below its floor."""
        return np.asarray(np.maximum(self.slope * mean + self.read_variance, self.floor))

    def cropped(self, *, rows: slice, columns: slice) -> Detector:
        """The same detector for a part of its frames."""
        return replace(self, field=self.field[rows, columns])

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
    if run.detector is not None:
        return run
    frames = run.video("frames")
    return run.measured(pieces.once("detector", lambda told: measure(frames, progress=told), progress=progress))


def detector_of(run: Run) -> Detector:
    """The detector that `run` knows; measured on its frames where it knows none."""
    return run.detector or measure(run.video("frames"))


def surveyed(video: Video, groups: Sequence[Group]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A typical picture (Y, X) of some groups of `video`, and the collimator's field on it."""
    from napari_fluorodenoise.physics import collimator

    some = 3 if len(groups) > 2 else 1
    spread = groups[:: -(-len(groups) // PLACES)]
    mean = np.median([np.median(group.frames[::some], axis=0) for group in spread], axis=0).astype(np.float64)
    return mean, collimator.field(mean, inverted=video.photometric == "MONOCHROME1")


def measure(video: Video, *, progress: Progress = silent, pixels: int | None = None) -> Detector:
    """The detector of `video`, from groups of consecutive frames spread over it: about `pixels` in all (16 million).

    Raises ValueError for fewer than two frames, where a frame that is looked at holds NaN or infinity, and for values
    so large that float32 would round their noise away. What could not be measured is said in `warnings`: the noise is
    then taken to be constant, or white. What anatomy that never rests adds to differences counts as noise, and is told.
    """
    from napari_fluorodenoise.physics import differences, drift, lag, noise, response

    groups = differences.groups(video, progress=progress, pixels=pixels or differences.PIXELS)
    mean, field = surveyed(video, groups)
    level = float(np.median(mean[field]))
    blocks = differences.blocks(groups, field=field)
    _refuse_too_large(mean, blocks)
    step = differences.grey_step(groups)
    line = noise.fit(blocks, floor=_least_variance(step, mean, video.dtype))
    correlation, reach = response.autocorrelation(blocks, line)
    seen = response.intensity(blocks, line)
    line = response.undetrended(line, correlation, intensity=seen)
    read_share = response.read_share(line, seen)  # of differences, as the autocorrelation is
    line, correlated = lag.corrected(line, lag.shared(blocks, line), rest=lag.at_rest(blocks), seen=seen, level=level)
    found = replace(
        _found(line, correlated, drift.gain_drift(blocks.brightness), level=level, field=field),
        autocorrelation=correlation,
        response=response.response(correlation, read_share=read_share),
        blocks=len(blocks),
        frame_interval=video.frame_interval,
        pixel_size=video.pixel_size,
    )
    warnings = (*line.warnings, *noise.restless(blocks, line, correlation, reach), *_doubts(found, video, groups, step))
    return replace(found, warnings=warnings)


def _found(
    line: Line, lag: tuple[float, float], drift: tuple[float, float], *, level: float, field: NDArray[np.bool_]
) -> Detector:
    """A detector with that line, lag and drift, each with its error, and no blur."""
    one = np.ones((1, 1))
    return Detector(
        slope=line.slope,
        read_variance=line.read_variance,
        floor=line.floor,
        level=level,
        autocorrelation=one,
        response=one,
        field=field,
        slope_error=line.errors[0],
        read_variance_error=line.errors[1],
        bins=line.bins,
        temporal_correlation=lag[0],
        temporal_correlation_error=lag[1],
        gain_drift=drift[0],
        gain_drift_error=drift[1],
    )


def _doubts(found: Detector, video: Video, groups: Sequence[Group], step: float) -> tuple[str, ...]:
    """Sentences about what was done to the frames before they were stored, and what changes during the run."""
    from napari_fluorodenoise.physics import drift, processing

    if not found.blocks:  # without a noise there is no telling
        return processing.clipped(groups, found.field)
    inverted = video.photometric == "MONOCHROME1"
    deviation = float(np.sqrt(found.variance(found.level)))
    return (
        *processing.filtered_in_time(found.temporal_correlation, found.temporal_correlation_error),
        *processing.smoothed(found.autocorrelation),
        *processing.sharpened(found.autocorrelation),
        *processing.curved(found.bins, slope=found.slope, error=found.slope_error, inverted=inverted),
        *processing.compressed(groups),
        *processing.coarse(step, deviation),
        *processing.offset(found.read_variance, found.read_variance_error, slope=found.slope),
        *processing.clipped(groups, found.field),
        *drift.drifting(found.gain_drift, found.gain_drift_error, frames=video.shape[0]),
    )


def _refuse_too_large(mean: NDArray[np.float64], blocks: Blocks) -> None:
    largest = float(np.abs(mean).max())
    some = blocks.difference[:: len(blocks) // 1000 or 1]
    change = float(np.median(np.abs(some))) if some.size else 0.0
    if change and np.spacing(np.float32(largest)) > change / 4:
        raise ValueError(
            f"expected values that float32 can tell apart, found {largest:g} with changes of {change:.3g}; "
            "subtract an offset first"
        )


def _least_variance(step: float, mean: NDArray[np.float64], dtype: np.dtype[Any]) -> float:
    """The variance of rounding to grey levels a `step` apart, and at least what keeps a division by it finite."""
    step = step or float(dtype.kind != "f")
    return max(step**2 / 12, 1e-12 * float(np.abs(mean).max()) ** 2, 1e-24)
