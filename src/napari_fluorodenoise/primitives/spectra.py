"""Small symmetric kernels and their spectra: root, transfer function, and filtering without wrap-around.

A kernel is (2r+1, 2r+1) float64 with its centre in the middle and h(-x) = h(x), so its transfer function is real.
Law: the spectral root of h * h is h where the transfer function of h is positive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["filtered", "root", "transfer"]


def transfer(kernel: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """The real transfer function of a symmetric kernel, laid out as `rfft2` of an image of `shape` (Y, X).

    Raises ValueError where the kernel is larger than the shape.
    """
    radius = kernel.shape[0] // 2
    if min(shape) < kernel.shape[0]:
        raise ValueError(f"expected a grid of at least {kernel.shape} pixels, found {shape}; enlarge it")
    grid = np.zeros(shape)
    grid[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.asarray(np.fft.rfft2(np.roll(grid, (-radius, -radius), (0, 1))).real)


def root(autocorrelation: NDArray[np.float64], *, floor: float = 1e-3) -> NDArray[np.float64]:
    """The symmetric kernel of sum 1 whose autocorrelation has the given shape; same size as `autocorrelation`.

    IFFT(sqrt(FFT(autocorrelation))), with the spectrum kept above `floor` times its maximum: the zero-phase root that
    Graas & Lucka take by a matrix square root, doi 10.1088/1361-6501/addc06.
    """
    size, radius = 64, autocorrelation.shape[0] // 2
    spectrum = transfer(autocorrelation, (size, size))
    kernel = np.fft.irfft2(np.sqrt(np.maximum(spectrum, floor * spectrum.max())), (size, size))
    index = np.arange(-radius, radius + 1)
    kernel = kernel[np.ix_(index, index)]
    return np.asarray(kernel / kernel.sum())


def filtered(frames: NDArray[Any], factor: NDArray[np.float32], *, pad: int) -> NDArray[np.float32]:
    """Frames (..., Y, X) filtered by `factor`, a transfer function on frames that `pad` mirrored pixels surround.

    `factor` is laid out as `rfft2` of (Y + 2 pad, X + 2 pad). The mirror keeps one edge from reaching the other.
    """
    from scipy.fft import irfft2, rfft2

    outer = [(0, 0)] * (frames.ndim - 2) + [(pad, pad), (pad, pad)]
    padded = np.pad(np.asarray(frames, np.float32), outer, mode="symmetric")
    result: NDArray[np.float32] = irfft2(rfft2(padded) * factor, padded.shape[-2:])
    return np.ascontiguousarray(result[..., pad : pad + frames.shape[-2], pad : pad + frames.shape[-1]])
