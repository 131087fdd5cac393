"""The one displacement that most of a flow field agrees on: the mode of its density."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["flow_mode"]

BIN = 0.1
"""Width of a bin of the density in px: well below the accuracy of a dense flow."""
NARROWEST = 0.25
"""Least width of the density's kernel in px."""
REACH = 100.0
"""Displacements beyond this many px are left out: no dense flow follows them."""


def flow_mode(displacements: NDArray[Any]) -> NDArray[np.float64]:
    """The mode (2,), in px, of `displacements` (n, 2): what most of them agree on; 0 where there are none.

    A histogram smoothed by a Gaussian kernel of Silverman's width finds the highest peak and mean shift refines it:
    O(n + bins). Less than half may agree, as long as the others do not agree among themselves on something else.
    arXiv 2208.14022, section 2.1.
    """
    from scipy.ndimage import gaussian_filter

    samples = np.asarray(displacements, np.float64)
    samples = samples[(np.abs(samples) < REACH).all(axis=1)]
    if len(samples) == 0:
        return np.zeros(2)
    width = max(NARROWEST, 1.06 * _spread(samples) * len(samples) ** (-1 / 6))
    low = samples.min(axis=0) - 3 * width
    bins = np.floor((samples - low) / BIN).astype(int)
    size = bins.max(axis=0) + 1 + int(3 * width / BIN)
    density = np.bincount(np.ravel_multi_index(tuple(bins.T), tuple(size)), minlength=int(size.prod())).reshape(size)
    smooth = gaussian_filter(density.astype(np.float32), width / BIN, truncate=3.0, mode="constant")
    peak = low + BIN * (np.array(np.unravel_index(int(smooth.argmax()), smooth.shape)) + 0.5)
    return _mean_shift(samples, peak, width)


def _spread(samples: NDArray[np.float64]) -> float:
    """The standard deviation of the bulk of `samples` (n, 2), per axis; outliers would widen the kernel."""
    quartiles = np.percentile(samples, (25, 75), axis=0)
    return float((quartiles[1] - quartiles[0]).mean() / 1.349)


def _mean_shift(samples: NDArray[np.float64], peak: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    near = samples[(np.abs(samples - peak) < 4 * width).all(axis=1)]
    for _ in range(10):
        weights = np.exp(-((near - peak) ** 2).sum(axis=1) / (2 * width**2))
        peak = weights @ near / weights.sum()
    return peak
