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

    The autocorrelation of what two linear filters leave is that of the noise, filtered twice.
    """
    import cv2

    reach = int(4 * COARSE * factor) * 2 + factor
    kept = np.pad(np.asarray(autocorrelation, np.float64), reach)
    for _ in range(2):
        kept = cv2.blur(kept, (factor, factor))
        kept = np.subtract(*(cv2.GaussianBlur(kept, (0, 0), sigma * factor) for sigma in (FINE, COARSE)))
    middle = kept.shape[0] // 2
    return float(max(kept[middle - factor // 2 : middle + 1, middle - factor // 2 : middle + 1].max(), 0.0))
