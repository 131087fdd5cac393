"""What every format asks of the file system: one-line errors, and outputs that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_fluorodenoise.io.remote import Place

__all__ = ["FileError", "existing", "explained", "moved", "saving", "vacant"]

OURS = ("zarr.json", ".zgroup", ".zarray", "fluorodenoise.json")
"""What a folder must hold to be overwritten: a wrong path must not cost anybody a folder of other things."""


class FileError(ValueError):
    """A file cannot be read or written; the message is one line: the file, what was expected and found, what to do."""


@contextmanager
def explained(path: Place, expected: str) -> Iterator[None]:
    """Turn whatever a library raises about the file at `path` into a `FileError` that says what was `expected`."""
    try:
        yield
    except (FileError, MemoryError):
        raise
    except Exception as error:  # decoders raise anything: struct.error, RuntimeError, KeyError, their own
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        found = " ".join(said.split())[:200] or type(error).__name__
        raise FileError(f"{path}: expected {expected}, found damaged or foreign content ({found}); check it") from error


def existing(path: Path) -> Path:
    """`path`, which leads to a folder or a file that is not empty; raises `FileError` where it does not."""
    if not path.exists():
        raise FileError(f"{path}: expected a file or folder, found none there; check the name")
    if path.is_file() and path.stat().st_size == 0:
        raise FileError(f"{path}: expected a sequence of images, found an empty file; copy or export it again")
    return path


def vacant(path: Path, *, overwrite: bool, folder: bool) -> None:
    """Raise `FileError` unless an output, a `folder` or a file, may be put at `path`."""
    if not path.parent.is_dir():
        raise FileError(f"{path}: expected an existing folder for the output, found no {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise FileError(f"{path}: expected a folder that may be written, found {path.parent}; name another")
    if not path.exists():
        return
    if not overwrite:
        raise FileError(f"{path}: expected a new name, found an existing output; ask for overwrite or name another")
    if path.is_dir() != folder:
        raise FileError(f"{path}: expected a {'folder' if folder else 'file'} to overwrite, found the other kind")
    if folder and any(path.iterdir()) and not any((path / name).exists() for name in OURS):
        raise FileError(f"{path}: expected an earlier output to overwrite, found a folder of other things")


@contextmanager
def saving(path: Path) -> Iterator[Path]:
    """A path in a hidden sibling folder; all that is written there is moved beside `path` once the block ends well.

    Where the block raises, an earlier output stays as it was and nothing else is left.
    """
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        try:
            yield part / path.name
            for made in list(part.iterdir()):
                moved(made, path.parent / made.name, kept=part / f"{made.name}.replaced")
        except FileError as error:  # says the name that was asked for
            raise FileError(str(error).replace(f"{part}", f"{path.parent}")) from error
        finally:
            _removed(part)
    except OSError as error:
        # numpy and OpenCV do not say why they wrote less than they were given; a full disk is why
        reason = error.strerror or f"the disk may be full: {error}"
        raise FileError(f"{path}: cannot be written ({reason}); free space or name another") from error


def _removed(folder: Path) -> None:
    """Remove `folder`; again, where another thread's last chunk brought it back meanwhile, as after a full disk."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.02)
        if not folder.exists():
            return


def moved(made: Path, final: Path, *, kept: Path) -> None:
    """Give `made` its final name. A folder cannot be replaced in one step, so the old one steps aside to `kept`."""
    if not final.is_dir():
        made.replace(final)
        return
    final.rename(kept)
    try:
        made.rename(final)
    except OSError:
        kept.rename(final)
        raise
