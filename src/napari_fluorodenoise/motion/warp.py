"""A picture moved along a flow field, and where that field can be followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["leads_inside", "reliable", "shifted", "warped"]

ASTRAY = 1.0
"""Distance in px between start and end of the way there and back, beyond which they are not the same thing."""
TEAR = 0.5
"""Displacements in px that differ by more than this within 4 px belong to things that move apart."""
REACH = 2
"""Pixels from one place to the next at which a flow is looked at: a dense flow is finer in its numbers only."""


def warped(picture: NDArray[np.float32], displacement: NDArray[np.float32]) -> NDArray[np.float32]:
    """`picture` (Y, X) float32 read at x + displacement(x), (Y, X, 2) as (row, column) in px; its edges go on outside.

    Linear interpolation: what a sharper kernel keeps of a noisy picture is mostly noise.
    """
    import cv2

    rows, columns = _places(displacement)
    moved: NDArray[np.float32] = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved


def shifted(picture: NDArray[np.float32], by: NDArray[np.float64]) -> NDArray[np.float32]:
    """`picture` (Y, X) float32 read at x + `by`, (row, column) in px; mirrored outside, itself for a shift of 0.

    Cubic interpolation, which many pictures averaged do not blur.
    """
    import cv2

    if not by.any():
        return picture
    place = np.array([[1, 0, by[1]], [0, 1, by[0]]], np.float64)
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved: NDArray[np.float32] = cv2.warpAffine(
        picture, place, picture.shape[::-1], flags=how, borderMode=cv2.BORDER_REFLECT_101
    )
    return moved


def leads_inside(displacement: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where (Y, X) x + displacement(x) lies in the picture: elsewhere `warped` repeats an edge, noise and all."""
    height, width = displacement.shape[:2]
    rows, columns = _places(displacement)
    return np.asarray((rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1))


def reliable(forward: NDArray[np.float32], backward: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where (Y, X) the flow `forward` leads inside, `backward` leads back, and nothing moves apart.

    Both are (Y, X, 2) in px, from one picture to another and from that one back. What is covered in the other picture
    has nowhere to come back from (N. Sundaram et al., ECCV 2010, doi 10.1007/978-3-642-15549-9_32), and beside a
    boundary of motion a flow is a mixture of both sides. Where there is nothing to see, a flow is seldom reliable.
    """
    height, width = forward.shape[:2]
    there, back = (np.ascontiguousarray(flow[::REACH, ::REACH]) / np.float32(REACH) for flow in (forward, backward))
    missed = there + warped(back, there)
    good = leads_inside(there) & (np.einsum("ijk,ijk->ij", missed, missed) <= (ASTRAY / REACH) ** 2) & ~_tears(there)
    return np.asarray(good.repeat(REACH, axis=0).repeat(REACH, axis=1)[:height, :width])


def _tears(displacement: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where (Y, X) a displacement, in steps of `REACH` px, and those of its neighbours lie too far apart."""
    import cv2

    around = np.ones((5, 5), np.uint8)
    planes = [np.ascontiguousarray(displacement[..., axis]) for axis in (0, 1)]
    apart = np.maximum(*(cv2.dilate(plane, around) - cv2.erode(plane, around) for plane in planes))
    return np.asarray(apart > TEAR / REACH)


def _places(displacement: NDArray[np.float32]) -> NDArray[np.float32]:
    """The places (2, Y, X) float32 that a displacement leads to, as rows and columns."""
    height, width = displacement.shape[:2]
    places = np.empty((2, height, width), np.float32)
    np.add(displacement[..., 0], np.arange(height, dtype=np.float32)[:, None], out=places[0])
    np.add(displacement[..., 1], np.arange(width, dtype=np.float32), out=places[1])
    return places
