"""Lazy frames computed block by block into files; what an interrupted run has filed is not computed again.

A block is filed once its mark is there: a file that holds the checksum of what was written. A run that is begun again
reads marked blocks back and computes those again whose checksum differs, such as after a power cut.
"""

from __future__ import annotations

import hashlib
import pickle
import threading
import zlib
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.blocks import computed, spans, stream
from napari_fluorodenoise.engine.progress import Progress, silent

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["Files", "filed"]

_READING = threading.Lock()


class Files(Protocol):
    """Frames in files, by their range; those of different blocks may be written at the same time."""

    def __setitem__(self, frames: slice, block: NDArray[Any]) -> None: ...

    def __getitem__(self, frames: slice) -> NDArray[Any]: ...


def filed(
    arrays: Mapping[str, da.Array], files: Mapping[str, Files], *, name: str, progress: Progress = silent
) -> None:
    """Compute `arrays` (T, Y, X), all in one pass, into the `files` of the same names.

    In a piece of work that is kept, blocks are marked under `name` in its folder, and run where its executor says; what
    is pickled for it is the same for all of them.
    """
    place = pieces.folder()
    if place is None:
        for at, block in stream(arrays, progress=progress):
            for key, frames in block.items():
                files[key][at] = frames
        return
    marks = place / f"{name}.blocks"
    marks.mkdir(exist_ok=True)
    plan = _plan(marks, arrays, files)
    count = len(next(iter(arrays.values())))
    done, ranges = 0, spans(count)

    def report() -> None:
        progress(done / count, f"frame {done} of {count}")

    calls = [partial(_filed, plan, at.start, at.stop) for at in ranges]
    for at, _ in zip(ranges, pieces.executor().each(calls, report=report), strict=True):
        done = at.stop
        report()


def _plan(marks: Path, arrays: Mapping[str, da.Array], files: Mapping[str, Files]) -> Path:
    """The file that says what blocks are computed from and where they go; it never changes."""
    import cloudpickle

    content = cloudpickle.dumps((dict(arrays), dict(files)))
    plan = marks / f"plan-{hashlib.blake2b(content, digest_size=16).hexdigest()}"
    pieces.replaced(plan, content)
    return plan


def _planned(plan: Path) -> tuple[Mapping[str, da.Array], Mapping[str, Files]]:
    """What the file says; each process reads it, and the networks in it, once, whatever its threads."""
    with _READING:
        return _read(plan)


@lru_cache(maxsize=2)
def _read(plan: Path) -> tuple[Mapping[str, da.Array], Mapping[str, Files]]:
    arrays, files = pickle.loads(pieces.shown(plan).read_bytes())
    return arrays, files


def _filed(plan: Path, start: int, stop: int) -> None:
    """File the frames from `start` to `stop`, unless they are."""
    arrays, files = _planned(plan)
    at, mark = slice(start, stop), plan.with_name(str(start))
    if mark.exists() and mark.read_text() == _sum({name: _there(file, at) for name, file in files.items()}):
        return
    block = computed({name: array[at] for name, array in arrays.items()})
    for name, frames in block.items():
        files[name][at] = frames
    pieces.replaced(mark, _sum(block).encode())


def _there(file: Files, at: slice) -> NDArray[Any] | None:
    """The frames in `file`, or None where they cannot be read: torn by a power cut, or by a full disk."""
    try:
        return file[at]
    except Exception:  # decoders raise anything
        return None


def _sum(block: Mapping[str, NDArray[Any] | None]) -> str:
    sums = {name: None if frames is None else _crc(frames) for name, frames in sorted(block.items())}
    return " ".join(f"{name}:{value}" for name, value in sums.items())


def _crc(frames: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(frames).view(np.uint8).data)
