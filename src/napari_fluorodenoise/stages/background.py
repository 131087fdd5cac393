"""The background of a sequence over its shots: what `Decompose` finds in its look at the frames, kept on disk.

Nothing passes from one shot to the next. Within a shot the frames are followed in stretches: one after the other, each
going on from the state in which the one before ended, which is the same as a single pass; or side by side. Then a
stretch begins with what the shot's first frames have shown, and is warmed up on the frames before it. The first frames
matter as much as the last ones: what covers the background later (a wire that comes and stays, contrast agent) is told
by what was there without it, which a stretch that knew only its own frames could not know.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.progress import Progress, checkpoint, portion, silent
from napari_fluorodenoise.engine.scratch import Scratch
from napari_fluorodenoise.primitives.background import Background, Follower, Keep, Window, combined, matched
from napari_fluorodenoise.stages.shots import Shot, in_order, shots, some_frames
from napari_fluorodenoise.stages.states import EVERY, States, Written, completed
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.stages.states import Mend

__all__ = ["Followed", "followed"]

PIECE = 1024
"""Frames after which the state is kept in a single pass: what an interruption costs."""
LEAD, WARM = 8, 4
"""Windows at a shot's start that every stretch begins with, and windows before itself that it is warmed up on."""
WORTH = 8
"""A stretch is at least this many times its warm-up, which is work done twice."""
LOOK = 0.1
"""The share of the work that finding the shots is."""


@dataclass(frozen=True, eq=False)
class Followed:
    """A `shot` whose background is known: its states, and in how many frames each pixel of the canvas was `seen`."""

    shot: Shot
    seen: NDArray[np.int32]
    states: States

    def background(self, frame: NDArray[np.float32], t: int, *, ahead: int, keep: Keep) -> NDArray[np.float32]:
        """The background (Y, X) of `frame` (Y, X), the sequence's frame `t`: that of `ahead` frames later.

        Where nothing was seen there is no telling, and the frame itself is given back.
        """
        canvas, own = self.shot.canvas, t - self.shot.start
        at = canvas.under(own)
        basis = self.states.basis(t + ahead, at)
        patterns = np.stack([canvas.read(plane, own) for plane in basis])
        known = self._known(own, at)
        weights = matched(frame, patterns, known, keep)
        if weights is None:
            return frame
        background = combined(patterns, weights)
        if known is not None:
            np.copyto(background, frame, where=~known)
        return background

    def _known(self, own: int, at: Window) -> NDArray[np.bool_] | None:
        inside, seen = self.shot.inside, self.seen[at] > 0
        if not seen.all():
            return inside & self.shot.canvas.read_mask(seen, own)
        return None if inside.all() else inside


def followed(
    frames: Video,
    offsets: NDArray[np.float64],
    segments: NDArray[np.float64],
    *,
    field: NDArray[np.bool_],
    follower: Follower,
    mend: Mend | None,
    progress: Progress,
    stretch: int = 0,
) -> list[Followed]:
    """The shots of `frames`, which are read twice, and the first frames of each shot once more.

    Frame t lies at `offsets[t]` px, and a new number in `segments` starts a new shot. `field` (Y, X) is where X-rays
    reach the detector until a collimator opens. A shot longer than two stretches of about `stretch` frames is followed
    in them, side by side; 0 follows all in one pass.
    """
    look, rest = portion(progress, 0.0, LOOK), portion(progress, LOOK, 1.0)
    made = []
    for shot in shots(frames, offsets, segments, field=field, window=follower.window, progress=look):
        part = portion(rest, shot.start / len(offsets), shot.stop / len(offsets))
        with pieces.part_of(f"shot {shot.start}"):
            made.append(_followed(frames, shot, follower, stretch, mend, part))
    return made


@dataclass(frozen=True, eq=False)
class _Stretch:
    """What following the frames of a stretch gave: weights (r,) of its states, counts (Yc, Xc), and the last state."""

    weights: list[NDArray[np.float64]]
    seen: NDArray[np.int32]
    background: Background


