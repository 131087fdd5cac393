"""Pixels that are no numbers, refused where they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["refuse_infinite"]


def refuse_infinite(values: NDArray[Any], *, name: str, first: int) -> None:
    """Raise ValueError where the part `values` (t, y, x) of a video, from frame `first` on, holds NaN or infinity."""
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    bad = first + int(np.isfinite(values).all(axis=(1, 2)).argmin())
    raise ValueError(f"expected finite pixels in {name}, found NaN or infinity in frame {bad}; replace them first")
