"""Decorrelate: the inverse of the detector's blur, after which the noise of neighbouring pixels is independent.

The scintillator spreads every quantum over neighbours, so noise and signal went through the same filter H, and 1/H
undoes both (Graas & Lucka, doi 10.1088/1361-6501/addc06: conj(H) / |H|², not 1 / |H|²). What is inverted is the
whitening kernel: the root of the noise's whole measured spectrum, white read noise included, scaled to keep the mean.
It is applied to intensities as they are: for quantum noise, whose variance follows the local mean, the filter is the
same everywhere and only the noise's scale varies.

Noise grows by the filter: four times the variance is usual. What is denoised afterwards has to be blurred again by
what was inverted (`whitening`) to compare with the detector's own frames, as Fuse does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pydantic.dataclasses
from annotated_types import Gt, Le, MinLen

from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.physics.detector import Detector, detector_of
from napari_fluorodenoise.physics.processing import compressed, filtered_in_time, sharpened, smoothed
from napari_fluorodenoise.primitives.declaration import ADVANCED, STRICT
from napari_fluorodenoise.primitives.spectra import filtered, transfer
from napari_fluorodenoise.stages.stage import Added, FittedStage, Stage
from napari_fluorodenoise.video import Image, Run, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.differences import Group

__all__ = ["Decorrelate", "FittedDecorrelate", "blurring"]

PAD = 16
"""Mirrored pixels around a frame: the inverse filter has died away by then."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Decorrelate(Stage):
    """Undo the detector's blur, so that the noise of neighbouring pixels becomes independent."""

    of: Annotated[tuple[str, ...], MinLen(1)] = ("frames",)
    """Names of the videos to decorrelate."""
    floor: Annotated[float, Gt(0), Le(1), ADVANCED] = 0.12
    """Smallest response that is inverted, as a share of the largest; it bounds how much noise is amplified."""

    def reads(self, run: Run) -> tuple[str, ...]:
        """The videos named in `of`, and the frames, whose noise is shown."""
        return tuple(dict.fromkeys((*self.of, "frames")))

    def adds(self, run: Run) -> dict[str, Added]:
        """`<name>_decorrelated` for each video, what was inverted, and the noise before and after.

        `response` is the point response function, read noise left out, `whitening` the kernel that is inverted;
        `autocorrelation` and `spectrum` (the noise power spectrum at the median intensity, frequency 0 in the middle)
        are those of the noise, `correlation_map` shows the summed correlation of each pixel with its neighbours.
        """
        kind, small = np.dtype(np.float32), np.dtype(np.float64)
        videos = {f"{name}_decorrelated": Added("tyx", kind, f"as {name}") for name in self.of}
        shares = {
            "autocorrelation": Added("yx", small, "share of the variance"),
            "spectrum": Added("yx", small, "intensity² mm²" if _sized(run) else "intensity² pixel"),
            "correlation_map": Added("yx", kind, "share of the variance"),
        }
        return {
            **videos,
            "response": Added("yx", small, "share of a point's signal"),
            "whitening": Added("yx", small, "share of a point's signal"),
            **{f"{name}{when}": what for name, what in shares.items() for when in ("", "_decorrelated")},
        }

    def fit(
        self, run: Run, *, progress: Progress = silent, rng: np.random.Generator | None = None
    ) -> FittedDecorrelate:
        """The inverse filter of the run's detector, and what it leaves of the noise's correlation.

        Raises ValueError where the noise is not what a detector's blur makes: shared between frames, blurred beyond
        repair, passed through edge enhancement or JPEG.
        """
        from napari_fluorodenoise.physics import differences
        from napari_fluorodenoise.physics.differences import Group

        frames, detector = run.video("frames"), detector_of(run)
        groups = differences.groups(frames, progress=progress)
        _refuse_processed(detector, groups, floor=self.floor)
        inverse = np.reciprocal(blurring(detector.whitening, frames.shape[1:], floor=self.floor))
        sharp = [Group.of(group.start, filtered(group.frames, inverse, pad=PAD)) for group in groups]
        maps = {"response": detector.response, "whitening": detector.whitening}
        maps |= _noise(groups, detector, detector.autocorrelation, level=float(detector.variance(detector.level)))
        maps |= {f"{name}_decorrelated": data for name, data in _noise(sharp, *_remeasured(sharp, detector)).items()}
        images = {name: Image(data=data, pixel_size=frames.pixel_size) for name, data in maps.items()}
        factor = np.reciprocal(blurring(detector.whitening, run.video(self.of[0]).shape[1:], floor=self.floor))
        return FittedDecorrelate(factor, images, self.of)


