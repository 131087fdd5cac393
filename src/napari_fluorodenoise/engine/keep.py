"""Lazy results computed once and kept: in memory where they are small, else in files that are read frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.blocks import stream
from napari_fluorodenoise.engine.filing import filed
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.engine.scratch import Scratch
from napari_fluorodenoise.video import Run, Video

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["kept"]

SHARE = 0.25
"""The part of the free memory that what is kept may take."""


def kept(run: Run, names: Iterable[str], *, in_files: bool = False, progress: Progress = silent) -> Run:
    """`run` with its lazy videos among `names` computed, all in one pass, so that what they share is computed once.

    They become numpy arrays, or, where they would take more than a quarter of the free memory or `in_files` asks for
    it, dask arrays that only read: their frames lie in files that go when nobody holds the videos any more, or in the
    folder of the piece of work at hand. The videos have equally many frames. Raises OSError where the disk is full;
    `progress` may raise `Cancelled`; then nothing is kept.
    """
    import psutil

    items = {name: run[name] for name in names}
    lazy = {name: item for name, item in items.items() if isinstance(item, Video) and item.is_lazy}
    if not lazy:
        return run
    free = psutil.virtual_memory().available
    in_files = in_files or pieces.folder() is not None
    small = not in_files and sum(video.data.nbytes for video in lazy.values()) <= SHARE * free
    arrays = (_in_memory if small else _in_files)({name: video.data for name, video in lazy.items()}, progress)
    computed = {name: video.with_data(arrays[name]) for name, video in lazy.items()}
    return Run({**run, **computed}, detector=run.detector, models=run.models)


def _in_memory(arrays: Mapping[str, da.Array], progress: Progress) -> dict[str, NDArray[Any]]:
    made = {name: np.empty(array.shape, array.dtype) for name, array in arrays.items()}
    for at, block in stream(arrays, progress=progress):
        for name, frames in block.items():
            made[name][at] = frames
    return made


def _in_files(arrays: Mapping[str, da.Array], progress: Progress) -> dict[str, da.Array]:
    files = {name: _Frames(Scratch(name)) for name in arrays}
    filed(arrays, files, name=" ".join(arrays), progress=progress)
    return {name: _read_back(files[name].scratch, array) for name, array in arrays.items()}


class _Frames:
    """A scratch folder with a file for each frame."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch

    def __setitem__(self, frames: slice, block: NDArray[Any]) -> None:
        for t, frame in zip(range(frames.start, frames.stop), block, strict=True):
            self.scratch[t] = frame

    def __getitem__(self, frames: slice) -> NDArray[Any]:
        return np.stack([self.scratch[t] for t in range(frames.start, frames.stop)])


def _read_back(scratch: Scratch, like: da.Array) -> da.Array:
    """The frames in `scratch` as a dask array of one chunk per frame, of the shape and dtype of `like`."""
    import dask.array as da

    def frame(block_id: tuple[int, int, int]) -> NDArray[Any]:
        return np.asarray(scratch[block_id[0]])[np.newaxis]

    count, rows, columns = like.shape
    chunks = ((1,) * count, (rows,), (columns,))
    return da.map_blocks(frame, chunks=chunks, dtype=like.dtype, meta=np.empty((0, 0, 0), like.dtype))
