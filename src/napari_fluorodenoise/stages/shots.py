"""Shots: runs of frames that share a canvas. A jump of the view, or a collimator that opens, starts another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.blocks import spans, stream
from napari_fluorodenoise.engine.finite import refuse_infinite
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.motion.canvas import Canvas
from napari_fluorodenoise.physics import collimator
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Shot", "shots"]

PIECE = 1024
"""Frames looked through at a time: what an interruption costs of this look."""
FIRST = 15
"""Frames, at most, that a shot is told by: their median is free of what moves, and they fit in memory."""
OPEN, MUCH = 0.15, 0.01
"""Behind a collimator less than this share of the brightness is left; this share of the frame must open at a time."""


@dataclass(frozen=True, eq=False)
class Shot:
    """The frames from `start` to `stop` on their canvas, which counts frames from `start`.

    `inside` (Y, X) is where in a frame X-rays reach the detector.
    """

    start: int
    stop: int
    canvas: Canvas
    inside: NDArray[np.bool_]

    def known(self, t: int) -> NDArray[np.bool_] | None:
        """What of the canvas under the sequence's frame `t` that frame shows; None for all of it."""
        return None if self.inside.all() else self.canvas.laid_mask(self.inside, t - self.start)


def shots(
    frames: Video,
    offsets: NDArray[np.float64],
    segments: NDArray[np.float64],
    *,
    field: NDArray[np.bool_],
    window: int,
    progress: Progress,
) -> list[Shot]:
    """The shots of `frames`, which are read once, and the first frames after a collimator opened once more.

    Frame t lies at `offsets[t]` px, and a new number in `segments` starts a new shot. `field` (Y, X) is where X-rays
    reach the detector until a collimator opens. Raises ValueError where a frame holds NaN or infinity.
    """
    inverted = frames.photometric == "MONOCHROME1"
    opens = _openings(frames, inverted, progress)
    ends = [*(np.flatnonzero(np.diff(segments)) + 1), len(offsets)]
    starts = sorted({0, *(int(end) for end in ends[:-1]), *opens})
    found = []
    for start, stop in zip(starts, [*starts[1:], len(offsets)], strict=True):
        end = int(ends[bisect_right(ends, start)])
        if start in opens:
            some = some_frames(frames, start, min(start + window, end))
            field = collimator.field(np.mean(list(some.values()), axis=0), inverted=inverted)
        canvas = Canvas.around(offsets[start:end], frame=field.shape)
        found.append(Shot(start, stop, canvas, field if canvas.is_frame else collimator.without_penumbra(field)))
    return found


def some_frames(frames: Video, start: int, stop: int) -> dict[int, NDArray[Any]]:
    """At most FIRST frames by their number, evenly spaced from `start` to `stop`, from before a collimator opens."""
    inverted, some = frames.photometric == "MONOCHROME1", {}
    cells: NDArray[np.float32] | None = None
    for t in range(start, stop, -(-(stop - start) // FIRST)):
        frame = np.asarray(frames.data[t])
        before, cells = cells, _cells(frame, inverted)
        if before is not None and _opened(before, cells):
            break
        some[t] = frame
    return some


def _openings(frames: Video, inverted: bool, progress: Progress) -> set[int]:
    """The first frames after a collimator opened."""
    found: set[int] = set()
    count = frames.shape[0]
    for at in spans(count, frames=PIECE):
        part = portion(progress, at.start / count, at.stop / count)
        found |= pieces.once(f"openings {at.start}", partial(_openings_in, frames, inverted, at), progress=part)
    return found


def _openings_in(frames: Video, inverted: bool, at: slice, progress: Progress) -> set[int]:
    """Those among the frames `at`, which are compared with the ones before."""
    first = max(at.start - 1, 0)
    found, before = set(), None
    for t, frame in in_order(frames, slice(first, at.stop), progress):
        refuse_infinite(frame[None], name="frames", first=t)
        cells = _cells(frame, inverted)
        if before is not None and _opened(before, cells):
            found.add(t)
        before = cells
    return found


def in_order(
    frames: Video, at: slice, progress: Progress, *, readers: int | None = None
) -> Iterator[tuple[int, NDArray[Any]]]:
    """The frames `at`, one by one, with their numbers; as many `readers` as there are cores read a few ahead."""
    for part, block in stream({"frames": frames.data[at]}, workers=readers, progress=progress):
        yield from zip(range(at.start + part.start, at.start + part.stop), block["frames"], strict=True)


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
