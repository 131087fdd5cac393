"""Random crops of noisy sequences to train on, read lazily, and fixed ones around pixels that are held out.

A `Source` is one sequence; a window is a crop of a frame and its neighbours in time. Laws: no pixel of the held-out
tiles is ever a target of training, a frame is never its own neighbour, and the same `rng` draws the same crops.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

    Frame = NDArray[np.float32]
    Batch = tuple[NDArray[np.float32], NDArray[np.bool_]]

Array: TypeAlias = "NDArray[Any] | da.Array"

__all__ = ["Crops", "Source", "around", "corners", "held_out_tiles"]

HELD_OUT = 0.05
"""Share of a frame's area that is held out."""
TILE = 32
"""Side in px of a held-out tile at the most; an eighth of a small frame's side."""
JUDGED = 64
"""Windows to judge by: of 64 px, with tiles of 32 px, 65,000 pixels, which tell a hundredth of the noise's variance."""
JUDGED_FRAMES = 16
"""Frames that they are taken from, where that many tiles are held out: each costs the reading of its neighbours."""
KEPT = 2**28
"""Bytes of whole frames kept of sequences that are read lazily: 64 frames of 1024²."""
FRESH = 2
"""Frames that take the place of others among those kept, per batch: reading must not take longer than training."""


def around(t: int, *, radius: int, count: int) -> list[int]:
    """The 2 `radius` + 1 frames around frame `t` of `count`, mirrored at the ends; `t` itself only in the middle.

    Where mirroring would show `t` once more another frame stands in; a single frame has no other.
    """
    period = max(2 * (count - 1), 1)
    frames = []
    for step in range(-radius, radius + 1):
        folded = (t + step) % period
        at = min(folded, period - folded) if count > 1 else 0
        frames.append(at if at != t or step == 0 or count == 1 else (t + 1 if t + 1 < count else t - 1))
    return frames


