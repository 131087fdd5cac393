"""Dense optical flow by total variation, scikit-image's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dense_flow"]


def dense_flow(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> NDArray[np.float32]:
    """The displacement (Y, X, 2) float32, (row, column) in px, with which fixed(x) ≈ moving(x + displacement).

    C. Zach et al., DAGM 2007, doi 10.1007/978-3-540-74936-3_22. Seconds for a frame of 512².
    """
    from skimage.registration import optical_flow_tvl1

    if min(fixed.shape) < 2:  # no slope there
        return np.zeros((*fixed.shape, 2), np.float32)
    # Its data term is made for pictures between 0 and 1.
    low, high = float(min(fixed.min(), moving.min())), float(max(fixed.max(), moving.max()))
    span = max(high - low, float(np.finfo(np.float32).tiny))
    pair = ((picture - low) / span for picture in (fixed, moving))
    return np.moveaxis(optical_flow_tvl1(*pair, dtype=np.float32), 0, -1)
