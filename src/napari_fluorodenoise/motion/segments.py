"""The segments of a sequence that jumps: stretches of frames of one scene, laid side by side on one canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["beside", "rested"]


def beside(
    offsets: NDArray[np.float64], segments: NDArray[np.integer], *, frame: tuple[int, ...]
) -> NDArray[np.float64]:
    """`offsets` (T, 2) px with every segment but the first moved, whole, to the right of all those before it.

    A segment keeps its own motion; its first frame lies at row 0. `segments` (T,) numbers them from 0; `frame` is
    (Y, X). Offsets of the first segment count from the first frame.
    """
    placed = np.array(offsets, np.float64)
    right = 0.0
    for segment in range(int(segments.max(initial=0)) + 1):
        own = segments == segment
        if not own.any():
            continue
        placed[own] -= placed[own][0]
        if segment:
            placed[own, 1] += np.ceil(right - placed[own, 1].min())
        right = float(np.ceil(placed[own, 1].max())) + frame[1]
    return placed


def rested(offsets: NDArray[np.float64], segments: NDArray[np.integer], *, within: float) -> NDArray[np.float64]:
    """`offsets` (T, 2) with a segment's set to those of its first frame where all lie `within` px of their median."""
    settled = np.array(offsets, np.float64)
    for segment in np.unique(segments):
        own = segments == segment
        if (np.abs(settled[own] - np.median(settled[own], axis=0)) <= within).all():
            settled[own] = settled[own][0]
    return settled
