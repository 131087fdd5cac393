"""Still blocks of temporal differences: what the noise of one moving sequence is measured on.

Up to eight consecutive frames are brought to one place (`alignment`), and give the differences f0 - f1, f2 - f3, ...,
cut into blocks. How much a block moves is judged by the smooth part of the *other* differences around it: their noise
is independent, so choosing still blocks chooses no low noise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.engine.scratch import Scratch
from napari_fluorodenoise.physics.alignment import BLOCK, cut, grid, moved, remainder, shift
from napari_fluorodenoise.physics.noise import detrended

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.video import Video

    Frames = NDArray[np.float32]

__all__ = ["BLOCK", "FEW", "Blocks", "Group", "blocks", "grey_step", "groups"]

GROUP = 8
PIXELS = 2**24
"""Bounds on how much is looked at: groups of eight frames, 16 million pixels."""
LARGEST = 1e15
"""Of larger values, sums of squares do not fit float32."""
FURTHER = 2
"""Pixels by which the scene has to pass from frame to frame before noise that stays on a pixel is told from it."""
FLASH = 0.3
"""Change of the exposure between two frames, as a share, from which on one of them is left out: a flash, or blank."""
FEW = 512
"""Blocks that are looked at at a time."""
DIRECT = 0.03
"""Pixels below which a shift is left as it is: its differences lie far below any noise."""


@dataclass(frozen=True)
class Group:
    """Two to eight consecutive frames of a sequence, the first of which is frame `start`; `read` gives them."""

    start: int
    read: Callable[[], NDArray[Any]]

    @classmethod
    def of(cls, start: int, frames: NDArray[Any]) -> Group:
        """The group of `frames` (n, Y, X) that are in memory."""
        return cls(start, lambda: frames)

    @property
    def frames(self) -> NDArray[Any]:
        """(n, Y, X) in the sequence's dtype."""
        return self.read()


@dataclass(frozen=True)
class Blocks:
    """Blocks of temporal differences. `difference` (N, B, B), without its best plane, and `mean` (N,) intensity there.

    `motion` (N,) is the energy of the other differences' smooth part around the block. `following` (N, 2) are the mean
    square of the difference to the frame after, without its plane, and the mean of its products with `difference`; NaN
    where the detector moved or there was none. `brightness` (G, 3) says of every group its middle frame, by which share
    the picture brightens per frame, and that rate's standard error. `displaced` (M,) are the correlations of the noise
    of a detector's pixel with that in the frame after, while the scene passed by: one of each block.
    """

    difference: Frames
    mean: NDArray[np.float64]
    motion: NDArray[np.float64]
    following: NDArray[np.float64]
    brightness: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    displaced: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, difference: Frames, mean: NDArray[np.float64], motion: NDArray[np.float64], after: Frames) -> Blocks:
        """The blocks of differences as they are, and of those to the frame `after` (N, B, B each)."""
        first, second = detrended(difference), detrended(after)
        following = np.stack([_products(second, second), _products(first, second)], axis=-1)
        return cls(first, mean, motion, following)

    @property
    def energy(self) -> NDArray[np.float64]:
        """The mean square (N,) of the differences."""
        return _products(self.difference, self.difference)

    def __len__(self) -> int:
        return len(self.mean)


