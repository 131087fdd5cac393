"""Decompose: what stays and what moves, background + foreground = frames.

Incremental principal component pursuit on the canvas of a panning sequence (P. Rodriguez & B. Wohlberg, JMIV 55, 2016,
doi 10.1007/s10851-015-0610-z; masks after arXiv 2208.14022, section 2.2). The method carries a patent notice: US
application 14/722,651 covers incremental principal component pursuit.

The recursion runs in `fit`, and its state is kept every few frames; `apply` interpolates between two states and
fits a frame's brightness, so it needs no neighbours and does not depend on how the sequence is cut. The background of
a frame is that of one window later, when the frame lies in the middle of what the model remembers, and a pixel seen
fewer times than the window takes the first state that knew it so well: the first frames, and what a pan brings into
view, are as free of noise as the rest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le

from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import Progress, checkpoint, silent
from napari_fluorodenoise.physics.detector import detector_of
from napari_fluorodenoise.primitives.declaration import ADVANCED, STRICT, Unit
from napari_fluorodenoise.stages.stage import Added, FittedStage, Stage
from napari_fluorodenoise.video import Image, Run, Table, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.primitives.background import Follower
    from napari_fluorodenoise.stages.background import Followed
    from napari_fluorodenoise.stages.foreground import Rule

__all__ = ["Decompose", "FittedDecompose"]


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Decompose(Stage):
    """The background that stays and the foreground that moves, noise included: their sum is the frames.

    Exact for integers of up to 16 bits; for floats within one float32 unit in the last place of the larger of frame
    and background. The background is smooth in time and nearly free of noise; brightness that changes everywhere at
    once belongs to it. The edges of what moves by itself (heart, diaphragm) are foreground; a wire that never moves is
    background, as far as it lay still from the first frames on. So is the collimator's border: no foreground is told
    there.

    Long shots of rank 1 are followed in stretches side by side. Over 3300 frames their background was 0.05 noise
    standard deviations (rms) from that of a single pass where nothing moves by itself, 0.2 in a chest, and no further
    from the truth; `times_seen` is the same.
    """

    method: Annotated[Literal["pcp", "robust-mean"], ADVANCED] = "pcp"
    """How the background is followed: incremental principal component pursuit, or a running mean of rank 1."""
    rank: Annotated[int, Ge(1), Le(8)] = 1
    """How many patterns the background is a mixture of; 1 is one picture of changing brightness."""
    window: Annotated[int, Ge(2), Le(1000), Unit("frames")] = 30
    """Frames that the background remembers."""
    threshold: Annotated[float, Gt(0), Le(10), Unit("noise")] = 2.5
    """Deviation from the background at which foreground begins, in noise standard deviations."""
    inner_loops: Annotated[int, Ge(1), Le(10), ADVANCED] = 2
    """How often a frame is split and put back without its foreground (pcp)."""
    stretch: Annotated[int, Ge(0), Le(1_000_000), Unit("frames"), ADVANCED] = 1000
    """Frames followed at a time, side by side, where a shot is longer than two stretches; 0 follows all in one pass."""
    keep_still: bool = False
    """Keep dark thin objects that lie still in the foreground."""

    def reads(self, run: Run) -> tuple[str, ...]:
        """The frames, and their offsets where the run has them."""
        return ("frames", *(name for name in ("offsets",) if name in run))

    def adds(self, run: Run) -> dict[str, Added]:
        """Background and foreground in the frames' places; on the canvas, the background and what was seen of it."""
        units = "as frames"
        return {
            "background": Added("tyx", np.dtype(np.float32), units),
            "foreground": Added("tyx", np.dtype(np.float32), units),
            "background_panorama": Added("yx", np.dtype(np.float32), units),
            "times_seen": Added("yx", np.dtype(np.float32), "frames"),
        }

    def fit(self, run: Run, *, progress: Progress = silent, rng: np.random.Generator | None = None) -> FittedDecompose:
        """The background's states over the run's frames, which are read twice."""
        from napari_fluorodenoise.motion.segments import places
        from napari_fluorodenoise.stages.background import followed
        from napari_fluorodenoise.stages.foreground import Rule, filled

        frames, detector = run.video("frames"), detector_of(run)
        offsets, segments = places(run)
        rule = Rule(detector, threshold=self.threshold, dark=frames.photometric == "MONOCHROME2")
        shots = followed(
            frames,
            offsets,
            segments,
            field=detector.field,
            follower=self._follower(rule),
            mend=partial(filled, rule=rule) if self.keep_still else None,
            progress=progress,
            # Patterns of several ranks turn among themselves: stretches that began apart would not agree on them.
            stretch=self.stretch if self.rank == 1 else 0,
        )
        return FittedDecompose(shots, rule, self.window, frames.dtype, _on_canvas(frames, offsets, shots))

    def _follower(self, rule: Rule) -> Follower:
        from napari_fluorodenoise.primitives.pcp import Pursuit
        from napari_fluorodenoise.primitives.running import RobustMean

        if self.method == "pcp":
            return Pursuit(rank=self.rank, window=self.window, loops=self.inner_loops, keep=rule)
        if self.rank > 1:
            raise ValueError(
                f'expected rank 1 for method "robust-mean", found {self.rank}; use "pcp" for more patterns'
            )
        return RobustMean(window=self.window, keep=rule)


