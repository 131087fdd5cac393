"""NumPy's .npy, (T, Y, X) or one frame (Y, X), with the facts in a JSON file beside it (`run.npy.json`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.io import facts
from napari_fluorodenoise.io.files import FileError, explained
from napari_fluorodenoise.io.frames import assumed_intensity, blocks, lazy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.video import Video

__all__ = ["DTYPES", "read", "write"]

DTYPES = None


def read(path: Path, *, overlays: bool = False) -> Video:
    """The sequence in the .npy at `path`, each frame mapped from disk when it is asked for."""
    with explained(path, "a whole NumPy array of numbers"):
        mapped = np.lib.format.open_memmap(path, mode="r")
    if mapped.ndim not in (2, 3) or mapped.size == 0:
        raise FileError(f"{path}: expected frames (T, Y, X), found shape {mapped.shape}; save one sequence")
    dtype = mapped.dtype.newbyteorder("=")

    def load(index: int) -> NDArray[Any]:
        frames = np.lib.format.open_memmap(path, mode="r")
        return np.array(frames if frames.ndim == 2 else frames[index], dtype)

    frames, rows, columns = mapped.shape if mapped.ndim == 3 else (1, *mapped.shape)
    data = lazy(load, path=path, shape=(frames, rows, columns), dtype=dtype)
    with explained(_beside(path), "the facts of the sequence as JSON"):
        known = facts.beside(_beside(path)) or facts.Facts(intensity=assumed_intensity(dtype), metadata={})
    return known.video(data)


def write(path: Path, video: Video, *, progress: Progress = silent) -> None:
    """Write the frames to `path`, block by block, and the facts beside them."""
    header = {"descr": np.lib.format.dtype_to_descr(video.dtype), "fortran_order": False, "shape": video.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for _, block in blocks(video, progress=progress):
            file.write(np.ascontiguousarray(block, video.dtype).data)
    _beside(path).write_text(json.dumps(facts.dumped(video), indent=1), encoding="utf-8")


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
