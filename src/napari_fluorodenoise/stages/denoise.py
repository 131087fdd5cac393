"""Denoise: each frame cleaned with its moved neighbours and the measured noise; nothing is trained.

The values are first brought to noise of unit variance by the detector's photon-transfer line. A frame is then taken
apart into nested temporal means along the motion (`denoisers.nested`), each part is cleaned by a Wiener filter that
knows the noise's spectrum (`denoisers.wiener`), and their sum goes back to intensities without bias.

It fails where its noise model does: a wrong noise level blurs or leaves noise in proportion, and noise that a vendor's
recursive filter ties to earlier frames is partly taken for anatomy. Detail fainter than the noise of a few frames in a
block of 16 px is lost; the uncertainty says how much is, on average.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le, MinLen

from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.physics.detector import Detector, detector_of
from napari_fluorodenoise.stages.stage import STRICT, Added, FittedStage, Stage, refuse_infinite
from napari_fluorodenoise.video import Image, Run, Table, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Denoise", "FittedDenoise"]

KNOWN = ("frames", "background", "foreground", "frames_decorrelated")
"""Videos whose noise follows from the detector's."""
SAMPLED = 5
"""Frames on which a derived video's noise is measured."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Denoise(Stage):
    """Remove the noise of each frame with the help of its neighbours, moved onto it."""

    of: Annotated[tuple[str, ...], MinLen(1)] = ("frames",)
    """Names of the videos to denoise."""
    radius: Annotated[int, Ge(0), Le(16)] = 4
    """Neighbours used on either side of a frame, in frames; 0 denoises each frame alone."""
    strength: Annotated[float, Gt(0), Le(3)] = 1.0
    """Noise to remove, as a multiple of the measured standard deviation."""
    step: Literal[2, 4, 8] = 8
    """Distance of the overlapping blocks, in pixels: 4 takes half as long again and gains 0.2 dB."""

    def reads(self, run: Run) -> tuple[str, ...]:
        """The videos named in `of`, and with one half of a split the other, which tells how much noise it holds.

        Raises ValueError for a video whose noise is not known: what was resampled, or made of several.
        """
        unknown = [name for name in self.of if name not in KNOWN]
        if unknown:
            raise ValueError(f"expected videos whose noise is known ({', '.join(KNOWN)}), found {unknown[0]!r}")
        under = ("background",) if "foreground" in self.of and "background" not in self.of else ()
        above = (
            ("foreground",) if "background" in self.of and "foreground" in run and "foreground" not in self.of else ()
        )
        return (*self.of, *under, *above)

    def adds(self, run: Run) -> dict[str, Added]:
        """`<name>_denoised` for each video, and `<name>_uncertainty`: the standard deviation of the error, on average.

        A faint detail's own error is larger: what is as weak as the noise is weakened with it.
        """
        kind = np.dtype(np.float32)
        kinds = ("denoised", "uncertainty")
        return {f"{name}_{what}": Added("tyx", kind, f"as {name}") for name in self.of for what in kinds}

    def fit(self, run: Run, *, progress: Progress = silent, rng: np.random.Generator | None = None) -> FittedDenoise:
        """The noise of every video in `of`: the detector's own for frames, scaled to what is found in the others."""
        detector = detector_of(run)
        noises = {}
        for index, name in enumerate(self.of):
            progress(index / len(self.of), f"noise of {name}")
            noises[name] = _noise(name, run.video(name), detector, seen=_seen(run) if name == "background" else None)
        return FittedDenoise(noises, self.radius, self.strength, self.step)


