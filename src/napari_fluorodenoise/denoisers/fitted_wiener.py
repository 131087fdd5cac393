"""Each frame cleaned with its moved neighbours and the measured noise; nothing is trained.

Values are first brought to noise of unit variance by the detector's photon-transfer line. A frame is then taken apart
into nested temporal means along the motion (`denoisers.nested`), each part is cleaned by a Wiener filter that knows
the noise's spectrum (`denoisers.wiener`), and their sum goes back to intensities; what bias is left is read from a few
frames and taken away (`primitives.unbiased`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.denoisers.noise import Noise, noise_of
from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import checkpoint
from napari_fluorodenoise.primitives.unbiased import NOTHING, Correction, correction, due_to_mean_keeping

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.nested import Part
    from napari_fluorodenoise.engine.progress import Progress
    from napari_fluorodenoise.video import Run, Video

    Frames = NDArray[np.float32]

__all__ = ["SETTINGS", "FittedWiener", "fit", "sampled"]

SETTINGS = ("radius", "strength", "step")
EVERY, MOST = 24, 5
"""A bias is read from one frame in 24, five at the most: 4 % more work."""


@dataclass(frozen=True, eq=False)
class FittedWiener:
    """What the filter of one video, `name`, needs: its noise, the spectrum of blocks, and that of smoothed frames."""

    name: str
    noise: Noise
    deviation: NDArray[np.float32]
    smoothed: Mapping[float, float]
    radius: int
    strength: float
    step: int
    due: Correction = NOTHING
    warnings: tuple[str, ...] = ()
    model: None = None

    def __call__(self, block: Mapping[str, NDArray[Any]], at: Block) -> tuple[Frames, Frames]:
        """The core of `at` (t, y, x) without its noise, and the standard deviation of the error."""
        values, detector = block[self.name], self.noise.detector
        if self.noise.signed:
            scale = np.sqrt(detector.variance(block["background"])).astype(np.float32)
            clean, left = self.filtered(values / scale, at)
            return clean * scale[at.inner], np.sqrt(left) * scale[at.inner]
        above = block.get("foreground") if self.noise.shared else None
        clean, left = self.filtered(detector.stabilize(values), at, above)
        restored = self.restored(clean, left)
        return restored, np.sqrt(left * detector.variance(restored))

    def restored(self, clean: Frames, left: Frames) -> Frames:
        """Intensities (t, y, x) of filtered values with the error variance `left`."""
        return self.due(self.noise.detector.unstabilize(clean, residual=np.minimum(left, 1)))

    def filtered(self, values: Frames, at: Block, above: Frames | None = None) -> tuple[Frames, Frames]:
        """The core of `values` (t, y, x), which hold noise of unit variance, without it; and the error variance.

        `above` (t, y, x) is the foreground where the values are a background: that holds less noise.
        """
        from napari_fluorodenoise.denoisers.nested import guide

        guides = np.stack([guide(frame) for frame in values]) if self._radii else values
        core = values[at.inner]
        clean, left = np.zeros_like(core), np.zeros_like(core)
        for index, t in enumerate(range(at.inner[0].start, at.inner[0].stop)):
            first = at.core[0].start + index
            for order, part in enumerate(self._parts(values, t, guides, first, None if above is None else above[t])):
                checkpoint()
                picture, error = self._cleaned(part, longest=order == 0)
                clean[index] += picture
                left[index] += error
        return clean, left

    @property
    def _radii(self) -> list[int]:
        return [] if self.noise.shared else sorted({min(1, self.radius), self.radius} - {0})

    def _parts(self, values: Frames, t: int, guides: Frames, number: int, above: Frames | None) -> list[Part]:
        """The summands of frame `t` of the block, which is frame `number` of the sequence."""
        from napari_fluorodenoise.denoisers.nested import Part, parts

        if self.noise.shared:
            variance = self.noise.of_background(number, above=above)
            return [Part(values[t], np.broadcast_to(variance, values[t].shape))]
        return parts(values, t, guides=guides, noise=self.smoothed, radii=self._radii)

    def _cleaned(self, part: Part, *, longest: bool) -> tuple[Frames, Frames]:
        from napari_fluorodenoise.denoisers.wiener import wiener

        return wiener(
            part.picture,
            deviation=self.deviation,
            variance=part.variance,
            strength=self.strength,
            step=self.step if longest else 8,  # the differences hold little signal: half the work is enough
            keep_mean=longest,
        )


def fit(
    run: Run,
    name: str,
    *,
    progress: Progress,
    rng: np.random.Generator,
    radius: int,
    strength: float,
    step: int,
) -> FittedWiener:
    """The filter for the video `name`: its noise, and for frames the bias that the way back leaves."""
    from napari_fluorodenoise.denoisers.nested import smoothed_noise
    from napari_fluorodenoise.denoisers.wiener import SIZE
    from napari_fluorodenoise.primitives.dct import deviation

    progress(0.0, f"noise of {name}")
    noise = noise_of(run, name)
    spectrum, smoothed = deviation(noise.autocorrelation, size=SIZE), smoothed_noise(noise.autocorrelation)
    fitted = FittedWiener(name, noise, spectrum, smoothed, radius, strength, step)
    return replace(fitted, due=_due(fitted, run.video(name), progress)) if name == "frames" else fitted


def sampled(count: int) -> list[int]:
    """The frames of `count` from which a bias is read."""
    places = np.linspace(0, count - 1, int(np.clip(count // EVERY, 1, MOST)) + 2)[1:-1].round().astype(int)
    return [int(t) for t in places]


def _due(fitted: FittedWiener, video: Video, progress: Progress) -> Correction:
    """What intensities lack after the filter, read from a few frames of `video`."""
    pairs, places = [], sampled(video.shape[0])
    for done, t in enumerate(places):
        progress(done / len(places), f"bias of {fitted.name}")
        pairs.append(_due_in(fitted, video, t))
    return correction(pairs)


def _due_in(fitted: FittedWiener, video: Video, t: int) -> NDArray[np.float64]:
    start, stop = max(t - fitted.radius, 0), min(t + fitted.radius + 1, video.shape[0])
    rows, columns = slice(0, video.shape[1]), slice(0, video.shape[2])
    frames, detector = np.asarray(video.data[start:stop]), fitted.noise.detector
    if not np.isfinite(frames).all():
        return np.zeros((2, 0))  # the frame is named when its turn comes
    stabilized = detector.stabilize(frames)
    at = Block((slice(t, t + 1), rows, columns), (slice(start, stop), rows, columns))
    clean, left = fitted.filtered(stabilized, at)
    return due_to_mean_keeping(
        frames[t - start],
        fitted.restored(clean, left)[0],
        stabilized=stabilized[t - start],
        denoised=clean[0],
        back=partial(detector.unstabilize, residual=1.0),
    )