def _followed(
    frames: Video, shot: Shot, follower: Follower, stretch: int, mend: Mend | None, progress: Progress
) -> Followed:
    written = Written(shot.start, shot.stop, follower.window, Scratch("bases"), Scratch("ages"))
    call = partial(_follow, frames, shot, follower, written)
    beside, spans = _stretches(shot, follower.window, stretch)
    ends = [written.number(span.stop - 1) for span in spans]
    weights: list[NDArray[np.float64]] = []
    seen = np.zeros(shot.canvas.shape, np.int32)
    source = np.full(seen.shape, ends[-1], np.int32)  # in a single pass the last state knows all
    done = _side_by_side if beside else _one_by_one
    for end, part in zip(ends, done(call, spans, WARM * follower.window, progress), strict=True):
        weights += part.weights
        seen += part.seen
        if beside:
            source[part.seen > 0] = end
    return Followed(shot, seen, completed(written, weights, ends, source, mend=mend))


def _stretches(shot: Shot, window: int, stretch: int) -> tuple[bool, list[range]]:
    """Whether the frames of `shot` are followed side by side, and in which stretches; states end all of them."""
    lead, length = LEAD * window, max(stretch, WORTH * WARM * window)
    beside = stretch > 0 and shot.stop - shot.start > lead + 2 * length
    step = EVERY * -(-(length if beside else PIECE) // EVERY)
    first = EVERY * -(-lead // EVERY) if beside else step
    borders = [shot.start, *range(shot.start + first, shot.stop, step), shot.stop]
    return beside, [range(*ends) for ends in pairwise(borders)]


def _one_by_one(call: Callable[..., _Stretch], spans: list[range], warm: int, progress: Progress) -> Iterator[_Stretch]:
    """What the `spans` give when each goes on where the one before ended: the same as all of them at once."""
    background: Background | None = None
    count = spans[-1].stop - spans[0].start
    for span in spans:
        part = portion(progress, *((t - spans[0].start) / count for t in (span.start, span.stop)))
        done = pieces.once(f"followed {span.start}", partial(call, span, span.start, background), progress=part)
        background = done.background
        yield done


def _side_by_side(
    call: Callable[..., _Stretch], spans: list[range], warm: int, progress: Progress
) -> Iterator[_Stretch]:
    """What the `spans` give when all begin with what the first has shown, and `warm` frames before themselves."""
    count, done = spans[-1].stop - spans[0].start, 0

    def report() -> None:
        progress(done / count, f"frame {done} of {count}")

    lead, *others = spans
    first = pieces.once(f"followed {lead.start}", partial(call, lead, lead.start, None))
    yield first
    starts = (max(span.start - warm, lead.stop) for span in others)
    calls = [partial(call, *each, first.background, readers=1) for each in zip(others, starts, strict=True)]
    for span, part in zip(others, pieces.each("stretch", calls, report=report), strict=True):
        done = span.stop - spans[0].start
        report()
        yield part


def _follow(
    frames: Video,
    shot: Shot,
    follower: Follower,
    written: Written,
    span: range,
    start: int,
    background: Background | None,
    progress: Progress = silent,
    *,
    readers: int | None = None,
) -> _Stretch:
    """Follow the frames from `start` on `background`, which is not changed, and write the states of those in `span`."""
    background = _first(frames, shot, follower) if background is None else copy.deepcopy(background)
    weights, seen = [], np.zeros(shot.canvas.shape, np.int32)
    for t, frame in in_order(frames, slice(start, span.stop), progress, readers=readers):
        checkpoint()
        at, known = shot.canvas.under(t - shot.start), shot.known(t)
        follower.step(background, shot.canvas.laid(frame, t - shot.start), at, known)
        if t in span:
            seen[at] += 1 if known is None else known
            state = written.take(t, background)
            weights += [] if state is None else [state]
    return _Stretch(weights, seen, background)


def _first(frames: Video, shot: Shot, follower: Follower) -> Background:
    """The background of the first frames of `shot`."""
    some = some_frames(frames, shot.start, min(shot.start + follower.window, shot.stop))
    placed = [shot.canvas.place(frame, t - shot.start, inside=shot.inside) for t, frame in some.items()]
    first, known = (np.stack(parts) for parts in zip(*placed, strict=True))
    return follower.start(first, known)
