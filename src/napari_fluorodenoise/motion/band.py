"""What of a frame shows motion: neither the finest detail, which is noise, nor the coarsest, which is brightness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COARSE", "FINE", "band_noise", "band_passed", "reduced"]

FINE, COARSE = 1.5, 8.0
"""Standard deviations in px of the band-pass: finer is noise, coarser is brightness."""


def band_passed(image: NDArray[Any]) -> NDArray[np.float32]:
    """`image` (Y, X) float32 without what is finer than about 1.5 px and coarser than 8 px."""
    import cv2

    fine, coarse = (cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), sigma) for sigma in (FINE, COARSE))
    difference: NDArray[np.float32] = np.subtract(fine, coarse, out=fine)
    return difference


def reduced(image: NDArray[Any], factor: int) -> NDArray[Any]:
    """`image` (Y, X) averaged over squares of `factor` px; what is left over at its ends is cut off."""
    import cv2

    if factor == 1:
        return image
    size = (max(image.shape[1] // factor, 1), max(image.shape[0] // factor, 1))
    cropped = image[: size[1] * factor, : size[0] * factor]
    smaller: NDArray[Any] = cv2.resize(cropped, size, interpolation=cv2.INTER_AREA)
    return smaller


def band_noise(autocorrelation: NDArray[np.float64], *, factor: int) -> float:
    """The variance that noise of unit variance and this `autocorrelation` (2r+1, 2r+1) keeps, reduced and band-passed.

    The autocorrelation of what a linear filter leaves is that of the noise, filtered twice.
    """
    import cv2

    twice = 1 - np.abs(np.arange(1 - factor, factor)) / factor  # a square's average, twice
    padded = np.pad(np.asarray(autocorrelation, np.float64), 2 * factor)
    averaged = cv2.sepFilter2D(padded, -1, twice / factor, twice / factor, borderType=cv2.BORDER_CONSTANT)
    middle = averaged.shape[0] // 2
    kept = np.pad(averaged[middle % factor :: factor, middle % factor :: factor], int(8 * COARSE))
    for _ in range(2):
        fine, coarse = (cv2.GaussianBlur(kept, (0, 0), sigma) for sigma in (FINE, COARSE))
        kept = fine - coarse
    return float(max(kept[kept.shape[0] // 2, kept.shape[1] // 2], 0.0))
