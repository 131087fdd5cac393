"""Stretches of frames during which the view stood still, whatever moved in it.

In one noisy frame a beating heart is all there is to see, and a flow follows it. Over many frames the faint anatomy
that stands still shows as well: if the view rested, frames laid over one another as they are differ less, in most
tiles, than frames moved along the offsets found for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.motion.band import COARSE
from napari_fluorodenoise.motion.picture import RunningPicture
from napari_fluorodenoise.motion.votes import THIN, preferred

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["panning", "rested"]

SHORTEST, LONGEST = 4, 512
"""Frames in which nothing more can be told, and beyond which more only take longer: the work is to grow with them."""
STRAYS = 1 / 12
"""Share of a frame's side within which anatomy moves by itself, to and fro; offsets that reach further are a pan."""
AROUND = 5
"""Frames before and after one in which a pan must show."""
OVERLAP = 0.25
"""Share of the field that all frames of a stretch must see for it to be compared."""


def rested(
    offsets: NDArray[np.float64],
    frame_at: Callable[[int], NDArray[np.float32]],
    *,
    field: NDArray[np.bool_],
    noise: float,
) -> NDArray[np.float64]:
    """`offsets` (T, 2) px of one segment without the steps within stretches of rest.

    `frame_at(i)` is the band-passed frame (Y, X) of the i-th offset, `field` (Y, X) where frames are worth reading, and
    `noise` the variance of their noise. Stretches of up to LONGEST frames are tried first, then their halves, down to a
    few frames.
    """
    steps = np.diff(offsets, axis=0, prepend=offsets[:1])
    starts = range(0, len(offsets), LONGEST)
    waiting = [range(max(start - 2, 0), min(start + LONGEST, len(offsets))) for start in starts]
    while waiting:
        stretch = waiting.pop()
        inner = slice(stretch.start + 1, stretch.stop)
        if len(stretch) < SHORTEST or not steps[inner].any():
            continue
        if _reach(offsets, stretch) <= STRAYS * min(field.shape) and _rests(offsets, frame_at, stretch, field, noise):
            steps[inner] = 0
        elif len(stretch) >= 2 * SHORTEST:
            middle = (stretch.start + stretch.stop) // 2
            # Both halves hold the frames in the middle: the step there is tried as well.
            waiting += [range(stretch.start, middle + 2), range(middle - 2, stretch.stop)]
    return np.asarray(offsets[0] + np.cumsum(steps, axis=0))


def panning(offsets: NDArray[np.float64], field: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which (T,) of the `offsets` (T, 2) px around a frame reach further than anatomy strays, and than it is coarse."""
    least = max(STRAYS * min(field.shape), 2 * COARSE)
    around = (range(max(t - AROUND, 0), min(t + AROUND + 1, len(offsets))) for t in range(len(offsets)))
    return np.array([_reach(offsets, stretch) > least for stretch in around], bool)


def _reach(offsets: NDArray[np.float64], stretch: range) -> float:
    return float(np.ptp(offsets[stretch.start : stretch.stop], axis=0).max())


def _rests(
    offsets: NDArray[np.float64],
    frame_at: Callable[[int], NDArray[np.float32]],
    stretch: range,
    field: NDArray[np.bool_],
    noise: float,
) -> bool:
    # The band-pass leaves nothing finer than every other pixel shows.
    where, path = field[::THIN, ::THIN], offsets / THIN
    middle = np.median(path[stretch.start : stretch.stop], axis=0)
    still, moved = (RunningPicture((where.shape[0], where.shape[1])) for _ in range(2))
    for i in stretch:
        frame = np.ascontiguousarray(frame_at(i)[::THIN, ::THIN])
        still.add(frame, np.zeros(2), where=where)
        moved.add(frame, path[i] - middle, where=where)
    views = still.view(np.zeros(2)), moved.view(np.zeros(2))
    both = (views[0].count >= len(stretch)) & (views[1].count >= len(stretch))
    if np.count_nonzero(both) < OVERLAP * np.count_nonzero(where):
        return False
    energies = (len(stretch) * view.unrest * both for view in views)
    return preferred(*energies, noise=noise)
