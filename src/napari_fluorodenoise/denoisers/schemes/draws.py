"""Noise like the measured one: Gaussian, of variance 1, with a given autocorrelation.

White noise on a torus is filtered by the root of the autocorrelation's spectrum, and a part of it cut out that is so
much smaller than the torus that nothing meets itself around it: the covariance is then exact (circulant embedding;
C. R. Dietrich & G. N. Newsam, doi 10.1137/S1064827592240555). Law: E w(x) w(x + d) = autocorrelation(d).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.primitives.spectra import transfer

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["drawn"]


def drawn(
    shape: tuple[int, ...], rng: np.random.Generator, *, autocorrelation: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Noise (..., Y, X) float32 of variance 1 with the `autocorrelation` (2r+1, 2r+1), each picture its own.

    A measured autocorrelation may promise a negative power somewhere: none is drawn there, and the rest is scaled to
    the variance again.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    reach = autocorrelation.shape[0] - 1
    if not reach:
        return rng.standard_normal(shape, dtype=np.float32)
    rows, columns = shape[-2:]
    grid = (next_fast_len(rows + reach, real=True), next_fast_len(columns + reach, real=True))
    spectrum = np.maximum(transfer(autocorrelation, grid), 0)
    full = np.fft.irfft2(spectrum, grid)[0, 0]  # the variance: the autocorrelation at no distance
    factor = np.sqrt(spectrum / full).astype(np.float32)
    white = rng.standard_normal((*shape[:-2], *grid), dtype=np.float32)
    noise: NDArray[np.float32] = irfft2(rfft2(white) * factor, grid)
    return np.ascontiguousarray(noise[..., :rows, :columns])
