"""Dense optical flow by iterative Lucas-Kanade, scikit-image's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dense_flow"]


def dense_flow(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> NDArray[np.float32]:
    """The displacement (Y, X, 2) float32, (row, column) in px, with which fixed(x) ≈ moving(x + displacement).

    G. Le Besnerais & F. Champagnat, ICIP 2005, doi 10.1109/ICIP.2005.1529706. Slower than dense inverse search.
    """
    from skimage.registration import optical_flow_ilk

    if min(fixed.shape) < 2:  # no slope there
        return np.zeros((*fixed.shape, 2), np.float32)
    return np.moveaxis(optical_flow_ilk(fixed, moving, gaussian=True, dtype=np.float32), 0, -1)
