"""Decompose: what stays and what moves, background + foreground = frames.

Incremental principal component pursuit on the canvas of a panning sequence (P. Rodriguez & B. Wohlberg, JMIV 55, 2016,
doi 10.1007/s10851-015-0610-z; masks after arXiv 2208.14022, section 2.2). The method carries a patent notice: US
application 14/722,651 covers incremental principal component pursuit.

The recursion runs once, in `fit`, and its state is kept every few frames; `apply` interpolates between two states and
fits a frame's brightness, so it needs no neighbours and does not depend on how the sequence is cut. The background of
a frame is that of one window later, when the frame lies in the middle of what the model remembers, and a pixel seen
fewer times than the window takes the first state that knew it so well: the first frames, and what a pan brings into
view, are as free of noise as the rest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le

from napari_fluorodenoise.engine.blocks import Block, stream
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.engine.scratch import Scratch
from napari_fluorodenoise.physics.detector import Detector, detector_of
from napari_fluorodenoise.primitives.lowrank import coefficients
from napari_fluorodenoise.stages.stage import STRICT, Added, FittedStage, Stage, refuse_infinite
from napari_fluorodenoise.video import Image, Run, Table, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.motion.canvas import Canvas
    from napari_fluorodenoise.primitives.pcp import Background, Pursuit

__all__ = ["Decompose", "FittedDecompose"]

POOL = 1.5
"""Standard deviation in px of the average in which foreground is looked for: about a guidewire's width."""
FIRST = 15
"""Frames, at most, that the model starts from: their median is free of what moves, and they fit in memory."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Decompose(Stage):
    """The background that stays and the foreground that moves, noise included: their sum is the frames.

    Exact for integers of up to 16 bits; for floats within one float32 unit in the last place of the larger of frame
    and background. The background is smooth in time and nearly free of noise; brightness that changes everywhere at
    once belongs to it. The edges of what moves by itself (heart, diaphragm) are foreground; a wire that never moves is
    background, as far as it lay still from the first frames on. So is the collimator's border: no foreground is told
    there.
    """

    rank: Annotated[int, Ge(1), Le(8)] = 1
    """How many patterns the background is a mixture of; 1 is one picture of changing brightness."""
    window: Annotated[int, Ge(2), Le(1000)] = 30
    """Frames that the background remembers."""
    threshold: Annotated[float, Gt(0), Le(10)] = 2.5
    """Deviation from the background at which foreground begins, in noise standard deviations."""
    inner_loops: Annotated[int, Ge(1), Le(10)] = 2
    """How often a frame is split and put back without its foreground."""

    def reads(self, run: Run) -> tuple[str, ...]:
        """The frames; the offsets, where the run has them, are no video."""
        return ("frames",)

    def adds(self, run: Run) -> dict[str, Added]:
        """Background and foreground in the frames' places, and the background on the canvas."""
        units = "as frames"
        return {
            "background": Added("tyx", np.dtype(np.float32), units),
            "foreground": Added("tyx", np.dtype(np.float32), units),
            "background_panorama": Added("yx", np.dtype(np.float32), units),
        }

    def fit(self, run: Run, *, progress: Progress = silent, rng: np.random.Generator | None = None) -> FittedDecompose:
        """The background's states over the run's frames, which are read once."""
        from napari_fluorodenoise.motion.canvas import Canvas
        from napari_fluorodenoise.physics.collimator import without_penumbra
        from napari_fluorodenoise.primitives.pcp import Pursuit

        frames = run.video("frames")
        detector = detector_of(run)
        table = run.get("offsets")
        offsets = table.data if isinstance(table, Table) else np.zeros((frames.shape[0], 2))
        canvas = Canvas.around(offsets, frame=frames.shape[1:])
        dark = frames.photometric == "MONOCHROME2"
        keep = partial(
            _kept, detector=detector, pooled_noise=_pooled_noise(detector), threshold=self.threshold, dark=dark
        )
        pursuit = Pursuit(
            rank=self.rank, window=self.window, loops=self.inner_loops, keep=partial(keep, shape=canvas.shape)
        )
        inside = detector.field if canvas.is_frame else without_penumbra(detector.field)
        states = _followed(frames, canvas, inside, pursuit, progress)
        states.complete()
        panorama = states.picture(len(states.times) - 1).reshape(canvas.shape)
        origin = (frames.origin[0] + canvas.origin[0], frames.origin[1] + canvas.origin[1])
        image = Image(data=panorama, pixel_size=frames.pixel_size, origin=origin)
        in_frame = replace(pursuit, keep=partial(keep, shape=canvas.frame))
        return FittedDecompose(canvas, inside, states, in_frame, frames.dtype, {"background_panorama": image})


