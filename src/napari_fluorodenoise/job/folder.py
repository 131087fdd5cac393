"""The folder in which a job keeps what it has done, beside its output, until that is complete.

`.NAME.job` holds a lock, a manifest of what the job began with, what its pieces gave (`engine.pieces`), and the output
until it is whole. A process that ends, however it ends, lets go of the lock; the folder stays, and a job that is begun
again with `resume` goes on in it.

Of an output in object storage, which has no locks, the folder is on this machine, in the user's cache folder or where
`FLUORODENOISE_JOBS` says, and the output is put together beside its place in the storage (`io.staging`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from napari_fluorodenoise.engine.pieces import replaced
from napari_fluorodenoise.io import staging
from napari_fluorodenoise.io.files import FileError, moved
from napari_fluorodenoise.io.remote import Place, Remote, place
from napari_fluorodenoise.job.manifest import changes

__all__ = ["Folder", "begun", "folder_of"]

LOCK, OWNER, MANIFEST, COMPLETE, MOVED, MADE = "lock", "owner", "manifest.json", "complete", "moved", "made"

JOBS = "FLUORODENOISE_JOBS"
"""The variable that names where the folders of jobs are whose outputs are in object storage."""


class Folder:
    """A job's folder at `path`, held by this process."""

    def __init__(self, path: Path, target: Place) -> None:
        self.path, self.target = path, target

    @property
    def pieces(self) -> Path:
        """Where the pieces of the work are kept."""
        return self.path / "pieces"

    @property
    def made(self) -> Path:
        """Where the output is put together under its own name, and files that go beside it."""
        return self.path / MADE / self.target.name

    @property
    def image(self) -> Place:
        """Where an output whose chunks anybody may write is put together: in the storage that it is for, if it is."""
        return staging.staged(self.target) / self.target.name if isinstance(self.target, Remote) else self.made

    def finish(self) -> None:
        """Give what was made its final name; once this has begun, a job that is begun again only ends it."""
        replaced(self.path / COMPLETE, b"")
        if isinstance(self.target, Remote):
            self._move_to(self.target)
            return
        for made in sorted((self.path / MADE).iterdir(), key=lambda made: made == self.made):
            moved(made, self.target.parent / made.name, kept=self.path / "replaced")

    def _move_to(self, target: Remote) -> None:
        """Move what was made to `target`; what is in storage beside it goes only when all of it is there."""
        aside = staging.staged(target)
        if not (self.path / MOVED).exists():
            staging.put(self.path / MADE, aside)
            staging.replace(aside, target)
            replaced(self.path / MOVED, b"")
        staging.remove(aside)

    def clear(self) -> None:
        """Remove what was put together in storage."""
        if isinstance(self.target, Remote):
            staging.remove(staging.staged(self.target))

    @property
    def complete(self) -> bool:
        """Whether the output was whole when the job was interrupted."""
        return (self.path / COMPLETE).exists()


def folder_of(target: str | os.PathLike[str] | Remote) -> Path:
    """Where the job that writes `target` keeps what it has done."""
    target = place(target)
    if isinstance(target, Path):
        return target.parent / f".{target.name}.job"
    url = hashlib.blake2b(target.url.rstrip("/").encode(), digest_size=8).hexdigest()
    return _jobs() / f"{target.name}-{url}.job"


def _jobs() -> Path:
    from platformdirs import user_cache_path

    named = os.environ.get(JOBS)
    return Path(named) if named else user_cache_path("napari-fluorodenoise") / "jobs"


@contextmanager
def begun(
    target: Place, manifest: Mapping[str, Any], *, resume: bool = False, overwrite: bool = False
) -> Iterator[Folder]:
    """The folder of the job that writes `target`: as an interrupted one left it with `resume`, else a new one.

    It goes when the block ends well, and when it raises a ValueError that no failing disk or network caused: the same
    input would raise it again. Raises `FileError` where another job is at work on `target`, where an unfinished one is
    to be neither resumed nor replaced, and where it began with something else: the message says with what.
    """
    path = folder_of(target)
    with _held(path, target):
        folder = Folder(path, target)
        _checked(folder, manifest, resume=resume, overwrite=overwrite)
        for part in (folder.pieces, folder.made.parent):
            part.mkdir(exist_ok=True)
        try:
            yield folder
        except ValueError as error:
            if not _by_disk(error):
                with suppress(FileError):
                    folder.clear()
                shutil.rmtree(path, ignore_errors=True)
            raise
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _held(path: Path, target: Place) -> Iterator[None]:
    """Hold the lock of the job folder at `path`, which is made; it is let go however this process ends."""
    from filelock import FileLock, Timeout

    try:
        path.mkdir(exist_ok=True, parents=isinstance(target, Remote))
        lock = FileLock(path / LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise FileError(
            f"{target}: expected no other job on this output, found one at work ({_owner(path)}); "
            "wait for it, or name another output"
        ) from None
    except OSError as error:
        raise FileError(f"{target}: cannot be written ({error.strerror or error}); name another") from error
    try:
        (path / OWNER).write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        lock.release()


def _owner(path: Path) -> str:
    try:
        return (path / OWNER).read_text(encoding="utf-8")
    except OSError:
        return "its process is not known"


def _checked(folder: Folder, manifest: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Leave `folder` fit for the job of `manifest`, or raise `FileError` with all in it as it was."""
    path, target, kept = folder.path, folder.target, folder.path / MANIFEST
    if kept.exists() and not resume and not overwrite:
        shown = path if isinstance(target, Remote) else path.name
        raise FileError(
            f"{target}: expected no unfinished job, found one in {shown}; go on with --resume, or begin again "
            "with --overwrite"
        )
    if kept.exists() and resume:
        differ = changes(json.loads(kept.read_text(encoding="utf-8")), json.loads(json.dumps(manifest)))
        if differ:
            raise FileError(
                f"{target}: expected what its unfinished job began with, found that {'; '.join(differ)}; "
                "restore that, or begin again with --overwrite"
            )
        return
    folder.clear()
    for old in path.iterdir():
        if old.name not in (LOCK, OWNER):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    replaced(kept, json.dumps(manifest, indent=1).encode())


def _by_disk(error: BaseException | None) -> bool:
    """Whether a failing disk or network is what caused `error`."""
    while error is not None:
        if isinstance(error, OSError):
            return True
        error = error.__cause__
    return False
