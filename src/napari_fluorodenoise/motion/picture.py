"""The running picture of a scene that frames at different offsets have shown: mean, how often seen, and unrest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.motion.canvas import resampled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RunningPicture", "View"]


@dataclass(frozen=True, eq=False)
class View:
    """What a frame at some offset would show, (Y, X) each.

    `mean` is the mean of what was seen there `count` times, `unrest` its variance.
    """

    mean: NDArray[np.float32]
    unrest: NDArray[np.float32]
    count: NDArray[np.float32]


class RunningPicture:
    """The mean of the frames of shape `frame` (Y, X) it holds, on a canvas that grows with their offsets."""

    def __init__(self, frame: tuple[int, int]) -> None:
        self._frame = frame
        self._origin = np.zeros(2, int)
        self._sums = np.zeros((3, *frame), np.float32)  # of values, of their squares, and how many

    @property
    def is_blank(self) -> bool:
        """True while it holds nothing."""
        return not self._sums[2].any()

    def view(self, offset: NDArray[np.float64]) -> View:
        """What is known of the scene under a frame at `offset` (row, column) px."""
        at, part = self._under(offset)
        total, squares, count = self._sums[:, *at]
        mean = total / np.maximum(count, 1)
        inside = (slice(self._frame[0]), slice(self._frame[1]))
        unrest = np.maximum(squares[inside] / np.maximum(count[inside], 1) - mean[inside] ** 2, 0)
        return View(resampled(mean, part)[inside], unrest, count[inside])

    def mean(self, offset: NDArray[np.float64]) -> NDArray[np.float32]:
        """The mean alone of `view(offset)`."""
        at, part = self._under(offset)
        total, count = self._sums[0][at], self._sums[2][at]
        return resampled(total / np.maximum(count, 1), part)[: self._frame[0], : self._frame[1]]

    def add(self, frame: NDArray[np.float32], offset: NDArray[np.float64], *, where: NDArray[np.bool_]) -> None:
        """Take in the `frame` (Y, X) at `offset`, at its pixels `where` (Y, X)."""
        self._include(frame, offset, where, 1)

    def remove(self, frame: NDArray[np.float32], offset: NDArray[np.float64], *, where: NDArray[np.bool_]) -> None:
        """Undo what `add` did with the same arguments."""
        self._include(frame, offset, where, -1)

    def _include(
        self, frame: NDArray[np.float32], offset: NDArray[np.float64], where: NDArray[np.bool_], sign: int
    ) -> None:
        at, part = self._under(offset)
        moved = resampled(np.pad(frame, ((1, 0), (1, 0)), mode="edge"), 1 - part)  # (Y + 1, X + 1)
        seen = np.pad(where, ((0, 1), (0, 1)))
        moved *= seen
        total, squares, count = self._sums[:, *at]
        total += sign * moved
        squares += sign * moved**2
        count += np.float32(sign) * seen

    def _under(self, offset: NDArray[np.float64]) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
        """The canvas under a frame at `offset` and one pixel more, grown where it has to be; the fractions left."""
        whole = np.floor(offset).astype(int)
        low = np.minimum(whole, self._origin)
        high = np.maximum(whole + self._frame + 1, self._origin + self._sums.shape[1:])
        before, after = self._origin - low, high - self._origin - self._sums.shape[1:]
        if before.any() or after.any():
            self._sums = np.pad(self._sums, ((0, 0), *zip(before, after, strict=True)))
            self._origin = low
        start = whole - self._origin
        stop = start + self._frame + 1
        return (slice(start[0], stop[0]), slice(start[1], stop[1])), offset - whole
