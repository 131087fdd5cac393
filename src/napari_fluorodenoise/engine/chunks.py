"""Frames in memory as a dask array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

if TYPE_CHECKING:
    import dask.array as da

    from napari_fluorodenoise.video import Video

__all__ = ["by_frames", "lazy"]


def lazy(video: Video) -> Video:
    """`video` with its pixels as a dask array, of one frame per chunk where it was none."""
    return video if video.is_lazy else video.with_data(by_frames(video.data))


def by_frames(frames: Any, *, count: int = 1) -> da.Array:
    """`frames` (T, Y, X) as a dask array of `count` whole frames per chunk: views of those in memory.

    dask's `from_array` would copy them, and read all of them for a name. What only looks like an array, such as one of
    zarr's, is read chunk by chunk.
    """
    import dask.array as da

    if not isinstance(frames, np.ndarray):
        return da.from_array(frames, chunks=(count, -1, -1), name=False)
    name = f"frames-{uuid4().hex}"
    starts = range(0, len(frames), count)
    parts = {(name, index, 0, 0): frames[start : start + count] for index, start in enumerate(starts)}
    lengths = tuple(len(part) for part in parts.values())
    return da.Array(parts, name, (lengths, *((n,) for n in frames.shape[1:])), meta=frames[:0])
