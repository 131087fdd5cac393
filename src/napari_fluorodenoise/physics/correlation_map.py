"""Where in the picture neighbours share their noise: a map of the summed correlation.

At pixel i it is the sum over its neighbours j != i in 7 x 7 pixels of Cov(i, j) / sqrt(Var(i) Var(j)), as Graas & Lucka
draw it (doi 10.1088/1361-6501/addc06, figure 8), here from differences of a moving sequence and averaged over a
surrounding, since few frames tell one pixel little. Where something moves it reads high: then it is not the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.physics.alignment import shift

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.differences import Group

    Frame = NDArray[np.float32]

__all__ = ["correlation_map"]

NEAR = 7
"""Side of the neighbourhood, in pixels."""
AROUND = 33
"""Side of the surrounding that is averaged over, in pixels."""
SLOW = 97
"""Side of the surrounding whose mean is taken off: large, since the noise's own mean goes with it."""
PAIRS = 12
"""Pairs of frames looked at."""


def correlation_map(groups: Sequence[Group], stabilize: Callable[[NDArray[Any]], Frame]) -> Frame:
    """The summed correlation (Y, X) float32, as a share of the variance; 0 for independent noise.

    `stabilize` brings the noise of frames to the same variance everywhere. A median over pairs of frames, where the
    same scene stands behind both; a pair lies on its first frame's pixels. Where none tells it is the map's median.
    """
    pairs = [group.frames[i : i + 2] for group in groups for i in range(0, len(group.frames) - 1, 2)]
    maps = [_of_pair(*(stabilize(frame) for frame in pair)) for pair in pairs[:: -(-len(pairs) // PAIRS)]]
    known = np.stack(maps)
    seen = np.isfinite(known).any(axis=0)
    found = np.nanmedian(known[:, seen], axis=0) if seen.any() else np.zeros(1, np.float32)
    result = np.full(known.shape[1:], np.median(found), np.float32)
    result[seen] = found if seen.any() else result[seen]
    return result


def _of_pair(first: Frame, second: Frame) -> Frame:
    """The map of one pair of frames (Y, X), NaN where they have nothing in common."""
    import cv2

    (y, x), (rows, columns) = shift(first, second), first.shape
    here = slice(max(y, 0), rows + min(y, 0)), slice(max(x, 0), columns + min(x, 0))
    there = slice(max(-y, 0), rows + min(-y, 0)), slice(max(-x, 0), columns + min(-x, 0))
    result = np.full(first.shape, np.nan, np.float32)
    if min(first[here].shape) < AROUND:
        return result
    difference = first[here] - second[there]
    difference = difference - cv2.blur(difference, (SLOW, SLOW))
    near = cv2.boxFilter(difference, -1, (NEAR, NEAR), normalize=False)
    own, shared = (cv2.blur(difference * other, (AROUND, AROUND)) for other in (difference, near - difference))
    result[here] = np.where(own > 0, shared / np.maximum(own, np.finfo(np.float32).tiny), np.nan)
    return result
