"""Means and medians over frames of which not every pixel was seen, unmoved by what only passes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["known_median"]


def known_median(frames: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The median over the first axis of `frames` (c, ...) where `known` (c, ...); 0 where nothing is known."""
    if known.all():
        return np.asarray(np.median(frames, axis=0), np.float32)
    ordered = np.sort(np.where(known, frames, np.float32(np.inf)), axis=0)
    count = known.sum(axis=0)
    pair = np.stack([(np.maximum(count, 1) - 1) // 2, np.maximum(count, 1) // 2])
    pair[1] = np.where(count % 2 == 0, pair[1], pair[0])
    low, high = np.take_along_axis(ordered, np.minimum(pair, len(frames) - 1), axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, 0.5 * (low + high), 0).astype(np.float32)
