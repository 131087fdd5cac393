"""Overlapping blocks of a picture in the cosine basis, and the weighted way back.

A picture (Y, X) is cut into blocks of `size`², one every `step` pixels; the coefficients (rows of blocks, size, columns
of blocks, size) are those of the orthonormal DCT-II. Only as much is mirrored as the last blocks need: mirrored noise
is no noise of the same kind, it doubles in half of the coefficients. Laws: the transform keeps the
energy of every block, and synthesise(analyse(picture)) == picture for any positive weights.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["analyse", "block_means", "deviation", "synthesise"]

LEAST = 1e-3
"""Least variance of a coefficient: an estimated autocorrelation may promise none or less."""


def analyse(picture: NDArray[np.float32], *, size: int, step: int) -> NDArray[np.float32]:
    """The coefficients (rows, size, columns, size) float32 of `picture` (Y, X) float32; `step` divides `size`."""
    from scipy.fft import dct

    padded = _padded(picture, size, step)
    across = dct(sliding_window_view(padded, size, axis=1)[:, ::step], axis=2, norm="ortho")  # (Y, columns, size)
    along = sliding_window_view(across, size, axis=0)[::step].transpose(0, 3, 1, 2)  # (rows, size, columns, size)
    coefficients: NDArray[np.float32] = dct(along, axis=1, norm="ortho")
    return coefficients


def synthesise(
    coefficients: NDArray[np.float32], *, shape: tuple[int, int], step: int, weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The picture of `shape` (Y, X) float32 in which every block counts by a window and its weight (rows, columns)."""
    from scipy.fft import idct

    size = coefficients.shape[1]
    window = _window(size)
    strips = idct(coefficients * weights[:, None, :, None], axis=1, norm="ortho", overwrite_x=True)
    strips *= window[:, None, None]
    blocks = idct(_added(strips, step), axis=2, norm="ortho", overwrite_x=True)  # (Y padded, columns, size)
    blocks *= window
    total = _added(blocks.transpose(1, 2, 0), step).T  # (Y padded, X padded)
    return np.ascontiguousarray((total / _weight(weights, size, step))[: shape[0], : shape[1]])


def block_means(picture: NDArray[np.float32], *, size: int, step: int) -> NDArray[np.float32]:
    """The mean (rows, columns) of `picture` (Y, X) float32 over each block of `analyse`."""
    import cv2

    padded = _padded(picture, size, step)
    means: NDArray[np.float32] = cv2.boxFilter(padded, -1, (size, size), anchor=(0, 0))
    rows, columns = (n - size + 1 for n in padded.shape)
    return means[:rows:step, :columns:step]


def deviation(autocorrelation: NDArray[np.float64], *, size: int) -> NDArray[np.float32]:
    """The standard deviation (1, size, 1, size) float32 of every coefficient, for noise of this autocorrelation.

    `autocorrelation` (2r+1, 2r+1) is 1 at its centre for noise of unit variance. A coefficient's variance is the
    autocorrelation summed over its basis function's own: sum over d of a(d) c_u(d_row) c_v(d_column).
    """
    from scipy.fft import idct

    radius = autocorrelation.shape[0] // 2
    basis = np.pad(idct(np.eye(size), axis=1, norm="ortho"), [(0, 0), (radius, radius)])  # (order, sample)
    own = np.array([np.correlate(row, row[radius : radius + size], "valid") for row in basis])  # (order, lag)
    variance = own @ autocorrelation @ own.T
    found: NDArray[np.float32] = np.sqrt(np.maximum(variance, LEAST)).astype(np.float32)
    return found[None, :, None, :]


@cache
def _window(size: int) -> NDArray[np.float32]:
    """What a block's samples count by their place: its middle is known best (K. Dabov, doi 10.1109/TIP.2007.901238)."""
    return np.asarray(np.kaiser(size, 2.0), np.float32)


def _padded(picture: NDArray[np.float32], size: int, step: int) -> NDArray[np.float32]:
    """`picture` continued as a mirror to a whole number of blocks."""
    more = [max(size - n, (size - n) % step) for n in picture.shape]
    return np.pad(picture, [(0, more[0]), (0, more[1])], mode="symmetric")


def _weight(weights: NDArray[np.float32], size: int, step: int) -> NDArray[np.float32]:
    """The sum (Y, X), padded, of all windows times their block's weight."""
    window = _window(size)
    strips = _added(weights[:, None, :] * window[:, None], step)  # (Y padded, columns)
    return _added(strips.T[:, None, :] * window[:, None], step).T


def _added(blocks: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Blocks (n, size, ...), one every `step` along the first axis, added where they overlap: (length, ...)."""
    count, size = blocks.shape[:2]
    total = np.zeros((count + size // step - 1, step, *blocks.shape[2:]), np.float32)
    for part in range(size // step):
        total[part : part + count] += blocks[:, part * step : (part + 1) * step]
    return total.reshape(-1, *blocks.shape[2:])
