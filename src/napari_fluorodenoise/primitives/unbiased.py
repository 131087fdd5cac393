"""What is due to denoised intensities so that they keep the noisy ones' mean: a correction read from the data itself.

A denoiser that works on z = f(y) is at best right about the mean of z, which is not f of the mean of y. The bias of
what comes back, v = f^-1(denoised z), depends on the intensity, the noise and the denoiser; the noisy frame knows it:

    due(v) = E[y - v | v],   taken over blocks of pixels, since a pixel's own noise sits in y and in v.

If the denoiser keeps the local mean of z, the first-order term of y - v is known to vanish on average and is left out,

    due = <y - v> - (f^-1)'(<denoised z>) <z - denoised z>,

and with it nearly all the noise: a few thousand pixels tell 0.1 % of the mean. Laws: due is 0 where nothing was
denoised; values + due(values) rises with the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NOTHING", "Correction", "correction", "due", "due_to_mean_keeping", "tiled"]

SIDE = 8
"""Pixels along a block's side: beyond the noise's correlation, and small beside anatomy."""
BINS = 8
FEWEST = 96
"""Blocks a bin needs: fewer tell less than the closed form does."""
NEAR = 0.05
"""Step of the derivative, in units of the noise."""


@dataclass(frozen=True, eq=False)
class Correction:
    """What is `due` at the intensities `at`, (N,) float64 both; linear in between, constant beyond."""

    at: NDArray[np.float64]
    due: NDArray[np.float64]

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """`values` (any shape) with what is due to them."""
        return np.asarray(values + np.interp(values, self.at, self.due), np.float32)


NOTHING = Correction(np.zeros(1), np.zeros(1))
"""The correction where too little is known for one."""


def tiled(frame: NDArray[Any], *, side: int = SIDE) -> NDArray[np.float64]:
    """The means (N,) of the blocks that tile a `frame` (Y, X), without what is left over at its end."""
    rows, columns = frame.shape[0] // side, frame.shape[1] // side
    tiles = frame[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.asarray(tiles.mean((1, 3), dtype=np.float64).ravel())


def due(noisy: NDArray[Any], restored: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2, N): the mean of each block of `restored` (Y, X), and by how much `noisy` (Y, X) exceeds it."""
    mean = tiled(restored)
    return np.stack([mean, tiled(noisy) - mean])


def due_to_mean_keeping(
    noisy: NDArray[Any],
    restored: NDArray[np.float32],
    *,
    stabilized: NDArray[np.float32],
    denoised: NDArray[np.float32],
    back: Callable[[NDArray[Any]], NDArray[Any]],
) -> NDArray[np.float64]:
    """`due` for a denoiser that keeps local means where it works: `denoised` (Y, X) has those of `stabilized` (Y, X).

    `back` takes stabilised values of noisy pixels to intensities, point by point.
    """
    pairs = due(noisy, restored)
    middle = tiled(denoised)
    steepness = (back(middle + NEAR).astype(np.float64) - back(middle - NEAR)) / (2 * NEAR)
    pairs[1] -= steepness * (tiled(stabilized) - middle)
    return pairs


def correction(pairs: Iterable[NDArray[np.float64]]) -> Correction:
    """The correction that many pairs (2, N) of `due` tell: means over bins of equally many blocks; monotone.

    `NOTHING` where there are too few blocks for one bin.
    """
    from scipy.optimize import isotonic_regression

    at, wanted = np.concatenate([np.zeros((2, 0)), *pairs], axis=1)
    bins = min(BINS, len(at) // FEWEST)
    if bins == 0:
        return NOTHING
    parts = np.array_split(np.argsort(at, kind="stable"), bins)
    middles, means = (np.array([values[part].mean() for part in parts]) for values in (at, wanted))
    return Correction(middles, isotonic_regression(middles + means).x - middles)
