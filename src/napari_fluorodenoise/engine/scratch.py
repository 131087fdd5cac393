"""Arrays too many to keep in memory while a fitted stage lives: numbered files in a folder of its own."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scratch", "within"]

_PARENT: ContextVar[Path | None] = ContextVar("parent", default=None)


@contextmanager
def within(folder: Path | None) -> Iterator[None]:
    """Put what this thread keeps meanwhile into `folder`; None is the system's own, which TMPDIR names."""
    before = _PARENT.set(folder)
    try:
        yield
    finally:
        _PARENT.reset(before)


class Scratch:
    """Numpy arrays by number, in files.

    In a piece of work that is kept (`engine.pieces`) they lie under `name` in its folder: they outlive this object, can
    be pickled with it, and the same piece begun again finds them. Elsewhere the folder is a temporary one, which goes
    when nobody holds this object any more; it is not to be pickled then.
    """

    def __init__(self, name: str) -> None:
        place = pieces.folder()
        self._kept = place is not None
        if place is None:
            self._folder = Path(tempfile.mkdtemp(prefix="fluorodenoise-", dir=_PARENT.get()))
            weakref.finalize(self, shutil.rmtree, self._folder, True)
        else:
            self._folder = place / name
            self._folder.mkdir(exist_ok=True)

    def __setitem__(self, number: int, array: NDArray[Any]) -> None:
        path = self._path(number)
        try:
            np.save(path, array)
        except OSError as error:
            raise self._explained(error) from error
        if self._kept:
            pieces.written(path)

    def _explained(self, error: OSError) -> OSError:
        """`error` in a line that says what to do."""
        resume, move = "go on with --resume", "set TMPDIR (in the viewer: the cache folder in Preferences)"
        # numpy does not say why it wrote less than it was given; a full disk is why
        reason = error.strerror or f"that the disk may be full: {error}"
        told = OSError(
            f"{self._folder}: expected room for intermediate results, found {reason}; "
            f"free some, {f'and {resume}' if self._kept else f'or {move}'}"
        )
        told.errno = error.errno
        return told

    def __getitem__(self, number: int) -> NDArray[Any]:
        """The array kept under `number`, mapped from its file: only what is read of it takes memory."""
        array: NDArray[Any] = np.load(self._path(number), mmap_mode="r")
        return array

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.npy"
