"""A video with a pilot of every frame: what recipe `fast` makes of it, in units of the noise, and how far it errs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.denoisers import fitted_wiener
from napari_fluorodenoise.denoisers.evidence import RADIUS, Piloted
from napari_fluorodenoise.engine.blocks import Block, Output, map_blocks
from napari_fluorodenoise.engine.finite import refuse_infinite
from napari_fluorodenoise.engine.keep import kept
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.motion.segments import places
from napari_fluorodenoise.video import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.fitted_wiener import FittedWiener

__all__ = ["NEIGHBOURS", "STEP", "PilotedVideo", "piloted_video"]

NEIGHBOURS, STEP = 4, 8
"""The filter's settings, those of recipe `fast`, which the guard falls back on."""


@dataclass(frozen=True, eq=False)
class PilotedVideo:
    """A video with its pilots: `known` holds "frames", "pilots" and "left", and where the frames lie."""

    name: str
    wiener: FittedWiener
    known: Run
    places: tuple[NDArray[np.float64], NDArray[np.float64]]

    def piloted(self, frames: NDArray[Any], times: slice) -> Piloted:
        """The `frames` (t, Y, X) at the `times`, with all that is known of them."""
        pilots, left = (np.asarray(self.known.video(what).data[times]) for what in ("pilots", "left"))
        offsets, segments = (part[times] for part in self.places)
        noise = self.wiener.noise
        return Piloted(noise.detector.stabilize(frames), pilots, left, offsets, segments, noise.autocorrelation)

    def around(self, t: int) -> tuple[NDArray[Any], Piloted, int]:
        """The frames around frame `t` of the whole video, what is known of them, and which of them it is."""
        video = self.known.video("frames")
        times = slice(max(t - RADIUS, 0), min(t + RADIUS + 1, video.shape[0]))
        frames = np.asarray(video.data[times])
        return frames, self.piloted(frames, times), t - times.start


def piloted_video(run: Run, name: str, *, progress: Progress) -> PilotedVideo:
    """The video `name` of `run` with its pilots; computed once, and kept in files where the video is lazy."""
    wiener = fitted_wiener.fit(
        run,
        name,
        progress=portion(progress, 0.0, 0.2),
        rng=np.random.default_rng(0),
        radius=NEIGHBOURS,
        strength=1.0,
        step=STEP,
    )
    if wiener.noise.signed or wiener.noise.shared:
        raise ValueError(f"expected noisy frames for best, found {name!r}, one half of a split; use wiener")
    video = run.video(name)
    kinds = dict.fromkeys(("pilots", "left"), Output(np.dtype(np.float32)))
    made = map_blocks(_Filter(wiener), {name: video.data}, outputs=kinds, progress=portion(progress, 0.2, 0.6))
    known = Run({"frames": video, **{what: video.of_other_values().with_data(data) for what, data in made.items()}})
    known = kept(known, tuple(kinds), in_files=True, progress=portion(progress, 0.6, 1.0))
    return PilotedVideo(name, wiener, known, places(run))


@dataclass(frozen=True, eq=False)
class _Filter:
    """The filter over blocks, in units of the noise."""

    wiener: FittedWiener
    cuts: str = "t"

    @property
    def halo(self) -> tuple[int, int, int]:
        """The neighbours on either side."""
        return (self.wiener.radius, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """The pilots and the variance of their error, (t, y, x) float32."""
        frames = block[self.wiener.name]
        refuse_infinite(frames, name=self.wiener.name, first=at.outer[0].start)  # before a training comes to nothing
        pilots, left = self.wiener.filtered(self.wiener.noise.detector.stabilize(frames), at)
        return {"pilots": pilots, "left": left}
