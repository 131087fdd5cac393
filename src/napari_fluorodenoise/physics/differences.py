"""Still blocks of temporal differences: what the noise of one moving sequence is measured on.

Four consecutive frames are aligned by whole pixels (interpolation would correlate the noise), and each gives the
differences f0 - f1 and f2 - f3, cut into blocks. How much a block moves is judged by the smooth part of the *other*
difference: its noise is independent, so choosing still blocks chooses no low noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.progress import Progress, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.video import Video

    Frame = NDArray[np.float32]
    Shift = tuple[int, int]

__all__ = ["BLOCK", "Blocks", "Group", "blocks", "groups"]

BLOCK = 16
"""Pixels along a block's side: large beside the noise's correlation, small beside what moves."""
GROUPS = 16
PIXELS = 2**23
"""Bounds on how much is looked at: 16 groups of four frames, or 8 million pixels."""
CLEARLY = 0.9
"""A shift has to bring the picture's unrest below this share."""
LARGEST = 1e15
"""Of larger values, sums of squares do not fit float32."""


@dataclass(frozen=True)
class Group:
    """Two to four consecutive frames (n, Y, X) in the sequence's dtype, the first of which is frame `start`."""

    start: int
    frames: NDArray[Any]


@dataclass(frozen=True)
class Blocks:
    """Blocks of temporal differences. `difference` (N, B, B) float32 and `mean` (N,) of the two frames' intensities.

    `motion` (N,) is the energy of the other difference's smooth part. `following` (N, B, B) is the difference to the
    frame after, NaN where the detector moved or there was none.
    """

    difference: NDArray[np.float32]
    mean: NDArray[np.float64]
    motion: NDArray[np.float64]
    following: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.mean)