@dataclass(frozen=True, eq=False)
class FittedDecompose(FittedStage):
    """The states of the background, and what reads them."""

    canvas_of: Canvas
    inside: NDArray[np.bool_]
    states: States
    pursuit: Pursuit
    dtype: np.dtype[Any]
    results: Mapping[str, Image | Table]
    cuts: str = "t"
    halo: tuple[int, int, int] = (0, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """Background and foreground (t, Y, X) float32 of the block's frames."""
        frames = np.asarray(block["frames"][at.inner[0]], np.float32)
        times = range(at.core[0].start, at.core[0].stop)
        background = np.stack([self._background(f, t) for f, t in zip(frames, times, strict=True)])
        background = _rounded(background, self.dtype)
        return {"background": background, "foreground": frames - background}

    def _background(self, frame: NDArray[np.float32], t: int) -> NDArray[np.float32]:
        inside = self.inside.ravel()
        background, unseen = np.zeros(frame.size, np.float32), np.zeros(frame.size, bool)
        for state, share in self.states.around(t + self.pursuit.window):
            basis = self.states.basis(state)  # (n, r)
            patterns = [self.canvas_of.view(b.reshape(self.canvas_of.shape), t).ravel() for b in basis.T]
            fitted, _ = self.pursuit.split(frame.ravel(), inside, np.stack(patterns).T)
            background += np.float32(share) * fitted
            unseen |= ~np.any(patterns, axis=0)
        known = (inside & ~unseen).reshape(frame.shape)
        return np.where(known, background.reshape(frame.shape), frame)


class States:
    """The background at some `times`, on disk: for each a basis (n, r) and the weights (r,) of its frame."""

    def __init__(self, *, window: int) -> None:
        self.times: list[int] = []
        self._window = window
        self._weights: list[NDArray[np.float64]] = []
        self._bases, self._counts = Scratch(), Scratch()

    def add(self, t: int, background: Background) -> None:
        """Keep the background after frame `t`."""
        state = len(self.times)
        self.times.append(t)
        self._weights.append(background.model.S * background.model.V[-1])
        self._bases[state] = background.model.U
        self._counts[state] = background.count

    def basis(self, state: int) -> NDArray[np.float32]:
        """The basis (n, r) of a state."""
        return np.asarray(self._bases[state])

    def picture(self, state: int) -> NDArray[np.float32]:
        """The background (n,) at a state's time."""
        return self.basis(state) @ self._weights[state].astype(np.float32)

    def around(self, t: int) -> list[tuple[int, float]]:
        """The states before and after time `t`, and their shares; one of them where `t` is at or beyond an end."""
        after = bisect_left(self.times, t)
        if after in (0, len(self.times)):
            return [(min(after, len(self.times) - 1), 1.0)]
        share = (t - self.times[after - 1]) / (self.times[after] - self.times[after - 1])
        return [(after - 1, 1 - share), (after, share)] if share < 1 else [(after, 1.0)]

    def complete(self) -> None:
        """Take the pixels that were seen too few times from the state after."""
        for state in reversed(range(len(self.times) - 1)):
            basis = self.basis(state).copy()
            young = np.asarray(self._counts[state]) < self._window
            if young.any():
                later = self.basis(state + 1)
                basis[young] = later[young] @ _turn(later[~young], basis[~young])
            self._bases[state] = basis
        self._counts = Scratch()


def _turn(later: NDArray[np.float32], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix (r, r) that turns `later` (n, r) into `basis` (n, r), by least squares; where n is 0, none."""
    if len(later) == 0:
        return np.eye(later.shape[1], dtype=np.float32)
    return np.stack([coefficients(later, column) for column in basis.T], axis=1).astype(np.float32)


def _followed(frames: Video, canvas: Canvas, inside: NDArray[np.bool_], pursuit: Pursuit, progress: Progress) -> States:
    """The recursion over all frames, its state kept after every block of frames and after the last one."""
    count = frames.shape[0]
    chosen = range(0, min(pursuit.window, count), -(-min(pursuit.window, count) // FIRST))
    some = {t: np.asarray(frames.data[t : t + 1]) for t in chosen}
    for t, frame in some.items():
        refuse_infinite(frame, name="frames", first=t)
    placed = [canvas.place(frame[0], t, inside=inside) for t, frame in some.items()]
    first, known = (np.stack(parts).reshape(len(chosen), -1) for parts in zip(*placed, strict=True))
    background, states = pursuit.start(first, known), States(window=pursuit.window)
    for at, block in stream({"frames": frames.data}, progress=progress):
        refuse_infinite(block["frames"], name="frames", first=at.start)
        for t, frame in zip(range(at.start, at.stop), block["frames"], strict=True):
            image, seen = canvas.place(frame, t, inside=inside)
            background = pursuit.step(background, image.ravel(), seen.ravel())
        states.add(at.stop - 1, background)
    return states


def _kept(
    deviation: NDArray[np.float32],
    background: NDArray[np.float32],
    *,
    shape: tuple[int, int],
    detector: Detector,
    pooled_noise: float,
    threshold: float,
    dark: bool,
) -> NDArray[np.float32]:
    """What of a frame's deviation (n,) the background keeps: within the threshold all, beyond it none or little.

    Devices and contrast agent only ever absorb. So what is brighter than the background shows that the background was
    covered, and it follows, by at most the threshold a frame; what is darker is foreground for as long as it stays.
    A thin wire hides in the noise of single pixels: it is looked for in the average over its neighbours.
    """
    import cv2

    image = deviation.reshape(shape) if dark else -deviation.reshape(shape)
    limit = threshold * np.sqrt(detector.variance(background)).astype(np.float32).reshape(shape)
    pooled = cv2.GaussianBlur(image, (0, 0), POOL)
    covered = pooled < -np.float32(pooled_noise) * limit
    kept: NDArray[np.float32] = np.where(covered, 0, np.clip(image, -limit, limit)).ravel()
    return kept if dark else -kept


def _pooled_noise(detector: Detector) -> float:
    """The standard deviation of the detector's noise after pooling, as a part of what it was."""
    import cv2

    correlation = np.pad(detector.autocorrelation, 4 * int(np.ceil(POOL)))
    once = cv2.GaussianBlur(correlation, (0, 0), POOL, borderType=cv2.BORDER_CONSTANT)
    twice = cv2.GaussianBlur(once, (0, 0), POOL, borderType=cv2.BORDER_CONSTANT)
    return float(np.sqrt(max(twice[twice.shape[0] // 2, twice.shape[1] // 2], 0.0)))


def _rounded(background: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[np.float32]:
    """`background` on a grid of a power of two, so fine that its difference to integers of `dtype` is exact in float32.

    The difference of two numbers of b bits has b + 1; float32 holds 24, which leaves 23 - b behind the point.
    """
    if dtype.kind == "f" or dtype.itemsize > 2:
        return background
    limits = np.iinfo(dtype) if dtype.kind != "b" else np.iinfo(np.uint8)
    grid = np.float32(2.0 ** (limits.bits - 23))
    rounded: NDArray[np.float32] = np.rint(np.clip(background, limits.min, limits.max) / grid) * grid
    return rounded
