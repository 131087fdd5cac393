"""The canvas on which a panning sequence holds still: where every frame lies on it, and the way there and back.

Convention: `offsets[t]` (row, column) is where frame t's pixel (0, 0) lies in the pixel coordinates of frame 0; pixel
(0, 0) of the canvas lies at `origin`, in whole pixels. What the canvas shows at a frame's place is `view(picture, t)`;
what a frame covers of the canvas is `place(frame, t)`. Law: view(place(frame, t), t) == frame for whole offsets, and
up to the interpolation (8 taps) of what is finer than two pixels for fractions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Canvas", "resampled"]

TAPS = 8
STEP = 1 / 256
"""Offsets are placed to this part of a pixel: far below what can be measured, and whole offsets stay whole."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """The union of all frames: its `shape` (Y, X), its `origin` (row, column) px, the `frame` (Y, X), the offsets."""

    shape: tuple[int, int]
    origin: tuple[int, int]
    frame: tuple[int, int]
    offsets: NDArray[np.float64]

    @classmethod
    def around(cls, offsets: NDArray[np.float64], *, frame: tuple[int, int]) -> Canvas:
        """The smallest canvas that holds a `frame` (Y, X) at each of `offsets` (T, 2) px."""
        offsets = np.rint(np.asarray(offsets, np.float64) / STEP) * STEP
        low = np.floor(offsets.min(axis=0)).astype(int)
        rows, columns = np.ceil(offsets.max(axis=0)).astype(int) - low + frame
        return cls((int(rows), int(columns)), (int(low[0]), int(low[1])), frame, offsets)

    @property
    def is_frame(self) -> bool:
        """True when no frame ever moves: the canvas is the frame."""
        return self.shape == self.frame

    def place(
        self, image: NDArray[Any], t: int, *, inside: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Frame `image` (Y, X) at its place on the canvas, 0 elsewhere, and where on the canvas it lies.

        With `inside` (Y, X), only where it shows what lies inside: a collimator does not move along with the anatomy.
        """
        at = self.under(t)
        placed, known = np.zeros(self.shape, np.float32), np.zeros(self.shape, bool)
        placed[at] = self.laid(image, t)
        known[at] = True if inside is None else self.laid_mask(inside, t)
        return placed, known

    def under(self, t: int) -> tuple[slice, slice]:
        """The canvas pixels (rows, columns) under frame `t`."""
        return self._covered(t)[0]

    def laid(self, image: NDArray[Any], t: int) -> NDArray[np.float32]:
        """Frame `image` (Y, X) on the canvas pixels `under(t)`; what lies up to a pixel beyond its edges goes on."""
        import cv2

        at, part = self._covered(t)
        image = np.asarray(image, np.float32)
        if not part.any():
            return image
        image = resampled(cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_REPLICATE), 1 - part)
        return image[: at[0].stop - at[0].start, : at[1].stop - at[1].start]

    def laid_mask(self, inside: NDArray[np.bool_], t: int) -> NDArray[np.bool_]:
        """Where the canvas pixels `under(t)` are made only of pixels `inside` (Y, X) of frame `t`."""
        import cv2

        below, right = (int(part > 0) for part in self._covered(t)[1])
        if not (below or right):
            return inside
        whole = cv2.erode(inside.astype(np.uint8), np.ones((TAPS + 1, TAPS + 1), np.uint8))
        return np.asarray(cv2.copyMakeBorder(whole, 0, below, 0, right, cv2.BORDER_REPLICATE) > 0)

    def view(self, picture: NDArray[np.float32], t: int) -> NDArray[np.float32]:
        """What `picture` (Yc, Xc), on the canvas, shows in frame `t` (Y, X)."""
        return self.read(picture[self.under(t)], t)

    def read(self, part: NDArray[np.float32], t: int) -> NDArray[np.float32]:
        """What the `part` of a picture that lies `under(t)` shows in frame `t` (Y, X)."""
        fraction = self._covered(t)[1]
        return resampled(part, fraction)[: self.frame[0], : self.frame[1]] if fraction.any() else part

    def read_mask(self, part: NDArray[np.bool_], t: int) -> NDArray[np.bool_]:
        """Where frame `t` (Y, X) is read only from pixels that are True in a mask's `part` that lies `under(t)`."""
        import cv2

        if not self._covered(t)[1].any():
            return part
        whole = cv2.erode(part.astype(np.uint8), np.ones((TAPS + 1, TAPS + 1), np.uint8))
        return np.asarray(whole[: self.frame[0], : self.frame[1]] > 0)

    def _covered(self, t: int) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
        """The canvas pixels under frame `t`, and the fractions (row, column) by which it starts later."""
        whole = np.floor(self.offsets[t]).astype(int)
        part = self.offsets[t] - whole
        start = whole - self.origin
        rows, columns = start + self.frame + (part > 0)
        return (slice(start[0], rows), slice(start[1], columns)), part


def resampled(image: NDArray[np.float32], part: NDArray[np.float64]) -> NDArray[np.float32]:
    """`image` (Y, X) float32 read `part` (row, column) of a pixel further on, in [0, 1]; its edges go on outside."""
    import cv2

    rows, columns = (_kernel(float(fraction)) for fraction in part)
    anchor = (TAPS // 2 - 1, TAPS // 2 - 1)
    read: NDArray[np.float32] = cv2.sepFilter2D(
        image, cv2.CV_32F, columns, rows, anchor=anchor, borderType=cv2.BORDER_REPLICATE
    )
    return read


def _kernel(part: float) -> NDArray[np.float64]:
    """The weights (TAPS,) of a Lanczos interpolation `part` of a pixel after the tap in the middle; they sum to 1."""
    distance = np.arange(TAPS) - (TAPS // 2 - 1) - part
    weights = np.sinc(distance) * np.sinc(distance / (TAPS / 2))
    return np.asarray(weights / weights.sum())
