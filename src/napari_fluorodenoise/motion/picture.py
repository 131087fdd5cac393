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
    """What a frame at some offset would show: `mean` (Y, X), its mean squared deviation `unrest`, and where `known`."""

    mean: NDArray[np.float32]
    unrest: NDArray[np.float32]
    known: NDArray[np.bool_]


class RunningPicture:
    """The mean of all frames of shape `frame` (Y, X) added so far, on a canvas that grows with their offsets."""

    def __init__(self, frame: tuple[int, int]) -> None:
        self._frame = frame
        self._origin = np.zeros(2, int)
        self._layers = np.zeros((3, *frame), np.float32)  # mean, unrest, count

    @property
    def is_blank(self) -> bool:
        """True before the first frame."""
        return not self._layers[2].any()

    def view(self, offset: NDArray[np.float64]) -> View:
        """What is known of the scene under a frame at `offset` (row, column) px."""
        at, part = self._under(offset)
        mean, unrest, count = self._layers[:, *at]
        inside = (slice(self._frame[0]), slice(self._frame[1]))
        return View(resampled(mean, part)[inside], unrest[inside], count[inside] > 0)

    def add(self, frame: NDArray[np.float32], offset: NDArray[np.float64], *, where: NDArray[np.bool_]) -> None:
        """Average the `frame` (Y, X) at `offset` in, at its pixels `where` (Y, X)."""
        at, part = self._under(offset)
        mean, unrest, count = self._layers[:, *at]
        moved = resampled(np.pad(frame, ((1, 0), (1, 0)), mode="edge"), 1 - part)  # (Y + 1, X + 1)
        seen = np.pad(where, ((0, 1), (0, 1)))
        deviation = seen * (moved - mean)
        unrest += seen * (deviation**2 * (count > 0) - unrest) / np.maximum(count, 1)
        mean += deviation / (count + 1)
        count += seen

    def _under(self, offset: NDArray[np.float64]) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
        """The canvas under a frame at `offset` and one pixel more, grown where it has to be; the fractions left."""
        whole = np.floor(offset).astype(int)
        low = np.minimum(whole, self._origin)
        high = np.maximum(whole + self._frame + 1, self._origin + self._layers.shape[1:])
        before, after = self._origin - low, high - self._origin - self._layers.shape[1:]
        if before.any() or after.any():
            self._layers = np.pad(self._layers, ((0, 0), *zip(before, after, strict=True)))
            self._origin = low
        start = whole - self._origin
        stop = start + self._frame + 1
        return (slice(start[0], stop[0]), slice(start[1], stop[1])), offset - whole