@dataclass(frozen=True, eq=False)
class Noise:
    """The noise of one video: its variance as a `detector` has it, that of coefficients, and of smoothed frames.

    `signed` values are differences from a background, whose intensity sets their noise. `shared` noise is the same in
    neighbouring frames, so they are no help; it is at least `share` of a frame's, and more where the pixels of frame t
    were `seen(t)` (Y, X) times only.
    """

    detector: Detector
    deviation: NDArray[np.float32]
    smoothed: Mapping[float, float]
    signed: bool = False
    shared: bool = False
    share: float = 1.0
    seen: Callable[[int], NDArray[np.float32]] | None = None

    def of_background(self, t: int, *, above: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """The noise variance, (Y, X) or one number, of a background in frame `t`: 1 where the foreground `above` is 0.

        There it is the frame itself.
        """
        share = np.float32(self.share)
        variance = share if self.seen is None else np.clip(1 / np.maximum(self.seen(t), 1), share, 1)
        return np.asarray(variance if above is None else np.where(above == 0, 1, variance), np.float32)


@dataclass(frozen=True, eq=False)
class FittedDenoise(FittedStage):
    """The noise of each video to denoise, by name."""

    noises: Mapping[str, Noise]
    radius: int
    strength: float
    step: int
    results: Mapping[str, Image | Table] = field(default_factory=dict)
    cuts: str = "t"

    @property
    def halo(self) -> tuple[int, int, int]:
        """The neighbours on either side."""
        return (self.radius, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """The denoised videos and their uncertainty, (t, y, x) float32 in the input's units."""
        results = {}
        for name, noise in self.noises.items():
            refuse_infinite(block[name], name=name, first=at.outer[0].start)
            clean, left = self._denoised(name, noise, block, at)
            results[f"{name}_denoised"] = clean
            results[f"{name}_uncertainty"] = left
        return results

    def _denoised(
        self, name: str, noise: Noise, block: Mapping[str, NDArray[Any]], at: Block
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if noise.signed:
            scale = np.sqrt(noise.detector.variance(block["background"])).astype(np.float32)
            clean, left = self._filtered(block[name] / scale, noise, at)
            return clean * scale[at.inner], np.sqrt(left) * scale[at.inner]
        above = block.get("foreground") if noise.shared else None
        clean, left = self._filtered(noise.detector.stabilize(block[name]), noise, at, above)
        values = noise.detector.unstabilize(clean, residual=np.minimum(left, 1))
        return values, np.sqrt(left * noise.detector.variance(values))

    def _filtered(
        self, values: NDArray[np.float32], noise: Noise, at: Block, above: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The core of `values` (t, y, x), which hold noise of unit variance, without it; and the error variance.

        `above` (t, y, x) is the foreground where the values are a background: that holds less noise.
        """
        from napari_fluorodenoise.denoisers.nested import Part, guide, parts
        from napari_fluorodenoise.denoisers.wiener import wiener

        radii = sorted({min(1, self.radius), self.radius} - {0}) if not noise.shared else []
        guides = np.stack([guide(frame) for frame in values]) if radii else values
        core = values[at.inner]
        clean, left = np.zeros_like(core), np.zeros_like(core)
        for index, t in enumerate(range(at.inner[0].start, at.inner[0].stop)):
            if noise.shared:
                variance = noise.of_background(at.core[0].start + index, above=None if above is None else above[t])
                summands = [Part(values[t], np.broadcast_to(variance, values[t].shape))]
            else:
                summands = parts(values, t, guides=guides, noise=noise.smoothed, radii=radii)
            for order, part in enumerate(summands):
                picture, error = wiener(
                    part.picture,
                    deviation=noise.deviation,
                    variance=part.variance,
                    strength=self.strength,
                    step=self.step if order == 0 else 8,  # the differences hold little signal: half the work is enough
                    keep_mean=order == 0,
                )
                clean[index] += picture
                left[index] += error
        return clean, left


def _noise(
    name: str, video: Video, detector: Detector, *, seen: Callable[[int], NDArray[np.float32]] | None = None
) -> Noise:
    from napari_fluorodenoise.denoisers.nested import smoothed_noise
    from napari_fluorodenoise.denoisers.wiener import SIZE
    from napari_fluorodenoise.primitives.dct import deviation

    white = np.ones((1, 1))
    correlation = white if name == "frames_decorrelated" else detector.autocorrelation
    spectrum, smoothed = deviation(correlation, size=SIZE), smoothed_noise(correlation)
    if name in ("frames", "foreground"):  # a foreground keeps all the noise of its frames
        return Noise(detector, spectrum, smoothed, signed=name == "foreground")
    share = _share(video, detector, spectrum)
    if name == "background":
        # A mean of frames holds no more noise than a frame; what looks like more is texture.
        return Noise(detector, spectrum, smoothed, shared=True, share=min(share, 1.0), seen=seen)
    return Noise(_scaled(detector, share), spectrum, smoothed)


def _seen(run: Run) -> Callable[[int], NDArray[np.float32]] | None:
    """How often the pixels (Y, X) of a frame were seen in the whole sequence; None where the run does not know."""
    from napari_fluorodenoise.motion.canvas import Canvas
    from napari_fluorodenoise.motion.segments import places

    times, frames = run.get("times_seen"), run.video("frames")
    if not isinstance(times, Image):
        return None
    canvas = Canvas.around(places(run)[0], frame=(frames.shape[1], frames.shape[2]))
    return partial(canvas.view, times.data)


def _scaled(detector: Detector, factor: float) -> Detector:
    """`detector` with `factor` times the noise variance."""
    return replace(
        detector,
        slope=detector.slope * factor,
        read_variance=detector.read_variance * factor,
        floor=detector.floor * factor,
    )


def _share(video: Video, detector: Detector, spectrum: NDArray[np.float32]) -> float:
    """The noise variance of a derived video as a share of the detector's.

    It is read, by a median, from the coefficients of blocks in the field that are oblique and neither coarse, where
    anatomy is, nor the finest, which resampling lowers.
    """
    from napari_fluorodenoise.primitives.dct import analyse, block_means

    size = spectrum.shape[1]
    band = slice(size // 5, 3 * size // 4)
    inside = block_means(detector.field.astype(np.float32), size=size, step=size) > 0.99
    inside |= not inside.any()
    ratios = []
    for t in np.unique(np.linspace(0, video.shape[0] - 1, SAMPLED).astype(int)):
        coefficients = analyse(detector.stabilize(np.asarray(video.data[t])), size=size, step=size)
        ratios.append((coefficients / spectrum)[:, band, :, band].transpose(0, 2, 1, 3)[inside])
    median = float(np.median(np.concatenate(ratios) ** 2))
    return max(median / 0.4549, 1e-4)  # the median of a squared standard normal variable
