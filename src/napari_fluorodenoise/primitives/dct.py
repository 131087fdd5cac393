"""Overlapping blocks of a picture in the cosine basis, and the weighted way back.

A picture (Y, X) is cut into blocks of `size`², one every `step` pixels; the coefficients (rows of blocks, size, columns
of blocks, size) are those of the orthonormal DCT-II. Only as much is mirrored as the last blocks need: mirrored noise
is no noise of the same kind, it doubles in half of the coefficients. Laws: the transform keeps the
energy of every block, and blocks left as they are give the picture back, for any positive weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["analyse", "block_means", "deviation", "filtered"]

Shrink = Callable[..., tuple["NDArray[np.float32]", "NDArray[np.float32]"]]

TILE = (16, 56)
"""Blocks (rows, columns) at a time: they stay in the processor's cache, and their products of matrices are so small
that BLAS starts no threads of its own, of which there is one per block of frames already."""
LEAST = 1e-3
"""Least variance of a coefficient: an estimated autocorrelation may promise none or less."""


def analyse(picture: NDArray[np.float32], *, size: int, step: int) -> NDArray[np.float32]:
    """The coefficients (rows, size, columns, size) float32 of `picture` (Y, X) float32; `step` divides `size`."""
    padded, basis = _padded(picture, size, step), _basis(size)
    windows = np.ascontiguousarray(sliding_window_view(padded, size, axis=1)[:, ::step])  # (Y, columns, size)
    across = (windows @ basis.T).reshape(len(padded), -1)  # (Y, columns * size)
    strips = sliding_window_view(across, size, axis=0)[::step].transpose(0, 2, 1)  # (rows, size, columns * size)
    coefficients: NDArray[np.float32] = (basis @ strips).reshape(len(strips), size, -1, size)
    return coefficients


def filtered(shrink: Shrink, *pictures: NDArray[np.float32], size: int, step: int) -> NDArray[np.float32]:
    """The picture (Y, X) float32 whose blocks are what `shrink` makes of the coefficients of all `pictures`' blocks.

    `shrink(at, *coefficients)` is given a range (rows, columns) of blocks and their coefficients in every picture, and
    returns coefficients and weights (rows, columns). Where blocks overlap, each counts by a window and its weight.
    """
    shape, padded = pictures[0].shape, [_padded(picture, size, step) for picture in pictures]
    total, weight = np.zeros_like(padded[0]), np.zeros_like(padded[0])
    counts = [(n - size) // step + 1 for n in total.shape]
    for at in product(*(_ranges(count, tile) for count, tile in zip(counts, TILE, strict=True))):
        pixels = tuple(slice(part.start * step, (part.stop - 1) * step + size) for part in at)
        blocks, weights = shrink(at, *(analyse(picture[pixels], size=size, step=step) for picture in padded))
        total[pixels] += _synthesised(blocks, weights, step)
        weight[pixels] += _windows(weights, size, step)
    total /= weight
    return total[: shape[0], : shape[1]]


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
    radius = autocorrelation.shape[0] // 2
    basis = np.pad(_basis(size).astype(np.float64), [(0, 0), (radius, radius)])  # (order, sample)
    own = np.array([np.correlate(row, row[radius : radius + size], "valid") for row in basis])  # (order, lag)
    variance = own @ autocorrelation @ own.T
    found: NDArray[np.float32] = np.sqrt(np.maximum(variance, LEAST)).astype(np.float32)
    return found[None, :, None, :]


@cache
def _basis(size: int) -> NDArray[np.float32]:
    """The orthonormal DCT-II (order, sample): as a product of matrices it takes a third of the time of an FFT."""
    from scipy.fft import idct

    basis: NDArray[np.float64] = idct(np.eye(size), axis=1, norm="ortho")
    return basis.astype(np.float32)


@cache
def _window(size: int) -> NDArray[np.float32]:
    """What a block's samples count by their place: its middle is known best (K. Dabov, doi 10.1109/TIP.2007.901238)."""
    return np.asarray(np.kaiser(size, 2.0), np.float32)


def _padded(picture: NDArray[np.float32], size: int, step: int) -> NDArray[np.float32]:
    """`picture` continued as a mirror to a whole number of blocks."""
    more = [max(size - n, (size - n) % step) for n in picture.shape]
    return np.pad(picture, [(0, more[0]), (0, more[1])], mode="symmetric")


def _ranges(count: int, length: int) -> list[slice]:
    return [slice(first, min(first + length, count)) for first in range(0, count, length)]


def _synthesised(coefficients: NDArray[np.float32], weights: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """The sum (Y, X) of all blocks, each times its weight (rows, columns) and the window."""
    rows, size, columns, _ = coefficients.shape
    back = _window(size)[:, None] * _basis(size).T  # (sample, order)
    weighted = coefficients * weights[:, None, :, None]
    strips = _added(back @ weighted.reshape(rows, size, -1), step)  # (Y, columns * size)
    blocks = back @ strips.reshape(-1, columns, size).transpose(0, 2, 1)  # (Y, size, columns)
    return _joined(np.asarray(blocks, np.float32), step)


def _windows(weights: NDArray[np.float32], size: int, step: int) -> NDArray[np.float32]:
    """The sum (Y, X) of all windows, each times its block's weight (rows, columns)."""
    window = _window(size)[:, None]
    strips = _added(weights[:, None, :] * window, step)  # (Y, columns)
    return _joined(strips[:, None, :] * window, step)


def _added(blocks: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Blocks (n, size, ...), one every `step` along the first axis, added where they overlap: (length, ...)."""
    count, size = blocks.shape[:2]
    total = np.zeros((count + size // step - 1, step, *blocks.shape[2:]), np.float32)
    for part in range(size // step):
        total[part : part + count] += blocks[:, part * step : (part + 1) * step]
    return total.reshape(-1, *blocks.shape[2:])


def _joined(blocks: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Blocks (Y, size, columns), one every `step`, added where they overlap: (Y, X)."""
    height, size, count = blocks.shape
    total = np.zeros((height, step, count + size // step - 1), np.float32)
    for part in range(size // step):
        total[:, :, part : part + count] += blocks[:, part * step : (part + 1) * step]
    return total.transpose(0, 2, 1).reshape(height, -1)
