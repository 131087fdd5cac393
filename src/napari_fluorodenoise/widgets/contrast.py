"""Contrast limits of layers, from a few frames. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["limits_of", "range_of"]


def limits_of(data: Any, *, like: tuple[float, float]) -> tuple[float, float]:
    """Contrast limits of a result: its source's where it lives on the source's scale, else from its own values.

    So before and after look alike, and signed differences get grey for zero.
    """
    low, high = range_of(data)
    if data.ndim == 2 and np.array_equal(data, np.rint(data)):
        return low, high  # a count has no part in the intensities
    if low < 0 < high and -low > 0.1 * high and like[0] >= 0:
        return -max(-low, high), max(-low, high)
    overlap = min(high, like[1]) - max(low, like[0])
    return like if overlap > 0.25 * (like[1] - like[0]) else (low, high)


def range_of(data: Any) -> tuple[float, float]:
    """Robust smallest and largest value of three frames, or of the one: never of a whole sequence."""
    frames = data[sorted({0, len(data) // 2, len(data) - 1})] if data.ndim == 3 else data
    values: NDArray[Any] = np.asarray(frames)[..., ::2, ::2]
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, (0.1, 99.9)))
    return (low, high) if low < high else (low, low + 1.0)
