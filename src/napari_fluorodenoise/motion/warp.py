"""A picture moved along a flow field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["warped"]


def warped(picture: NDArray[np.float32], displacement: NDArray[np.float32]) -> NDArray[np.float32]:
    """`picture` (Y, X) float32 read at x + displacement(x), (Y, X, 2) as (row, column) in px; its edges go on outside.

    Linear interpolation: what a sharper kernel keeps of a noisy picture is mostly noise.
    """
    import cv2

    grid = np.indices(picture.shape, np.float32)
    grid += np.moveaxis(displacement, -1, 0)
    moved: NDArray[np.float32] = cv2.remap(picture, grid[1], grid[0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved
