"""A picture moved along a flow field, and where that field leads outside the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["leads_inside", "warped"]


def warped(picture: NDArray[np.float32], displacement: NDArray[np.float32]) -> NDArray[np.float32]:
    """`picture` (Y, X) float32 read at x + displacement(x), (Y, X, 2) as (row, column) in px; its edges go on outside.

    Linear interpolation: what a sharper kernel keeps of a noisy picture is mostly noise.
    """
    import cv2

    rows, columns = _places(displacement)
    moved: NDArray[np.float32] = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved


def leads_inside(displacement: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where (Y, X) x + displacement(x) lies in the picture: elsewhere `warped` repeats an edge, noise and all."""
    height, width = displacement.shape[:2]
    rows, columns = _places(displacement)
    return np.asarray((rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1))


def _places(displacement: NDArray[np.float32]) -> NDArray[np.float32]:
    """The places (2, Y, X) float32 that a displacement leads to, as rows and columns."""
    height, width = displacement.shape[:2]
    places = np.empty((2, height, width), np.float32)
    np.add(displacement[..., 0], np.arange(height, dtype=np.float32)[:, None], out=places[0])
    np.add(displacement[..., 1], np.arange(width, dtype=np.float32), out=places[1])
    return places
