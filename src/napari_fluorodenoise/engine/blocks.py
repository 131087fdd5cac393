"""Maps a fitted stage over blocks of a sequence: numpy for what is in memory, dask for what is not.

A block has a core, which it answers for, and an outer part, which adds the neighbours that the stage asked for
(its halo), clipped where the sequence ends. Law: a result never depends on how the sequence was cut.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import product
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar
from uuid import uuid4

import numpy as np

from napari_fluorodenoise.engine.chunks import by_frames
from napari_fluorodenoise.engine.progress import Progress, silent, until
from napari_fluorodenoise.engine.room import LONGEST, crew, room

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["Block", "Fitted", "Output", "computed", "cut", "in_turn", "map_blocks", "pruned", "ranges", "stream"]

STRETCH = 256
"""Frames whose part of a graph is looked out at a time: with all frames for every block, time would grow as n²."""

BEAT = 0.2
"""Seconds between two progress calls while a block takes longer, so that a wish to stop is heard soon."""

Array: TypeAlias = "NDArray[Any] | da.Array"
Ranges = tuple[slice, slice, slice]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Block:
    """Where a block lies in the sequence: absolute (t, y, x) ranges without (`core`) and with (`outer`) neighbours."""

    core: Ranges
    outer: Ranges

    @property
    def inner(self) -> Ranges:
        """The core's ranges counted from the start of the outer part: `block[at.inner]` is the core."""
        t, y, x = (slice(c.start - o.start, c.stop - o.start) for c, o in zip(self.core, self.outer, strict=True))
        return t, y, x


@dataclass(frozen=True)
class Output:
    """What a fitted stage makes of a block: its dtype, and its frame's (Y, X) where it differs from the input's."""

    dtype: np.dtype[Any]
    frame: tuple[int, int] | None = None


class Fitted(Protocol):
    """A stage after it has looked at the whole sequence: pure from blocks to blocks."""

    @property
    def cuts(self) -> str:
        """The axes a block may be cut along: "tyx" for a local filter, "t" where whole frames are needed."""

    @property
    def halo(self) -> tuple[int, int, int]:
        """How many neighbours (t, y, x) a block needs on either side of the axes it is cut along."""

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """The named results for the core of `at`, from arrays (t, y, x) that cover its outer part."""


def cut(shape: tuple[int, int, int], *, size: tuple[int, int, int], halo: tuple[int, int, int]) -> list[Block]:
    """Blocks that tile `shape` (T, Y, X) with cores of at most `size`; outer parts reach `halo` further, clipped."""
    axes = [_intervals(n, step, reach) for n, step, reach in zip(shape, size, halo, strict=True)]
    return [Block(core=(t[0], y[0], x[0]), outer=(t[1], y[1], x[1])) for t, y, x in product(*axes)]


def map_blocks(
    fitted: Fitted,
    inputs: Mapping[str, Array],
    *,
    outputs: Mapping[str, Output],
    size: tuple[int, int, int] | None = None,
    progress: Progress = silent,
) -> dict[str, Array]:
    """The named arrays (T, Y, X) that `fitted` makes of `inputs`: numpy from numpy, dask where an input is dask.

    `size` (t, y, x) bounds a block's core; by default whole frames, as many as there is room for. Axes that
    `fitted.cuts` does not name are never cut. Raises ValueError where there is no room for a frame.
    """
    shape = next(iter(inputs.values())).shape
    place = room(shape[1:])
    for name, array in inputs.items():
        if array.shape != shape:
            raise ValueError(f"expected videos of one shape, found {name} {array.shape} beside {shape}; run them apart")
    blocks = cut(shape, size=_allowed(size or (place.frames, *shape[1:]), shape, fitted.cuts), halo=fitted.halo)
    if all(isinstance(array, np.ndarray) for array in inputs.values()):
        return _eager(fitted, inputs, outputs, blocks, place.workers, progress)
    return _lazy(fitted, inputs, outputs, blocks)


