"""The background of a sequence over its shots: what `Decompose` finds in its one look at the frames, kept on disk.

A shot is a run of frames that share a canvas: a jump of the view, or a collimator that opens, starts another. Nothing
passes from one to the next.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.blocks import stream
from napari_fluorodenoise.engine.finite import refuse_infinite
from napari_fluorodenoise.engine.progress import Progress
from napari_fluorodenoise.engine.scratch import Scratch
from napari_fluorodenoise.motion.canvas import Canvas
from napari_fluorodenoise.physics import collimator
from napari_fluorodenoise.primitives.background import Background, Follower, Keep, Window, combined, matched
from napari_fluorodenoise.primitives.lowrank import coefficients
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mend = Callable[[NDArray[np.float32]], NDArray[np.float32]]

__all__ = ["Shot", "States", "followed"]

FIRST = 15
"""Frames, at most, that the model starts from: their median is free of what moves, and they fit in memory."""
EVERY = 4
"""Frames between two states that are kept."""
SAMPLES = 256
OPEN, MUCH = 0.15, 0.01
"""Behind a collimator less than this share of the brightness is left; this share of the frame must open at a time."""


@dataclass(frozen=True, eq=False)
class Shot:
    """The frames from `start` to `stop` on their canvas, and the states of their background.

    `inside` (Y, X) is where in a frame X-rays reach the detector; `seen` (Yc, Xc) in how many frames each pixel of the
    canvas was seen. The canvas counts frames from `start`.
    """

    start: int
    stop: int
    canvas: Canvas
    inside: NDArray[np.bool_]
    seen: NDArray[np.int32]
    states: States

    def background(self, frame: NDArray[np.float32], t: int, *, ahead: int, keep: Keep) -> NDArray[np.float32]:
        """The background (Y, X) of `frame` (Y, X), the sequence's frame `t`: that of `ahead` frames later.

        Where nothing was seen there is no telling, and the frame itself is given back.
        """
        at = self.canvas.under(t - self.start)
        basis = self.states.basis(t + ahead, at)
        patterns = np.stack([self.canvas.read(plane, t - self.start) for plane in basis])
        known = self._known(t, at)
        weights = matched(frame, patterns, known, keep)
        if weights is None:
            return frame
        background = combined(patterns, weights)
        if known is not None:
            np.copyto(background, frame, where=~known)
        return background

    def _known(self, t: int, at: Window) -> NDArray[np.bool_] | None:
        seen = self.seen[at] > 0
        if not seen.all():
            return self.inside & self.canvas.read_mask(seen, t - self.start)
        return None if self.inside.all() else self.inside


class States:
    """The background at some times, on disk: the patterns (r, Y, X) that its frames mix."""

    def __init__(self, *, start: int, window: int) -> None:
        self._times: list[int] = []
        self._weights: list[NDArray[np.float64]] = []
        self._turns: list[NDArray[np.float32]] = []
        self._window = window
        self._bases, self._young = Scratch(f"bases-{start}"), Scratch(f"young-{start}")

    def add(self, t: int, background: Background) -> None:
        """Keep the background after frame `t`; once for each."""
        state = len(self._times)
        if state and self._times[-1] == t:
            return
        self._times.append(t)
        self._weights.append(background.weights)
        self._bases[state] = background.basis
        self._young[state] = background.count < self._window

    def last(self) -> NDArray[np.float32]:
        """The background (Y, X) of the last frame."""
        return combined(np.asarray(self._bases[len(self._times) - 1]), self._weights[-1])

    def basis(self, t: int, at: Window) -> NDArray[np.float32]:
        """The patterns (r, y, x) at time `t` in a window of the canvas, between those of the states around it."""
        after = min(bisect_left(self._times, t), len(self._times) - 1)
        later = np.asarray(self._bases[after][:, *at])
        if after == 0 or t >= self._times[after]:
            return later
        share = (self._times[after] - t) / (self._times[after] - self._times[after - 1])
        mixed = _mixed(later, np.float32(1 - share) * self._turns[after - 1])
        mixed += np.asarray(self._bases[after - 1][:, *at]) * np.float32(share)
        return mixed

    def complete(self, mend: Mend | None) -> None:
        """Take the pixels that were seen too few times from the state after, and `mend` what the states show."""
        last = len(self._times) - 1
        later = np.array(self._bases[last])
        for state in range(last, -1, -1):
            basis, young = np.array(self._bases[state]), np.asarray(self._young[state])
            if state < last:
                self._turns.insert(0, _turn(later, basis, young))
                np.copyto(basis, _mixed(later, self._turns[0]), where=young)
            later = basis
            self._bases[state] = basis if mend is None else basis * mend(combined(basis, self._weights[state]))
        self._young = None


def _mixed(basis: NDArray[np.float32], turn: NDArray[np.float32]) -> NDArray[np.float32]:
    """The patterns (s, y, x) that `turn` (r, s) makes of `basis` (r, y, x)."""
    return basis * turn[0, 0] if turn.size == 1 else np.tensordot(turn.T, basis, 1)


def _turn(later: NDArray[np.float32], basis: NDArray[np.float32], young: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The matrix that turns `later` (r, Y, X) into `basis` (s, Y, X) where it is not `young`; none where all is.

    By least squares over SAMPLES pixels a side: there are few numbers to find.
    """
    step = max(1, min(young.shape) // SAMPLES)
    old = ~young[::step, ::step]
    if not old.any():
        return np.eye(len(later), len(basis), dtype=np.float32)
    source, aim = (planes[:, ::step, ::step][:, old] for planes in (later, basis))
    return np.stack([coefficients(source.T, plane) for plane in aim], axis=1).astype(np.float32)


def followed(
    frames: Video,
    offsets: NDArray[np.float64],
    segments: NDArray[np.float64],
    *,
    field: NDArray[np.bool_],
    follower: Follower,
    mend: Mend | None,
    progress: Progress,
) -> list[Shot]:
    """The shots of `frames`, which are read once, and the first frames of each shot once more.

    Frame t lies at `offsets[t]` px, and a new number in `segments` starts a new shot. `field` (Y, X) is where X-rays
    reach the detector until a collimator opens.
    """
    ends = [*(np.flatnonzero(np.diff(segments)) + 1), len(offsets)]
    inverted = frames.photometric == "MONOCHROME1"
    shots: list[Shot] = []
    current: _Current | None = None
    for t, frame in _in_order(frames, progress):
        cells = _cells(frame, inverted)
        opens = current is not None and _opened(current.cells, cells)
        if current is None or opens or t == current.stop:
            if current is not None:
                shots.append(current.finished(t, mend))
            stop = int(ends[bisect_right(ends, t)])
            some = _some(frames, t, stop, follower.window)
            if opens:
                field = collimator.field(np.mean(list(some.values()), axis=0), inverted=inverted)
            current = _Current(some, offsets[t:stop], field, follower)
        current.take(frame, t)
        current.cells = cells
    assert current is not None
    shots.append(current.finished(len(offsets), mend))
    return shots


class _Current:
    """A shot while it is being followed."""

    def __init__(
        self,
        some: dict[int, NDArray[Any]],
        offsets: NDArray[np.float64],
        field: NDArray[np.bool_],
        follower: Follower,
    ) -> None:
        self.start = min(some)
        self.stop = self.start + len(offsets)
        self.canvas = Canvas.around(offsets, frame=field.shape)
        self.inside = field if self.canvas.is_frame else collimator.without_penumbra(field)
        self.cells: NDArray[np.float32]
        self._follower, self._states = follower, States(start=self.start, window=follower.window)
        self._seen = np.zeros(self.canvas.shape, np.int32)
        placed = [self.canvas.place(frame, t - self.start, inside=self.inside) for t, frame in some.items()]
        first, known = (np.stack(parts) for parts in zip(*placed, strict=True))
        self._background = follower.start(first, known)

    def take(self, frame: NDArray[Any], t: int) -> None:
        """Follow one more frame, and keep the state now and then."""
        at, own = self.canvas.under(t - self.start), t - self.start
        known = None if self.inside.all() else self.canvas.laid_mask(self.inside, own)
        self._follower.step(self._background, self.canvas.laid(frame, own), at, known)
        self._seen[at] += 1 if known is None else known
        if (own + 1) % EVERY == 0:
            self._states.add(t, self._background)

    def finished(self, stop: int, mend: Mend | None) -> Shot:
        """The shot that ends before frame `stop`."""
        self._states.add(stop - 1, self._background)
        self._states.complete(mend)
        return Shot(self.start, stop, self.canvas, self.inside, self._seen, self._states)


def _in_order(frames: Video, progress: Progress) -> Iterator[tuple[int, NDArray[Any]]]:
    for at, block in stream({"frames": frames.data}, progress=progress):
        refuse_infinite(block["frames"], name="frames", first=at.start)
        yield from zip(range(at.start, at.stop), block["frames"], strict=True)


def _some(frames: Video, start: int, stop: int, window: int) -> dict[int, NDArray[Any]]:
    """At most FIRST frames, evenly spaced over the shot's first window, from before a collimator opens."""
    count, some = min(window, stop - start), {}
    cells: NDArray[np.float32] | None = None
    for t in range(start, start + count, -(-count // FIRST)):
        frame = np.asarray(frames.data[t])
        refuse_infinite(frame[None], name="frames", first=t)
        before, cells = cells, _cells(frame, frames.photometric == "MONOCHROME1")
        if before is not None and _opened(before, cells):
            break
        some[t] = frame
    return some


def _cells(frame: NDArray[Any], inverted: bool) -> NDArray[np.float32]:
    """The frame in averages over 1/32 of its size, more where more X-rays arrive."""
    import cv2

    cells = cv2.resize(np.asarray(frame, np.float32), (32, 32), interpolation=cv2.INTER_AREA)
    return np.asarray(cells.max() - cells if inverted else cells)


def _opened(before: NDArray[np.float32], now: NDArray[np.float32]) -> bool:
    """Whether a collimator has opened between two frames: what was dark in a bright frame no longer is."""
    bright = 0.5 * float(np.median(before[before >= np.quantile(before, 0.5)]))
    shut = (before < OPEN * 2 * bright) & (before < bright)
    return bool((shut & (now > 2 * OPEN * 2 * bright)).mean() > MUCH)
