"""The noise of one video of a run, as a share of the detector's: what every denoiser starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.physics.detector import Detector, detector_of
from napari_fluorodenoise.video import Image, Run, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KNOWN", "Noise", "noise_of"]

KNOWN = ("frames", "background", "foreground", "frames_decorrelated")
"""Videos whose noise follows from the detector's."""
SAMPLED = 5
"""Frames on which a derived video's noise is measured."""
SIZE = 16
"""Block size in px of the spectrum."""


@dataclass(frozen=True, eq=False)
class Noise:
    """The noise of one video: its variance as a `detector` has it, and its `autocorrelation` (2r+1, 2r+1).

    `signed` values are differences from a background, whose intensity sets their noise. `shared` noise is the same in
    neighbouring frames, so they are no help; it is at least `share` of a frame's, and more where the pixels of frame t
    were `seen(t)` (Y, X) times only.
    """

    detector: Detector
    autocorrelation: NDArray[np.float64]
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


def noise_of(run: Run, name: str) -> Noise:
    """The noise of the video `name`, one of `KNOWN`: the detector's own for frames, scaled to what is found in others.

    A foreground keeps all the noise of its frames.
    """
    detector = detector_of(run)
    correlation = np.ones((1, 1)) if name == "frames_decorrelated" else detector.autocorrelation
    if name in ("frames", "foreground"):
        return Noise(detector, correlation, signed=name == "foreground")
    share = _share(run.video(name), detector, correlation)
    if name == "background":
        # A mean of frames holds no more noise than a frame; what looks like more is texture.
        return Noise(detector, correlation, shared=True, share=min(share, 1.0), seen=_seen(run))
    return Noise(_scaled(detector, share), correlation)


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


def _share(video: Video, detector: Detector, correlation: NDArray[np.float64]) -> float:
    """The noise variance of a derived video as a share of the detector's.

    It is read, by a median, from the coefficients of blocks in the field that are oblique and neither coarse, where
    anatomy is, nor the finest, which resampling lowers.
    """
    from napari_fluorodenoise.primitives.dct import analyse, block_means, deviation

    spectrum, band = deviation(correlation, size=SIZE), slice(SIZE // 5, 3 * SIZE // 4)
    inside = block_means(detector.field.astype(np.float32), size=SIZE, step=SIZE) > 0.99
    inside |= not inside.any()
    ratios = []
    for t in np.unique(np.linspace(0, video.shape[0] - 1, SAMPLED).astype(int)):
        coefficients = analyse(detector.stabilize(np.asarray(video.data[t])), size=SIZE, step=SIZE)
        ratios.append((coefficients / spectrum)[:, band, :, band].transpose(0, 2, 1, 3)[inside])
    median = float(np.median(np.concatenate(ratios) ** 2))
    return max(median / 0.4549, 1e-4)  # the median of a squared standard normal variable