def stream(
    arrays: Mapping[str, Array], *, frames: int | None = None, workers: int | None = None, progress: Progress = silent
) -> Iterator[tuple[slice, dict[str, NDArray[Any]]]]:
    """Every array in order, a block at a time, as (range of frames, named numpy blocks); bounded memory.

    A block has the frames that `ranges` says, or `frames`. At most `workers` + 1 blocks are in flight (default: one
    worker per core, as far as there is room). What the arrays share is computed once.
    """
    count, done = next(iter(arrays.values())).shape[0], 0

    def report() -> None:
        progress(done / count, f"frame {done} of {count}")

    found = ranges(arrays) if frames is None else spans(count, frames=frames)
    if all(isinstance(array, np.ndarray) for array in arrays.values()):
        parts: Iterator[dict[str, NDArray[Any]]] = ({k: np.asarray(a[at]) for k, a in arrays.items()} for at in found)
    else:
        workers = workers or room(next(iter(arrays.values())).shape[1:]).workers
        parts = in_turn(_calls(arrays, found), workers=workers, report=report)
    for at, part in zip(found, parts, strict=True):
        yield at, part
        done = at.stop
        report()


def ranges(arrays: Mapping[str, Array]) -> list[slice]:
    """The ranges of frames in which `arrays` are computed at a time: as many frames as there is room for.

    They hold whole chunks of the array with the longest ones, so that no block is computed twice.
    """
    count, *frame = next(iter(arrays.values())).shape
    most = room((frame[0], frame[1])).frames
    lazy = [array.chunks[0] for array in arrays.values() if not isinstance(array, np.ndarray)]
    longest = max((max(lengths, default=1) for lengths in lazy), default=1)
    return spans(count, frames=most if longest > LONGEST else longest * max(most // longest, 1))


def spans(count: int, *, frames: int = 4) -> list[slice]:
    """The ranges of `count` frames, at most `frames` in each."""
    return [slice(start, min(start + frames, count)) for start in range(0, count, frames)]


def _calls(arrays: Mapping[str, Array], found: Sequence[slice]) -> Iterator[Callable[[], dict[str, NDArray[Any]]]]:
    """For each range the call that computes it; of a long graph, each only holds what a stretch of frames needs."""
    first, stretch = 0, dict[str, Array]()
    for at in found:
        if at.stop - first > STRETCH or not stretch:
            first, last = at.start, max(at.start + STRETCH, at.stop)
            stretch = {name: pruned(array[first:last]) for name, array in arrays.items()}
        part = slice(at.start - first, at.stop - first)
        yield partial(computed, {name: array[part] for name, array in stretch.items()})


def pruned(array: Array) -> Array:
    """`array`, with what it needs of its graph and no more: parts of it are then soon found."""
    if isinstance(array, np.ndarray):
        return array
    import dask.array as da
    from dask.core import flatten

    needed = array.dask.cull(set(flatten(array.__dask_keys__())))
    return da.Array(dict(needed), array.name, array.chunks, meta=array._meta)


def computed(part: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The arrays of `part` in memory; computed on this thread, and what they share only once."""
    import dask

    (done,) = dask.compute(dict(part), scheduler="synchronous")
    return {name: np.asarray(array) for name, array in done.items()}


def _eager(
    fitted: Fitted,
    inputs: Mapping[str, Array],
    outputs: Mapping[str, Output],
    blocks: list[Block],
    workers: int,
    progress: Progress,
) -> dict[str, Array]:
    shape = next(iter(inputs.values())).shape
    results: dict[str, Array] = {
        name: np.empty((shape[0], *(output.frame or shape[1:])), output.dtype) for name, output in outputs.items()
    }
    done, frame = 0, 0

    def report() -> None:
        progress(done / len(blocks), f"frame {frame} of {shape[0]}")

    report()
    calls = (partial(_apply, fitted, at, {k: a[at.outer] for k, a in inputs.items()}) for at in blocks)
    for at, parts in zip(blocks, in_turn(calls, workers=workers, report=report), strict=True):
        for name, part in parts.items():
            where = at.core if outputs[name].frame is None else at.core[:1]
            results[name][where] = part
        done, frame = done + 1, at.core[0].stop
        report()
    return results


def in_turn(
    calls: Iterable[Callable[[], Result]], *, workers: int | None = None, report: Callable[[], None]
) -> Iterator[Result]:
    """The results of `calls` in order, at most `workers` + 1 of them under way or waiting.

    By default there is one worker per core, a few at the most. `report` is called now and then, and may raise: calls
    under way then end at their next checkpoint.
    """
    given_up = threading.Event()

    def result(call: Callable[[], Result]) -> Result:
        with until(given_up.is_set):
            return call()

    workers = workers or crew()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="block")
    waiting: deque[Future[Result]] = deque()
    try:
        for call in calls:
            waiting.append(pool.submit(result, call))
            if len(waiting) > workers:
                yield _awaited(waiting.popleft(), report)
        while waiting:
            yield _awaited(waiting.popleft(), report)
    finally:
        given_up.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _awaited(call: Future[Result], report: Callable[[], None]) -> Result:
    """What `call` returns; `report` is called now and then until it does, and may raise."""
    while not wait([call], timeout=BEAT).done:
        report()
    return call.result()


def _lazy(
    fitted: Fitted, inputs: Mapping[str, Array], outputs: Mapping[str, Output], blocks: list[Block]
) -> dict[str, Array]:
    """The outputs as dask arrays with a chunk per block; one layer for all blocks, so that a long graph stays cheap."""
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    arrays = {name: _whole_frames(array) for name, array in inputs.items()}
    token = f"blocks-{uuid4().hex}"
    starts = [sorted({at.core[axis].start for at in blocks}) for axis in range(3)]
    numbers = [{start: number for number, start in enumerate(row)} for row in starts]
    places = [tuple(row[part.start] for row, part in zip(numbers, at.core, strict=True)) for at in blocks]
    ends = {name: np.cumsum(array.chunks[0]) for name, array in arrays.items()}
    graph: dict[Any, Any] = {f"{token}-fitted": fitted}
    for place, at in zip(places, blocks, strict=True):
        parts = {name: _chunks(array.name, ends[name], at.outer[0]) for name, array in arrays.items()}
        call = partial(_gathered, at=at, first={name: first for name, (first, _) in parts.items()})
        graph[token, *place] = (call, f"{token}-fitted", [keys for _, keys in parts.values()])
    shared = HighLevelGraph.from_collections(token, graph, dependencies=list(arrays.values()))

    def whole(name: str, output: Output) -> da.Array:
        own = f"{name}-{token}"
        picked = {(own, *place): (itemgetter(name), (token, *place)) for place in places}
        layers = {**shared.layers, own: picked}
        chunks = [tuple(b.core[axis].stop - b.core[axis].start for b in _along(blocks, axis)) for axis in range(3)]
        if output.frame is not None:
            chunks[1:] = [(n,) for n in output.frame]
        return da.Array(HighLevelGraph(layers, {**shared.dependencies, own: {token}}), own, chunks, output.dtype)

    return {name: whole(name, output) for name, output in outputs.items()}


def _whole_frames(array: Array) -> da.Array:
    """`array` as a dask array whose chunks hold whole frames."""
    return (
        by_frames(array, count=room(array.shape[1:]).frames)
        if isinstance(array, np.ndarray)
        else array.rechunk({1: -1, 2: -1})
    )


def _chunks(name: str, ends: NDArray[np.int_], frames: slice) -> tuple[int, list[tuple[str, int, int, int]]]:
    """The first frame of the chunks that hold `frames`, and their keys; `ends` are where the chunks of `name` end."""
    first, last = (int(np.searchsorted(ends, t, side="right")) for t in (frames.start, frames.stop - 1))
    return int(ends[first - 1]) if first else 0, [(name, index, 0, 0) for index in range(first, last + 1)]


def _along(blocks: list[Block], axis: int) -> list[Block]:
    """The blocks that lie first along the other two axes: a row of them."""
    others = [other for other in range(3) if other != axis]
    return [at for at in blocks if all(at.core[other].start == 0 for other in others)]


def _gathered(
    fitted: Fitted, chunks: list[list[NDArray[Any]]], *, at: Block, first: Mapping[str, int]
) -> Mapping[str, NDArray[Any]]:
    """What `fitted` makes of the block `at`, from each input's chunks, which start at frame `first`."""
    t, y, x = at.outer
    block = {}
    for (name, start), parts in zip(first.items(), chunks, strict=True):
        frames = parts[0] if len(parts) == 1 else np.concatenate(parts)
        block[name] = frames[t.start - start : t.stop - start, y, x]
    return _apply(fitted, at, block)


def _apply(fitted: Fitted, at: Block, block: Mapping[str, Any]) -> Mapping[str, NDArray[Any]]:
    return fitted.apply({name: np.asarray(array) for name, array in block.items()}, at)


def _allowed(size: tuple[int, int, int], shape: Sequence[int], cuts: str) -> tuple[int, int, int]:
    t, y, x = (min(step, n) if axis in cuts else n for axis, step, n in zip("tyx", size, shape, strict=True))
    return t, y, x


def _intervals(length: int, step: int, reach: int) -> list[tuple[slice, slice]]:
    """(core, outer) ranges along one axis."""
    starts = range(0, length, step)
    return [(slice(a, min(a + step, length)), slice(max(a - reach, 0), min(a + step + reach, length))) for a in starts]
