"""The background of a sequence as a state that follows its frames: patterns on a canvas, and how a frame mixes them.

A frame covers a window of the canvas, `at` (rows, columns), and shows background + foreground + noise. What of its
deviation from the background is noise and stays is the caller's choice: `keep(deviation, background, cell)` gets and
returns pictures of one shape, whose pixels are averages over `cell` x `cell` pixels of the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from napari_fluorodenoise.primitives.lowrank import coefficients
from napari_fluorodenoise.primitives.robust import known_median

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]
    Mask = NDArray[np.bool_]

__all__ = [
    "DARK",
    "Background",
    "Follower",
    "Keep",
    "Window",
    "cleaned",
    "combined",
    "matched",
    "seen_before",
    "strips",
]

Keep: TypeAlias = "Callable[[Picture, Picture, int], Picture]"
Window = tuple[slice, slice]

CELL, LEAST = 4, 128
"""Pixels per side of the averages in which a frame is matched, and how many of them a frame's side has at least."""
ROUNDS = 3
"""Rounds of least squares and clipping after which a frame's weights no longer change by noise."""
ENOUGH = 16
"""Averages below which a frame has too little in common with the background to be matched."""
DARK = 0.02
"""A frame of less than this share of the usual brightness tells nothing of the background: the X-rays were off."""
STRIP = 1 << 16
"""Pixels that are worked on at a time: a handful of pictures of that size stay in a core's cache."""


@dataclass(eq=False, kw_only=True)
class Background:
    """The background after some frame; followers change it in place, for a canvas is too large to copy every time.

    `basis` (r, Y, X) float32 are the patterns, 0 where nothing was seen; `weights` (r,) how the newest frame mixes
    them; `count` (Y, X) int32 how often each pixel was seen; `S` (r,) and `V` (frames, r) what a follower remembers of
    the frames before.
    """

    basis: NDArray[np.float32]
    count: NDArray[np.int32]
    S: NDArray[np.float64]
    V: NDArray[np.float64]

    @property
    def weights(self) -> NDArray[np.float64]:
        """How the newest frame mixes the patterns (r,)."""
        return np.asarray(self.S * self.V[-1])

    @property
    def picture(self) -> Picture:
        """The background (Y, X) of the newest frame."""
        return combined(self.basis, self.weights)


class Follower(Protocol):
    """What follows the background of a sequence: `start` with the first frames, then `step` frame by frame."""

    @property
    def window(self) -> int:
        """How many frames the background remembers."""

    def start(self, frames: NDArray[np.float32], known: Mask) -> Background:
        """The background of the first `frames` (c, Y, X) on the canvas, of which `known` (c, Y, X) was seen."""

    def step(self, background: Background, frame: Picture, at: Window, known: Mask | None = None) -> None:
        """Take one more `frame` (y, x), that of the canvas's window `at`, into `background`, which is changed.

        Of the frame only what is `known` (y, x) was seen; all of it where that is None.
        """


def seen_before(new: Mask, known: Mask | None) -> Mask | None:
    """What of a frame (y, x) the background has seen before, of which `new` it has not; None for all of it.

    Of the frame only what is `known` was seen; all of it where that is None.
    """
    if not new.any():
        return known
    return ~new if known is None else known & ~new


def matched(frame: Picture, basis: NDArray[np.float32], known: Mask | None, keep: Keep) -> NDArray[np.float64] | None:
    """The weights (r,) with which `basis` (r, y, x) comes closest to the background of `frame` (y, x).

    None where they have too little in common. Foreground has next to no say. Averages over CELL pixels are compared:
    few weights need no more.
    """
    cell = max(1, min(CELL, min(frame.shape) // LEAST))
    values, patterns = _averaged(frame, cell), np.stack([_averaged(pattern, cell) for pattern in basis])
    usable = np.any(patterns, axis=0)
    if known is not None:
        usable &= _averaged(known.astype(np.float32), cell) > 0.999
    if np.count_nonzero(usable) < min(ENOUGH, usable.size):
        return None
    patterns *= usable
    tall = patterns.reshape(len(basis), -1).T
    weights = coefficients(tall, values.ravel())
    for _ in range(ROUNDS):
        expected = combined(patterns, weights)
        weights = weights + coefficients(tall, keep((values - expected) * usable, expected, cell).ravel())
    return weights


def combined(basis: NDArray[np.float32], weights: NDArray[np.float64]) -> Picture:
    """The picture (y, x) float32 that mixes the patterns `basis` (r, y, x) by `weights` (r,)."""
    if len(basis) == 1:
        return np.asarray(basis[0] * np.float32(weights[0]), np.float32)
    return np.asarray(np.tensordot(weights.astype(np.float32), basis, 1), np.float32)


def strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """The rows of pictures of `shape` (Y, X), about STRIP pixels at a time."""
    step = max(1, STRIP // shape[1])
    return (slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step))


def cleaned(frames: NDArray[np.float32], known: Mask, keep: Keep) -> tuple[Picture, NDArray[np.float32]]:
    """The median (Y, X) of `frames` (c, Y, X), and the frames without their foreground, which its multiples show.

    Where a frame is not `known` (c, Y, X), the median goes on; 0 where no frame is.
    """
    middle = known_median(frames, known)
    columns = np.empty_like(frames)
    for column, frame, seen in zip(columns, frames, known, strict=True):
        weights = matched(frame, middle[None], seen, keep)
        expected = middle * np.float32(1.0 if weights is None else weights[0])
        column[:] = expected + keep((frame - expected) * seen, expected, 1)
    return middle, columns


def _averaged(image: Picture, cell: int) -> Picture:
    import cv2

    if cell == 1:
        return image
    rows, columns = (n // cell for n in image.shape)
    part = np.ascontiguousarray(image[: rows * cell, : columns * cell])
    return np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA))