@dataclass(frozen=True, eq=False)
class Source:
    """One noisy sequence: `frames` (T, Y, X), and `stabilize`, which brings its noise to variance 1.

    `extras` (T, Y, X) are more channels of every window, taken as they are, of frame t alone: what a network is shown
    besides, or the truth. `field` (Y, X) is True where pixels may be targets at all.
    """

    frames: Array
    stabilize: Callable[[NDArray[Any]], Frame]
    extras: tuple[Array, ...] = ()
    field: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        found = {tuple(array.shape) for array in self.extras} | {tuple(self.frames.shape)}
        field = found if self.field is None else {(self.frames.shape[0], *self.field.shape)}
        if len(found | field) > 1:
            raise ValueError(f"expected extras and a field like the frames, found {sorted(found | field)}; crop them")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X)."""
        count, rows, columns = self.frames.shape
        return int(count), int(rows), int(columns)

    def frame(self, t: int, rows: slice = slice(None), columns: slice = slice(None)) -> Frame:
        """A part of frame `t` with noise of variance 1, (Y, X) float32."""
        return np.asarray(self.stabilize(np.asarray(self.frames[t, rows, columns])), np.float32)

    def extra(self, index: int, t: int, rows: slice = slice(None), columns: slice = slice(None)) -> Frame:
        """A part of frame `t` of an extra channel, (Y, X) float32."""
        return np.asarray(self.extras[index][t, rows, columns], np.float32)


@dataclass(eq=False)
class Crops:
    """Batches of random windows of `sources`, of `side` px or the smallest frame's side.

    A window has 2 `radius` + 1 frames, then the extras. Windows are turned by time reversal and, where `flips`, by
    flips and transposition; else only by half a turn: the noise of a detector may differ between rows and columns, and
    noise that is drawn like it would no longer fit. `judged_windows` says how many there are to judge by.

    Whole frames of a lazy sequence are kept, `KEPT` bytes of them at the most, a few replaced after every batch: memory
    does not grow with the sequence, and crops of one batch share frames.
    """

    sources: Sequence[Source]
    radius: int
    side: int
    batch: int
    rng: np.random.Generator
    flips: bool = True
    judged_windows: int = JUDGED
    held: list[NDArray[np.bool_]] = field(init=False)
    """Per source, True (Y, X) at pixels that are held out."""

    def __post_init__(self) -> None:
        if not self.sources or len({len(source.extras) for source in self.sources}) > 1:
            raise ValueError("expected sequences with equally many extra channels, found none or others; give the same")
        self.side = min(self.side, *(n for source in self.sources for n in source.shape[1:]))
        self.held = [held_out_tiles(source, side=self.side, rng=self.rng) for source in self.sources]
        self._readers = [_Reader(source, self.radius, KEPT // len(self.sources)) for source in self.sources]
        self._judged: list[Batch] | None = None

    def draw(self) -> Batch:
        """A batch: windows (N, C, side, side) float32, and (N, 1, side, side), which middle pixels may be targets."""
        chosen = [self._one() for _ in range(self.batch)]
        for reader in self._readers:
            reader.renew(self.rng)
        windows, targets = zip(*chosen, strict=True)
        return np.stack(windows), np.stack(targets)[:, None]

    def state(self) -> dict[str, Any]:
        """What the next batch is drawn from; which frames are in memory makes no difference."""
        return {"rng": self.rng.bit_generator.state, "pools": [reader.pool for reader in self._readers]}

    def restore(self, state: dict[str, Any]) -> None:
        """Draw on from a `state` of crops of the same sources."""
        self.rng.bit_generator.state = state["rng"]
        for reader, pool in zip(self._readers, state["pools"], strict=True):
            reader.pool = pool

    def judged(self) -> list[Batch]:
        """Fixed batches of windows around held-out tiles, and which of their pixels are held out: always the same."""
        if self._judged is None:
            found = [window for index in range(len(self.sources)) for window in self._held_windows(index)]
            parts = [found[start : start + self.batch] for start in range(0, len(found), self.batch)]
            self._judged = [(np.stack([w for w, _ in part]), np.stack([m for _, m in part])[:, None]) for part in parts]
        return self._judged

    def _one(self) -> tuple[Frame, NDArray[np.bool_]]:
        """A random window and its targets."""
        index = int(self.rng.integers(len(self.sources)))
        source, reader = self.sources[index], self._readers[index]
        targets = ~self.held[index] if source.field is None else ~self.held[index] & source.field
        for _ in range(20):  # a frame's corners may lie outside the field
            t = reader.random(self.rng)
            y, x = (int(self.rng.integers(n - self.side + 1)) for n in source.shape[1:])
            at = (slice(y, y + self.side), slice(x, x + self.side))
            if targets[at].any():
                break
        return self._turned(reader.window(t, at), targets[at])

    def _turned(self, window: Frame, target: NDArray[np.bool_]) -> tuple[Frame, NDArray[np.bool_]]:
        """A window and its targets after a random symmetry of time and, where `flips`, of the pixels' grid."""
        reversal, down, across, transposed = (bool(choice) for choice in self.rng.integers(2, size=4))
        count = 2 * self.radius + 1
        if reversal:
            window = np.concatenate([window[:count][::-1], window[count:]])
        if not self.flips:
            across, transposed = down, False
        turned = (slice(None, None, -1 if down else 1), slice(None, None, -1 if across else 1))
        window, target = window[:, *turned], target[turned]
        return (window.swapaxes(1, 2), target.T) if transposed else (window, target)

    def _held_windows(self, index: int) -> list[tuple[Frame, NDArray[np.bool_]]]:
        """Windows around the held-out tiles of a source, at frames spread over the sequence."""
        source, held = self.sources[index], self.held[index]
        first = corners(held)
        if not first:
            return []
        most = max(self.judged_windows // len(self.sources), 1)
        frames = min(max(JUDGED_FRAMES, -(-most // len(first))), source.shape[0])
        times = np.linspace(0, source.shape[0] - 1, frames).round().astype(int).tolist()
        count = min(most, frames * len(first))
        pairs = [(times[k * frames // count], first[k % len(first)]) for k in range(count)]
        found = []
        for t, corner in pairs:
            y, x = (int(np.clip(c - self.side // 4, 0, n - self.side)) for c, n in zip(corner, held.shape, strict=True))
            at = (slice(y, y + self.side), slice(x, x + self.side))
            mask = held[at] if source.field is None else held[at] & source.field[at]
            found.append((self._readers[index].window(t, at), mask))
        return found


def held_out_tiles(source: Source, *, side: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """True (Y, X) on square tiles, about a twentieth of the field, at least their own side away from each other.

    A tile is at most half of a window's `side`. A frame of less than 16 px has none.
    """
    shape = source.shape[1:]
    held = np.zeros(shape, bool)
    tile = min(TILE, side // 2, min(shape) // 8)
    if tile < 2:
        return held
    places = np.array(list(product(*(range(tile // 2, n - tile + 1, 2 * tile) for n in shape))))
    if source.field is not None:
        inside = [source.field[y : y + tile, x : x + tile].all() for y, x in places]
        places = places[inside]
    area = held.size if source.field is None else int(source.field.sum())
    number = min(max(round(HELD_OUT * area / tile**2), 1), -(-len(places) // 2))
    for y, x in rng.permutation(places)[:number]:
        held[y : y + tile, x : x + tile] = True
    return held


def corners(held: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The (y, x) of the first pixel of every tile."""
    padded = np.pad(held, ((1, 0), (1, 0)))
    first = held & ~padded[:-1, 1:] & ~padded[1:, :-1]
    return [(int(y), int(x)) for y, x in np.argwhere(first)]


class _Reader:
    """Windows of one source: crops of what is in memory, whole kept frames of what is not."""

    def __init__(self, source: Source, radius: int, kept: int) -> None:
        self.source, self.radius = source, radius
        count, rows, columns = source.shape
        arrays = (source.frames, *source.extras)
        self.lazy = not all(isinstance(array, np.ndarray) for array in arrays)
        self.frames: OrderedDict[tuple[int, int], Frame] = OrderedDict()
        per_window = 2 * radius + 1 + len(source.extras)
        self.most = max(kept // (4 * rows * columns), per_window)
        self.pool: list[int] | None = None
        if self.lazy and count * (1 + len(source.extras)) > self.most:
            self.pool = []

    def random(self, rng: np.random.Generator) -> int:
        """A random frame; of a long lazy sequence one of those whose windows are kept."""
        if self.pool is None:
            return int(rng.integers(self.source.shape[0]))
        room = max(self.most // (2 * self.radius + 1 + len(self.source.extras)), 1)
        if len(self.pool) < min(room, FRESH):
            self.renew(rng)
        return self.pool[int(rng.integers(len(self.pool)))]

    def renew(self, rng: np.random.Generator) -> None:
        """Let `FRESH` other frames into the pool; the oldest leave where it is full."""
        if self.pool is None:
            return
        room = max(self.most // (2 * self.radius + 1 + len(self.source.extras)), 1)
        self.pool = [*self.pool, *rng.integers(self.source.shape[0], size=FRESH).tolist()][-room:]

    def window(self, t: int, at: tuple[slice, slice]) -> Frame:
        """The frames around `t`, then the extras, (C, y, x) float32."""
        frames = around(t, radius=self.radius, count=self.source.shape[0])
        wanted = [*((0, k) for k in frames), *((1 + index, t) for index in range(len(self.source.extras)))]
        return np.stack([self._part(channel, k, at) for channel, k in wanted])

    def _part(self, channel: int, k: int, at: tuple[slice, slice]) -> Frame:
        read = self.source.frame if channel == 0 else lambda *where: self.source.extra(channel - 1, *where)
        if not self.lazy:
            return read(k, *at)
        if (channel, k) not in self.frames:
            self.frames[channel, k] = read(k)
            while len(self.frames) > self.most:
                self.frames.popitem(last=False)
        self.frames.move_to_end((channel, k))
        return self.frames[channel, k][at]
