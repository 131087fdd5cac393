"""A folder that one process holds at a time, among all that see it; a process that ends, however, lets go of it."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from napari_fluorodenoise.io.files import FileError
from napari_fluorodenoise.io.remote import Place, Remote

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["LOCK", "OWNER", "held"]

LOCK, OWNER = "lock", "owner"
GONE = ".gone"


@contextmanager
def held(path: Path, target: Place) -> Iterator[Callable[[], None]]:
    """Hold the folder at `path`, which is made if need be, and give what removes it; that ends the hold.

    Raises `FileError`, which names the `target` that the folder is for, where another process holds it, and where it
    cannot be made.
    """
    from filelock import Timeout

    with ExitStack() as stack:
        try:
            lock = _locked(path, parents=isinstance(target, Remote))
            stack.callback(lock.release)
            (path / OWNER).write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        except Timeout:
            raise FileError(
                f"{target}: expected no other job on this output, found one at work ({_owner(path)}); "
                "wait for it, or name another output"
            ) from None
        except OSError as error:
            raise FileError(f"{target}: cannot be written ({error.strerror or error}); name another") from error
        abandoned = path.parent.glob(_aside(Path(escape(str(path))), "*"))  # by processes that were killed removing it
        for left in abandoned:
            shutil.rmtree(left, ignore_errors=True)
        yield partial(_removed, path, lock)


def _locked(path: Path, *, parents: bool) -> BaseFileLock:
    """The lock of the folder at `path`; raises Timeout where another process has it."""
    from filelock import FileLock

    while True:  # the folder may go at any moment
        lock = FileLock(path / LOCK, timeout=0)
        try:
            path.mkdir(exist_ok=True, parents=parents)
            with _watched(path) as stays:
                lock.acquire()
                if stays():
                    return lock
        except FileExistsError:
            if path.is_file():
                raise
        except FileNotFoundError:
            if not (parents or path.parent.is_dir()):
                raise
        lock.release()


@contextmanager
def _watched(path: Path) -> Iterator[Callable[[], bool]]:
    """What says whether the folder at `path` still is the one that it was at first."""
    if os.name == "nt":  # moves no folder in which a file is open
        yield lambda: True
        return
    folder = os.open(path, os.O_RDONLY)  # while it is open, no other one gets its number
    try:
        yield lambda: os.path.samestat(os.fstat(folder), path.stat())
    finally:
        os.close(folder)


def _removed(path: Path, lock: BaseFileLock) -> None:
    """Remove the folder under a name at which nobody looks: under its own one the next job may begin at any moment."""
    aside = path.with_name(_aside(path, uuid4().hex[:8]))
    try:
        path.rename(aside)
    except OSError:  # Windows moves no folder in which a file is open
        for left in path.iterdir():
            if left.name != LOCK:
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # another job may hold it by now
            (path / LOCK).unlink()
            path.rmdir()
        return
    shutil.rmtree(aside, ignore_errors=True)


def _aside(path: Path, token: str) -> str:
    return f".{path.name.lstrip('.')}.{token}{GONE}"


def _owner(path: Path) -> str:
    try:
        return (path / OWNER).read_text(encoding="utf-8")
    except OSError:
        return "its process is not known"