@dataclass(frozen=True, eq=False)
class FittedDecorrelate(FittedStage):
    """An inverse filter for whole frames of the `inputs`: `factor` is laid out as the rfft2 of a padded frame."""

    factor: NDArray[np.float32]
    results: Mapping[str, Image | Table]
    inputs: tuple[str, ...] = ()
    cuts: str = "t"
    halo: tuple[int, int, int] = (0, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """The decorrelated videos, (t, y, x) float32 in the input's units."""
        return {f"{name}_decorrelated": filtered(block[name][at.inner], self.factor, pad=PAD) for name in self.inputs}


def blurring(kernel: NDArray[np.float64], shape: tuple[int, ...], *, floor: float = 0.0) -> NDArray[np.float32]:
    """The transfer function H of a `kernel`, for frames of `shape` (Y, X) with PAD mirrored pixels around.

    It is kept above `floor` times its maximum. 1 / H decorrelates, H blurs again; both keep the mean.
    """
    response = transfer(kernel, (shape[0] + 2 * PAD, shape[1] + 2 * PAD))
    return np.asarray(np.maximum(response, floor * response.max()), np.float32)


def _sized(run: Run) -> bool:
    return run.video("frames").pixel_size is not None


def _refuse_processed(detector: Detector, groups: Sequence[Group], *, floor: float) -> None:
    """Raise ValueError for noise that no detector's blur made, with the reason and what to do."""
    reasons = (
        *filtered_in_time(detector.temporal_correlation, detector.temporal_correlation_error),
        *smoothed(detector.autocorrelation, floor=floor),
        *sharpened(detector.autocorrelation),
        *compressed(groups),
    )
    if reasons:
        raise ValueError(
            f"expected noise that a detector's blur made, found that {reasons[0]}; use raw frames, or "
            "leave Decorrelate out"
        )


def _remeasured(groups: Sequence[Group], detector: Detector) -> tuple[Detector, NDArray[np.float64], float]:
    """The detector with the line of decorrelated `groups`, their noise's autocorrelation and variance at the level."""
    from napari_fluorodenoise.physics import differences, noise, response

    blocks = differences.blocks(groups, field=detector.field)
    line = noise.fit(blocks, floor=detector.floor)
    correlation, _ = response.autocorrelation(blocks, line, certain=0.0)  # what little is left is to be seen
    line = line.scaled(1 / response.kept_by_detrending(correlation))
    sharp = replace(detector, slope=line.slope, read_variance=line.read_variance, floor=line.floor)
    return sharp, correlation, float(sharp.variance(detector.level))


def _noise(
    groups: Sequence[Group], detector: Detector, correlation: NDArray[np.float64], level: float
) -> dict[str, NDArray[Any]]:
    """Autocorrelation, noise power spectrum and correlation map of noise whose variance is `level` at the median."""
    from napari_fluorodenoise.physics.correlation_map import correlation_map
    from napari_fluorodenoise.physics.response import noise_power_spectrum

    size = detector.pixel_size or (1.0, 1.0)
    return {
        "autocorrelation": correlation,
        "spectrum": noise_power_spectrum(correlation, variance=level, pixel_size=size),
        "correlation_map": correlation_map(groups, detector.stabilize),
    }
