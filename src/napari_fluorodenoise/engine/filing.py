"""Lazy frames computed block by block into files; what an interrupted run has filed is not computed again.

A block is filed once its mark is there: a file that holds the checksum of what was written. A run that is begun again
reads marked blocks back and computes those again whose checksum differs, such as after a power cut.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import threading
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.blocks import STRETCH, computed, pruned, ranges, stream
from napari_fluorodenoise.engine.progress import Progress, checkpoint, silent
from napari_fluorodenoise.engine.room import room

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["Files", "filed"]

READ, AT_HAND = 4, 2
"""Plans that a process remembers, since a worker of a batch is given blocks of several sequences; and stretches."""
FEW, TOGETHER = 256, 4
"""Blocks up to which each is a call of its own, and how many are one call at the most: calls cost a scheduler time."""
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
    count, *frame = next(iter(arrays.values())).shape
    done, parts, at_once = 0, _parts(marks, arrays), room((frame[0], frame[1])).workers

    def report() -> None:
        progress(done / count, f"frame {done} of {count}")

    each = min(max(len(parts) // FEW, 1), TOGETHER)
    bundles = [parts[first : first + each] for first in range(0, len(parts), each)]
    calls = [partial(_filed, plan, bundle) for bundle in bundles]
    for bundle, _ in zip(bundles, pieces.executor().each(calls, report=report, at_once=at_once), strict=True):
        done = bundle[-1].stop
        report()
    _forget()


def _parts(marks: Path, arrays: Mapping[str, da.Array]) -> list[slice]:
    """The ranges of frames that are filed at a time: those that the job began with, however much memory is free now."""
    kept = marks / "parts"
    if not kept.exists():
        pieces.replaced(kept, json.dumps([(at.start, at.stop) for at in ranges(arrays)]).encode())
    return [slice(start, stop) for start, stop in json.loads(kept.read_text())]


def _plan(marks: Path, arrays: Mapping[str, da.Array], files: Mapping[str, Files]) -> Path:
    """The file that says what blocks are computed from and where they go; it never changes."""
    import cloudpickle

    content = cloudpickle.dumps((dict(arrays), dict(files)))
    plan = marks / f"plan-{hashlib.blake2b(content, digest_size=16).hexdigest()}"
    pieces.replaced(plan, content)
    return plan


def _planned(plan: Path, stretch: int, longest: int) -> tuple[Mapping[str, da.Array], int, Mapping[str, Files]]:
    """What the file says of a stretch of frames, the first of them, and where they go.

    Each process reads the file, and the networks in it, once, whatever its threads; and of a long graph it looks for
    the part that a stretch needs once, not for every block.
    """
    with _READING:
        return _stretch(plan, stretch, longest)


@lru_cache(maxsize=AT_HAND)
def _stretch(plan: Path, number: int, longest: int) -> tuple[Mapping[str, da.Array], int, Mapping[str, Files]]:
    arrays, files = _read(plan)
    first = number * STRETCH
    part = slice(first, first + STRETCH + longest)
    return {name: pruned(array[part]) for name, array in arrays.items()}, first, files


@lru_cache(maxsize=READ)
def _read(plan: Path) -> tuple[Mapping[str, da.Array], Mapping[str, Files]]:
    arrays, files = pickle.loads(pieces.shown(plan).read_bytes())
    return arrays, files


def _forget() -> None:
    """Let go of the plans: what they hold is in memory a second time."""
    with _READING:
        _stretch.cache_clear()
        _read.cache_clear()


def _filed(plan: Path, parts: Sequence[slice]) -> None:
    """File the `parts`, one after the other, unless they are."""
    for part in parts:
        _file(plan, part.start, part.stop)


def _file(plan: Path, start: int, stop: int) -> None:
    arrays, first, files = _planned(plan, start // STRETCH, stop - start)
    at, mark = slice(start, stop), plan.with_name(str(start))
    if mark.exists() and mark.read_text() == _sum({name: _there(file, at) for name, file in files.items()}):
        return
    block = computed({name: array[start - first : stop - first] for name, array in arrays.items()})
    checkpoint()  # a worker may have gone on while its job was given up
    for name, frames in block.items():
        files[name][at] = frames
    pieces.replaced(mark, _sum(block).encode(), forced=False)


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
