"""Where the frames of a run lie, and its segments: stretches of frames of one scene, side by side on one canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.video import Run, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["beside", "places", "steadied"]


def places(run: Run) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The offsets (T, 2) px of the run's frames and their segments (T,); 0 where the run does not know them.

    Raises ValueError where the table `offsets` is not one of these frames: a row is missing, or no number.
    """
    count, table = run.video("frames").shape[0], run.get("offsets")
    if not isinstance(table, Table):
        return np.zeros((count, 2)), np.zeros(count)
    if len(table.data) != count:
        raise ValueError(
            f"expected offsets for {count} frames, found {len(table.data)} rows; run Stabilize on these frames"
        )
    if table.data.shape[1] < 2 or not np.isfinite(table.data).all():
        raise ValueError(
            "expected rows and columns of finite offsets, found others; correct the table or run Stabilize again"
        )
    return table.data[:, :2], table["segment"] if "segment" in table.columns else np.zeros(count)


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


def steadied(offsets: NDArray[np.float64], segments: NDArray[np.integer], *, within: float) -> NDArray[np.float64]:
    """`offsets` (T, 2) with a segment's set to those of its first frame where all lie `within` px of their median."""
    settled = np.array(offsets, np.float64)
    for segment in np.unique(segments):
        own = segments == segment
        if (np.abs(settled[own] - np.median(settled[own], axis=0)) <= within).all():
            settled[own] = settled[own][0]
    return settled
