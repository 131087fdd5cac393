"""Long work in pieces: what a piece gave is kept in a folder, where the same work finds it when it is begun again.

Where the work has such a folder (`kept_in`), `once` is done once for all times: an interrupted run that is begun again
reads what its finished pieces gave. Where it has none, `once` and `each` only call. An executor says where calls run:
on this machine's threads, or on a cluster's workers.
"""

from __future__ import annotations

import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from napari_fluorodenoise.engine.blocks import in_turn
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.engine.room import give_back

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Executor",
    "Threads",
    "each",
    "executor",
    "folder",
    "kept_in",
    "on",
    "once",
    "part_of",
    "replaced",
    "shown",
    "synced",
    "written",
]

LATE = 60.0
"""Seconds after which a network's file system shows at the latest what another machine has written."""

Result = TypeVar("Result")
Call = Callable[[Progress], Result]


class Executor(Protocol):
    """Where calls run. What they are given and what they give back can be pickled."""

    def one(self, call: Call[Result], *, progress: Progress) -> Result:
        """What `call` gives for a progress call that reports here."""

    def each(
        self, calls: Sequence[Callable[[], Result]], *, report: Callable[[], None], at_once: int | None = None
    ) -> Iterator[Result]:
        """What each of `calls` gives, in order; `report` is called now and then, and may raise.

        At most so many run `at_once` in one process; None leaves it to the executor.
        """


class Threads:
    """The threads of this process; a call that runs alone runs on the caller's."""

    def one(self, call: Call[Result], *, progress: Progress) -> Result:
        """What `call` gives."""
        return call(progress)

    def each(
        self, calls: Sequence[Callable[[], Result]], *, report: Callable[[], None], at_once: int | None = None
    ) -> Iterator[Result]:
        """What each of `calls` gives, in order, a few at a time."""
        return in_turn(calls, workers=at_once, report=report)


_FOLDER: ContextVar[Path | None] = ContextVar("folder", default=None)
_EXECUTOR: ContextVar[Executor] = ContextVar("executor", default=Threads())  # noqa: B039 - it has no state
_WRITTEN: set[Path] = set()
_SYNCING = threading.Lock()


def folder() -> Path | None:
    """Where the piece at hand keeps what is to outlive an interruption; None where nothing is."""
    return _FOLDER.get()


def executor() -> Executor:
    """Where the calls of the work at hand run."""
    return _EXECUTOR.get()


@contextmanager
def kept_in(folder: Path | None) -> Iterator[None]:
    """Keep what pieces give meanwhile in `folder`, which is made; None keeps nothing."""
    if folder is not None:
        folder.mkdir(exist_ok=True)
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


@contextmanager
def part_of(name: str) -> Iterator[None]:
    """Keep what pieces give meanwhile under `name` in the folder at hand, where there is one."""
    place = folder()
    with kept_in(None if place is None else place / name):
        yield


@contextmanager
def on(executor: Executor) -> Iterator[None]:
    """Let calls run meanwhile on `executor`."""
    token = _EXECUTOR.set(executor)
    try:
        yield
    finally:
        _EXECUTOR.reset(token)


def once(
    name: str, call: Call[Result], *, progress: Progress = silent, rng: np.random.Generator | None = None
) -> Result:
    """What `call` gives, or gave when it was called under this `name` in this folder before.

    Pieces inside of it have a folder of their own. `rng` is left as the call left it, also where it is not called.
    """
    place = folder()
    if place is None:
        return call(progress)
    done = _done(place, name)
    if not done.exists():
        executor().one(partial(_kept, place, name, call, rng), progress=progress)
    result: Result = _read(done, rng)
    return result


def each(
    name: str, calls: Sequence[Callable[[], Result]], *, report: Callable[[], None] = lambda: None
) -> Iterator[Result]:
    """What each of `calls` gives, in order, several at a time; each is a piece of its own, `name` and its number."""
    place = folder()
    if place is None:
        yield from executor().each(calls, report=report)
        return
    for path in executor().each(
        [partial(_part, place, f"{name}-{n}", call) for n, call in enumerate(calls)], report=report
    ):
        yield _read(path, None)


def shown(path: Path) -> Path:
    """`path`, once a file system that other machines write to shows the file there; it may do so late."""
    end = time.monotonic() + LATE
    while not path.exists():
        if time.monotonic() > end:
            raise FileNotFoundError(
                f"expected {path} on {socket.gethostname()}, found no such file; workers need the folder of the output "
                "under the same path"
            )
        time.sleep(0.1)
    return path


def replaced(path: Path, content: bytes, *, forced: bool = True) -> None:
    """Put `content` into the file at `path`, whole or not at all, however this process ends.

    It is `forced` to the disk unless whoever reads it can tell that a power cut tore it.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as file:
        file.write(content)
        if forced:
            file.flush()
            os.fsync(file.fileno())
    part.replace(path)


def written(path: Path) -> None:
    """Count on the file at `path`: no piece that this process ends from now on is done before it is on the disk.

    Forced are all files at once, when a piece ends: that costs half of what forcing each when it is written would.
    """
    with _SYNCING:
        _WRITTEN.add(path)


def synced(files: Iterable[Path]) -> None:
    """Force `files`, and their names in their folders, to the disk; those that are gone are left out."""
    named = list(files)
    for path in (*named, *dict.fromkeys(file.parent for file in named)):
        if path.is_dir() and os.name == "nt":  # opens no folders
            continue
        try:
            file = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _done(place: Path, name: str) -> Path:
    return place / f"{name}.done"


def _part(place: Path, name: str, call: Callable[[], Any]) -> Path:
    done = _done(place, name)
    if not done.exists():
        _kept(place, name, lambda progress: call(), None, silent)
    return done


def _kept(place: Path, name: str, call: Call[Any], rng: np.random.Generator | None, progress: Progress) -> None:
    """Call, and keep what it gives; what is kept under the name afterwards is whole."""
    import cloudpickle

    with kept_in(place / name):
        result = call(progress)
    with _SYNCING:  # who ends meanwhile waits, for its files may be among these
        synced(_WRITTEN)
        _WRITTEN.clear()
    replaced(_done(place, name), cloudpickle.dumps((result, None if rng is None else _state(rng))))
    give_back()


def _read(done: Path, rng: np.random.Generator | None) -> Any:
    result, state = pickle.loads(shown(done).read_bytes())
    if rng is not None and state is not None:
        rng.bit_generator.state, spawned = state
        rng.spawn(spawned - _spawned(rng))
    return result


def _state(rng: np.random.Generator) -> tuple[Any, int]:
    """Where `rng` is in its numbers, and how many others came of it."""
    return rng.bit_generator.state, _spawned(rng)


def _spawned(rng: np.random.Generator) -> int:
    return int(getattr(rng.bit_generator.seed_seq, "n_children_spawned", 0))
