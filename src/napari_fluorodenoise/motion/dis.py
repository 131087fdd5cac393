"""Dense optical flow without weights: OpenCV's dense inverse search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dense_flow"]


def dense_flow(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> NDArray[np.float32]:
    """The displacement (Y, X, 2) float32, (row, column) in px, with which fixed(x) ≈ moving(x + displacement).

    Both pictures (Y, X) should be smoothed and in units of their noise. Noise biases every flow towards zero, and
    what has no texture has no flow: read its mode, not its mean. T. Kroeger et al., ECCV 2016, arXiv 1603.03590.
    """
    import cv2

    if min(fixed.shape) < 16:  # smaller than the coarsest patch that the search can place
        return np.zeros((*fixed.shape, 2), np.float32)
    middle, reach = float(fixed.mean()), 4 * float(fixed.std()) or 1.0
    grey = [np.clip(128 + (picture - middle) * (127 / reach), 0, 255).astype(np.uint8) for picture in (fixed, moving)]
    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow: NDArray[np.float32] = search.calc(*grey, None)[..., ::-1]
    return flow