@dataclass(frozen=True, eq=False)
class FittedDecompose(FittedStage):
    """The shots of the sequence, and what reads their background."""

    shots: list[Followed]
    rule: Rule
    ahead: int
    dtype: np.dtype[Any]
    results: Mapping[str, Image | Table]
    cuts: str = "t"
    halo: tuple[int, int, int] = (0, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """Background and foreground (t, Y, X) float32 of the block's frames."""
        frames = np.asarray(block["frames"][at.inner[0]], np.float32)
        background = np.empty_like(frames)
        starts = [known.shot.start for known in self.shots]
        for t, frame, result in zip(range(at.core[0].start, at.core[0].stop), frames, background, strict=True):
            checkpoint()
            known = self.shots[bisect_right(starts, t) - 1]
            result[:] = known.background(frame, t, ahead=self.ahead, keep=self.rule)
        background = _rounded(background, self.dtype)
        return {"background": background, "foreground": frames - background}


def _on_canvas(frames: Video, offsets: NDArray[np.float64], shots: list[Followed]) -> dict[str, Image]:
    """The shots' last backgrounds side by side, where their frames lie, and how often each pixel was seen."""
    from napari_fluorodenoise.motion.canvas import Canvas

    canvas = Canvas.around(offsets, frame=frames.shape[1:])
    picture, seen = np.zeros(canvas.shape, np.float32), np.zeros(canvas.shape, np.float32)
    for known in shots:
        own = known.shot.canvas
        low = np.subtract(own.origin, canvas.origin)
        at = tuple(slice(start, start + n) for start, n in zip(low, own.shape, strict=True))
        np.copyto(picture[at], known.states.last(), where=known.seen > 0)
        seen[at] += known.seen
    origin = (frames.origin[0] + canvas.origin[0], frames.origin[1] + canvas.origin[1])
    made = {"background_panorama": picture, "times_seen": seen}
    return {name: Image(data=data, pixel_size=frames.pixel_size, origin=origin) for name, data in made.items()}


def _rounded(background: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[np.float32]:
    """`background`, changed in place, on a grid of a power of two on which its difference to `dtype` is exact.

    The difference of two numbers of b bits has b + 1; float32 holds 24, which leaves 23 - b behind the point.
    """
    if dtype.kind == "f" or dtype.itemsize > 2:
        return background
    limits = np.iinfo(dtype) if dtype.kind != "b" else np.iinfo(np.uint8)
    steps = np.float32(2.0 ** (23 - limits.bits))
    np.clip(background, limits.min, limits.max, out=background)
    background *= steps
    np.rint(background, out=background)
    background /= steps
    return background