def _products(first: Frames, second: Frames) -> NDArray[np.float64]:
    """The mean (N,) of the products of the pixels of blocks (N, B, B)."""
    parts = [(a * b).mean((1, 2), dtype=np.float64) for a, b in zip(_few(first), _few(second), strict=True)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _few(blocks: Frames) -> Iterator[Frames]:
    """`blocks`, so few at a time that what is computed of them takes no memory to speak of."""
    return (blocks[start : start + FEW] for start in range(0, len(blocks), FEW))


NO_RATE = np.zeros((0, 3))
NONE = Blocks(np.zeros((0, BLOCK, BLOCK), np.float32), np.zeros(0), np.zeros(0), np.zeros((0, 2)))


def groups(video: Video, *, progress: Progress = silent, pixels: int = PIXELS) -> list[Group]:
    """Groups of up to eight consecutive frames: all of `video`, or spread evenly over it where it is larger.

    About `pixels` pixels are read in all, two groups at least. Raises ValueError for fewer than two frames, and where
    a frame that is looked at holds NaN, infinity or values above `LARGEST`.
    """
    count, rows, columns = video.shape
    if count < 2:
        raise ValueError(f"expected at least two frames, found {count}; noise is measured between frames")
    size = min(GROUP if 2 * GROUP * rows * columns <= pixels else GROUP // 2, count)
    starts = np.arange(0, count - 1, size)
    number = max(2, pixels // (size * rows * columns))
    if number < len(starts):
        starts = np.unique(np.linspace(0, count - size, number).round().astype(int))
    found, kept = [], Scratch("groups") if video.is_lazy else None
    for n, start in enumerate(starts.tolist()):
        frames = np.asarray(video.data[start : start + size])
        _refuse_unknown(frames, start)
        if kept is None:
            found.append(Group.of(start, frames))
        else:  # in memory they would take as much as all that is made of them
            kept[n] = frames
            found.append(Group(start, partial(kept.__getitem__, n)))
        progress((n + 1) / len(starts), "measuring the noise")
    return found


def _refuse_unknown(frames: NDArray[Any], start: int) -> None:
    if frames.dtype.kind != "f":
        return
    for t, frame in enumerate(frames, start=start):
        largest = float(np.abs(frame).max())
        if not np.isfinite(largest):
            raise ValueError(f"expected finite pixels, found NaN or infinity in frame {t}; replace or crop them first")
        if largest > LARGEST:
            raise ValueError(f"expected pixels up to {LARGEST:g}, found {largest:g} in frame {t}; scale them first")


def grey_step(found: Sequence[Group]) -> float:
    """The step between neighbouring grey levels, also of whole numbers that were scaled to floats; 0 if all is equal.

    It is the least gap between the values of a frame: for true floats that is tiny.
    """
    levels = np.unique(np.concatenate([group.frames[0, ::2, ::2].ravel() for group in found[:: len(found) // 2 or 1]]))
    gaps = np.diff(levels.astype(np.float64))
    return float(gaps.min()) if gaps.size else 0.0


def blocks(found: Sequence[Group], *, field: NDArray[np.bool_]) -> Blocks:
    """The blocks of all groups that lie inside `field` (Y, X), without those that are clipped or do not change."""
    low, high = min(g.frames.min() for g in found), max(g.frames.max() for g in found)
    parts = deque(part for group in found for part in _parts(group, field, float(low), float(high))) or deque([NONE])
    small = ("mean", "motion", "following", "brightness", "displaced")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in small}
    difference = np.empty((len(joined["mean"]), BLOCK, BLOCK), np.float32)
    at = 0
    while parts:  # each goes as it is copied: all of them take as much memory again
        part = parts.popleft()
        difference[at : at + len(part)] = part.difference
        at += len(part)
    return Blocks(difference=difference, **joined)


def _parts(group: Group, field: NDArray[np.bool_], low: float, high: float) -> Iterator[Blocks]:
    frames = group.frames.astype(np.float32)
    if min(frames.shape[1:]) < BLOCK:
        return
    frames, inside, shifts = _aligned(frames, field)
    known = np.asarray(cut(inside).all((1, 2)))
    pairs = [(i, i + 1) for i in range(0, len(frames) - 1, 2)] if len(frames) != 3 else [(0, 1), (1, 2)]
    changes = [_difference(frames[i], frames[j]) for i, j in pairs]
    alike = [n for n, change in enumerate(changes) if change.exposure < FLASH]
    for n in alike:
        (i, j), change = pairs[n], changes[n]
        both = cut(frames[i]), cut(frames[j])
        clipped = sum(((b == low) | (b == high)).sum((1, 2)) for b in both) > 2
        difference = cut(change.difference)
        kept = known & ~clipped & difference.any((1, 2))
        mean = ((both[0] + both[1]) / 2).mean((1, 2), dtype=np.float64)
        others = [changes[m].difference for m in alike if m != n] or [change.difference]
        motion = np.mean([_smooth_energy(other) for other in others], axis=0)
        following = cut(_following(frames, i, j, change.second, shifts))
        brightness = _brightness(group.start, frames, known) if len(alike) == len(pairs) and n == 0 else NO_RATE
        displaced = _displaced(frames[i : i + 4], shifts[i]) if len(frames) >= i + 4 else np.zeros(0)
        still = Blocks.of(difference[kept], mean[kept], motion[kept], following[kept])
        yield replace(still, brightness=brightness, displaced=displaced)


@dataclass(frozen=True)
class _Change:
    """The `difference` (Y, X) of two frames of one place, the `second` one moved onto the first by its part of a pixel.

    `exposure` is the change of the exposure between them, as a share; it is taken off the difference.
    """

    difference: Frames
    second: Frames
    exposure: float = 0.0


def _difference(first: Frames, second: Frames) -> _Change:
    second = _onto(first, second)
    mean, difference = (first + second) / np.float32(2), first - second
    levels, changes = (cut(part).mean((1, 2)) for part in (mean, difference))
    bright = levels > max(0.25 * float(np.median(levels)), 0)
    if np.count_nonzero(bright) < len(levels) / 2:  # no scale with a 0 that means no X-rays
        return _Change(difference, second)
    exposure = float(np.median(changes[bright] / levels[bright]))  # a change of the whole exposure is no noise
    return _Change(difference - np.float32(exposure) * mean, second, abs(exposure))


def _onto(first: Frames, second: Frames) -> Frames:
    step = remainder(first, second)
    return moved(second, step) if np.abs(step).max() > DIRECT else second


def _following(frames: Frames, i: int, j: int, second: Frames, shifts: Sequence[tuple[int, int]]) -> Frames:
    """The difference that shares one frame with frame `i` less the `second`, frame `j`; NaN where the detector moved.

    It is the second less the frame after, of a group's last pair the frame before less the first. The third frame is
    moved onto the first as well: what stays of motion would pass for noise in common.
    """
    if j + 1 < len(frames) and shifts[i] == shifts[j] == (0, 0):
        after: Frames = second - _onto(frames[i], frames[j + 1])
        return after
    if j + 1 == len(frames) and i > 0 and shifts[i - 1] == shifts[i] == (0, 0):
        before: Frames = _onto(frames[i], frames[i - 1]) - frames[i]
        return before
    return np.full_like(second, np.nan)


def _smooth_energy(difference: Frames) -> NDArray[np.float64]:
    """Mean square (N,) of the 4 x 4 averages of a block, less of its neighbours: motion stands out from noise there."""
    import cv2

    parts = grid(difference)
    rows, columns = parts.shape[:2]
    coarse = parts.reshape(rows, columns, BLOCK // 4, 4, BLOCK // 4, 4).mean((3, 5), dtype=np.float64)
    nearby = np.array([0.25, 0.5, 0.25])
    return np.asarray(cv2.sepFilter2D((coarse**2).mean((2, 3)), -1, nearby, nearby)).ravel()


def _brightness(start: int, frames: Frames, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """One row of `Blocks.brightness` for aligned frames (n, Y, X); no row where there is nothing bright to compare."""
    levels = np.stack([cut(frame).mean((1, 2), dtype=np.float64) for frame in frames])[:, known]  # (n, N)
    middle = levels.mean(axis=0)
    if len(frames) < 3 or middle.size < 8 or middle.min() < 0:
        return NO_RATE
    bright = middle > 0.25 * np.median(middle)
    if np.count_nonzero(bright) < 8:
        return NO_RATE
    time = np.arange(len(frames)) - (len(frames) - 1) / 2
    rates = (time @ levels[:, bright]) / (time @ time) / middle[bright]
    spread = 1.4826 * np.median(np.abs(rates - np.median(rates)))
    error = 1.2533 * spread / np.sqrt(rates.size)
    return np.array([[start + (len(frames) - 1) / 2, np.median(rates), error]])


def _displaced(frames: Frames, step: tuple[int, int]) -> NDArray[np.float64]:
    """Correlations (M,) of the noise of consecutive frames at the same pixel of the detector, from four aligned frames.

    While the scene moves over the detector, frame 0 less frame 3 here and frame 1 less frame 2 a `step` further show
    other anatomy by the same pixel of frames 0 and 1, and a step back by that of frames 2 and 3. What is left of motion
    correlates about as much a step aside, where no noise is shared; that is taken off. None where the step is so small
    that the point response reaches across it.
    """
    if max(map(abs, step)) < FURTHER:
        return np.zeros(0)
    changes = frames[0] - frames[3], frames[1] - frames[2]
    y, x = step
    ahead, back, left, right = (_correlations(*changes, step=way) for way in ((y, x), (-y, -x), (x, -y), (-x, y)))
    count = min(map(len, (ahead, back, left, right)))
    return (ahead + back)[:count] - (left + right)[:count]


def _correlations(first: Frames, second: Frames, *, step: tuple[int, int]) -> NDArray[np.float64]:
    """The correlation (M,) of each block of `first` (Y, X) with that of `second` a `step` further; 0 without change."""
    (y, x), (rows, columns) = step, first.shape
    here = first[max(y, 0) : rows + min(y, 0), max(x, 0) : columns + min(x, 0)]
    there = second[max(-y, 0) : rows + min(-y, 0), max(-x, 0) : columns + min(-x, 0)]
    parts = [detrended(cut(part)) for part in (here, there)]
    energy = np.prod([(part**2).mean((1, 2), dtype=np.float64) for part in parts], axis=0)
    products = (parts[0] * parts[1]).mean((1, 2), dtype=np.float64)
    return np.asarray(products / np.sqrt(np.maximum(energy, np.finfo(np.float64).tiny)))


def _aligned(frames: Frames, field: NDArray[np.bool_]) -> tuple[Frames, NDArray[np.bool_], list[tuple[int, int]]]:
    """What all frames show of the first one's scene, cropped alike; where all of it lies inside the field; the steps.

    Steps are whole pixels. Where the frames have too little in common they stay as they are.
    """
    shifts = [shift(a, b) for a, b in pairwise(frames)]
    places = np.cumsum([(0, 0), *shifts], axis=0)
    top, left = places.max(axis=0)
    bottom, right = places.min(axis=0) + field.shape
    if bottom - top < BLOCK or right - left < BLOCK:
        places, (top, left), (bottom, right) = np.zeros_like(places), (0, 0), field.shape
    windows = [(slice(top - y, bottom - y), slice(left - x, right - x)) for y, x in places]
    inside = np.logical_and.reduce([field[window] for window in windows])
    return np.stack([frame[window] for frame, window in zip(frames, windows, strict=True)]), inside, shifts