def groups(video: Video, *, progress: Progress = silent) -> list[Group]:
    """Up to 16 groups of four consecutive frames, spread evenly over `video`; about 8 million pixels in all.

    Raises ValueError for fewer than two frames, and where a frame that is looked at holds NaN, infinity or values
    above `LARGEST`.
    """
    count, rows, columns = video.shape
    if count < 2:
        raise ValueError(f"expected at least two frames, found {count}; noise is measured between frames")
    size = min(4, count)
    number = int(np.clip(PIXELS // (size * rows * columns), 2, GROUPS))
    starts = np.unique(np.linspace(0, count - size, number).round().astype(int))
    found = []
    for n, start in enumerate(starts.tolist(), start=1):
        frames = np.asarray(video.data[start : start + size])
        _refuse_unknown(frames, start)
        found.append(Group(start, frames))
        progress(n / len(starts), "measuring the noise")
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


def blocks(found: list[Group], *, field: NDArray[np.bool_]) -> Blocks:
    """The blocks of all groups that lie inside `field` (Y, X), without those that are clipped or do not change."""
    low, high = min(g.frames.min() for g in found), max(g.frames.max() for g in found)
    parts = [part for group in found for part in _parts(group, field, float(low), float(high))]
    names = ("difference", "mean", "motion", "following")
    return Blocks(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _parts(group: Group, field: NDArray[np.bool_], low: float, high: float) -> Iterator[Blocks]:
    frames = group.frames.astype(np.float32)
    shifts = [_shift(a, b) for a, b in pairwise(frames)]
    frames, inside = _aligned(frames, field, shifts)
    pairs = {2: [(0, 1)], 3: [(0, 1), (1, 2)], 4: [(0, 1), (2, 3)]}[len(frames)]
    cut = [_cut(frames[i] - frames[j]) for i, j in pairs]
    moving = [_smooth_energy(difference) for difference in reversed(cut)]
    known = _cut(inside).all((1, 2))
    for (i, j), difference, motion in zip(pairs, cut, moving, strict=True):
        both = _cut(frames[i]), _cut(frames[j])
        clipped = sum(((b == low) | (b == high)).sum((1, 2)) for b in both) > 2
        kept = known & ~clipped & difference.any((1, 2))
        still = j + 1 < len(frames) and shifts[i] == shifts[j] == (0, 0)
        following = _cut(frames[j] - frames[j + 1]) if still else np.full_like(difference, np.nan)
        mean = ((both[0] + both[1]) / 2).mean((1, 2), dtype=np.float64)
        yield Blocks(difference[kept], mean[kept], motion[kept], following[kept])


def _cut(frame: NDArray[Any]) -> NDArray[Any]:
    """Blocks (N, B, B) that tile a frame, without what is left over at its end."""
    rows, columns = frame.shape[0] // BLOCK, frame.shape[1] // BLOCK
    tiles = frame[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    return tiles.reshape(-1, BLOCK, BLOCK)


def _smooth_energy(difference: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean square (N,) of a block's 4 x 4 averages: motion stands out from noise there."""
    coarse = difference.reshape(-1, BLOCK // 4, 4, BLOCK // 4, 4).mean((2, 4), dtype=np.float64)
    return np.asarray((coarse**2).mean((1, 2)))


def _aligned(frames: Frame, field: NDArray[np.bool_], shifts: list[Shift]) -> tuple[Frame, NDArray[np.bool_]]:
    """What all frames show of the first one's scene, cropped alike, and where all of it lies inside the field."""
    places = np.cumsum([(0, 0), *shifts], axis=0)
    top, left = places.max(axis=0)
    bottom, right = places.min(axis=0) + field.shape
    if bottom - top < BLOCK or right - left < BLOCK:
        places, (top, left), (bottom, right) = np.zeros_like(places), (0, 0), field.shape
    windows = [(slice(top - y, bottom - y), slice(left - x, right - x)) for y, x in places]
    inside = np.logical_and.reduce([field[window] for window in windows])
    return np.stack([frame[window] for frame, window in zip(frames, windows, strict=True)]), inside


def _shift(fixed: Frame, moving: Frame) -> Shift:
    """Whole pixels (row, column) such that moving[x] shows what fixed[x + shift] shows, for most of the picture.

    The peak of the correlation only proposes: a beating heart may pull it. Of it and no shift at all, the one that
    leaves more of the picture still is followed downhill, and has to gain clearly: of many shifts of mere noise one
    always cancels some of it.
    """
    import cv2

    smooth = [cv2.GaussianBlur(frame, (0, 0), 2.0) for frame in (fixed, moving)]
    costs: dict[Shift, float] = {}

    def cost(shift: Shift) -> float:
        if shift not in costs:
            costs[shift] = _unrest(smooth[0], smooth[1], shift)
        return costs[shift]

    best = min((0, 0), _peak(fixed, moving), key=cost)
    for _ in range(8):
        around = [(best[0] + y, best[1] + x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        nearest = min(around, key=cost)
        if cost(nearest) >= cost(best):
            break
        best = nearest
    return best if cost(best) < CLEARLY * cost((0, 0)) else (0, 0)


def _unrest(fixed: Frame, moving: Frame, shift: Shift) -> float:
    """How much the stiller third of the picture changes after a shift."""
    (y, x), (rows, columns) = shift, fixed.shape
    if rows - abs(y) < BLOCK or columns - abs(x) < BLOCK:
        return np.inf
    a = fixed[max(y, 0) : rows + min(y, 0), max(x, 0) : columns + min(x, 0)]
    b = moving[max(-y, 0) : rows + min(-y, 0), max(-x, 0) : columns + min(-x, 0)]
    return float(np.quantile((_cut(a - b)[:, ::2, ::2] ** 2).mean((1, 2)), 0.3))


def _peak(fixed: Frame, moving: Frame) -> Shift:
    """The peak of the band-passed frames' cross-correlation, within an eighth of the frame."""
    import cv2
    from scipy.fft import irfft2, rfft2

    window = np.outer(*(np.hanning(n + 2)[1:-1].astype(np.float32) for n in fixed.shape))
    spectra = [
        rfft2((cv2.GaussianBlur(f, (0, 0), 1.5) - cv2.GaussianBlur(f, (0, 0), 8.0)) * window) for f in (fixed, moving)
    ]
    surface = irfft2(spectra[0] * np.conj(spectra[1]), fixed.shape)
    reach = min(max(min(fixed.shape) // 8, 1), min(fixed.shape) - 1)
    index = np.arange(-reach, reach + 1)
    at = np.unravel_index(surface[np.ix_(index, index)].argmax(), (index.size, index.size))
    return int(index[at[0]]), int(index[at[1]])
