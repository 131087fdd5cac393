"""The folder in which a job keeps what it has done, beside its output, until that is complete.

`.NAME.job` holds a lock (`job.lock`), a manifest of what the job began with, and a folder of this beginning's own:
what its pieces gave (`engine.pieces`), and the output until it is whole. The folder outlives its process, and a job
that is begun again with `resume` goes on in it. One that is begun anew has another folder of its own, so that what a
worker of the earlier one still writes harms nobody.

Of an output in object storage, which has no locks, the folder is on this machine, in the user's cache folder or where
`FLUORODENOISE_JOBS` says, and the output is put together beside its place in the storage (`io.staging`).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from napari_fluorodenoise.engine.pieces import replaced, synced
from napari_fluorodenoise.io import staging
from napari_fluorodenoise.io.files import FileError, moved
from napari_fluorodenoise.io.remote import Place, Remote, place
from napari_fluorodenoise.job import intermediate
from napari_fluorodenoise.job.lock import LOCK, OWNER, held
from napari_fluorodenoise.job.manifest import changes

__all__ = ["Folder", "begun", "ended", "folder_of", "replaces", "unfinished"]

MANIFEST, SECONDS, COMPLETE, MOVED, WORK = "manifest.json", "seconds", "complete", "moved", "work-"
OURS = re.compile(rf"\.?({LOCK}|{OWNER}|{MANIFEST}|{SECONDS}|{COMPLETE}|{MOVED})(\.\d+)?|{WORK}\w+")
"""What a job's folder holds, also where a process was killed while it wrote."""

JOBS = "FLUORODENOISE_JOBS"
"""The variable that names where the folders of jobs are whose outputs are in object storage."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """How a job began: with what (`manifest`), whether its output `overwrites` an earlier one, and its own `token`."""

    manifest: Mapping[str, Any]
    overwrites: bool
    token: str

    @classmethod
    def of(cls, path: Path) -> Beginning | None:
        """That of the job whose folder is at `path`; None where none began there."""
        try:
            return cls(**json.loads((path / MANIFEST).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):  # of another version, or of somebody else
            return cls(manifest={"manifest": "another kind"}, overwrites=False, token="")


class Folder:
    """A job's folder at `path`, held by this process, by its `token`; `stages` is where what stages add is to go."""

    def __init__(self, path: Path, target: Place, token: str, *, stages: Path | None = None) -> None:
        self.path, self.target, self.stages_target = path, target, stages
        self.work = path / f"{WORK}{token}"
        self._before, self._began = self._spent(), time.perf_counter()

    @property
    def pieces(self) -> Path:
        """Where the pieces of the work are kept."""
        return self.work / "pieces"

    @property
    def made(self) -> Path:
        """Where the output is put together under its own name, and files that go beside it."""
        return self.work / "made" / self.target.name

    @property
    def stages(self) -> Path:
        """Where what the stages add is put together."""
        return self.work / "stages"

    @property
    def image(self) -> Place:
        """Where an output whose chunks anybody may write is put together: in the storage that it is for, if it is."""
        return self._aside(self.target) / self.target.name if isinstance(self.target, Remote) else self.made

    @property
    def complete(self) -> bool:
        """Whether the output was whole when the job was interrupted."""
        return (self.path / COMPLETE).exists()

    @property
    def seconds(self) -> float:
        """What the job took in all until now; nan where a process of it was killed, so that nobody counted."""
        return self._before + time.perf_counter() - self._began

    def begin(self, manifest: Mapping[str, Any], *, overwrites: bool) -> None:
        """Remove what an earlier job left, and note how this one begins."""
        (self.path / MANIFEST).unlink(missing_ok=True)  # first: without it the rest is nobody's
        self.clear()
        for old in self.path.iterdir():
            if old.is_dir():
                shutil.rmtree(old, ignore_errors=True)  # a worker of the earlier job may write there still
            elif old.name not in (LOCK, OWNER):
                old.unlink()
        for part in (self.work, self.pieces, self.made.parent):
            part.mkdir()
        began = Beginning(manifest=manifest, overwrites=overwrites, token=self.work.name.removeprefix(WORK))
        replaced(self.path / MANIFEST, json.dumps(asdict(began), indent=1).encode())
        self._before = 0.0

    def anew(self, part: Path) -> Path:
        """`part` of the folder, empty: without what a killed process left half written there."""
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        return part

    def finish(self) -> None:
        """Give what was made its final name; once this has begun, a job that is begun again only ends it."""
        if not self.complete:
            for made in (self.made.parent, self.stages):
                synced(made.rglob("*"))
            replaced(self.path / COMPLETE, b"")
        if not (self.path / MOVED).exists():
            if self.stages_target is not None:
                intermediate.move(self.stages, self.stages_target)
            if isinstance(self.target, Remote):
                staging.put(self.made.parent, self._aside(self.target))
                staging.replace(self._aside(self.target), self.target)
            else:
                self._move_beside(self.target)
            replaced(self.path / MOVED, b"")
        self.clear()

    def _move_beside(self, target: Path) -> None:
        """Move what was made to `target`, and first what goes beside it."""
        if not self.made.exists() and not target.exists():
            raise FileError(f"{target}: expected it in {self.made}, found none; begin again with --overwrite")
        beside = [made for made in self.made.parent.iterdir() if made.name.startswith(f"{target.name}.")]
        for made in (*sorted(beside), *([self.made] if self.made.exists() else [])):
            moved(made, target.with_name(made.name), kept=self.work / "replaced")
        synced([target])

    def _aside(self, target: Remote) -> Remote:
        return staging.staged(target) / self.work.name

    def clear(self) -> None:
        """Remove what was put together in storage."""
        if isinstance(self.target, Remote):
            staging.remove(staging.staged(self.target))

    @property
    def holds(self) -> bool:
        """Whether anything in it is finished: a piece, or a block."""
        blocks = (mark for marks in self.work.rglob("*.blocks") for mark in marks.iterdir())
        return any(self.work.rglob("*.done")) or any(mark.name.isdigit() for mark in blocks)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say in errors of files the name that was asked for, and what one that only names a reason means."""
        try:
            yield
        except FileError as error:
            said = str(error).replace(str(self.made), str(self.target)).replace(str(self.image), str(self.target))
            raise FileError(said.replace(str(self.stages), str(self.stages_target))) from error
        except OSError as error:
            if error.strerror is None:  # says it all
                raise
            raise FileError(
                f"{self.target}: cannot be written ({error.strerror}; what is finished is kept); "
                "free space, and go on with --resume"
            ) from error

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Keep the seconds that the job takes meanwhile, however the block ends, for who goes on with it."""
        replaced(self.path / SECONDS, b"nan")
        try:
            yield
        finally:
            with suppress(OSError):  # a full disk has been told, and a folder may be gone
                replaced(self.path / SECONDS, repr(self.seconds).encode())

    def _spent(self) -> float:
        try:
            return float((self.path / SECONDS).read_text())
        except FileNotFoundError:
            return 0.0
        except ValueError:
            return math.nan


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


def unfinished(target: Place) -> Path | None:
    """The folder of the unfinished job on `target`; None where there is none, or only its folder was left."""
    path = folder_of(target)
    return path if Beginning.of(path) is not None and not (path / MOVED).exists() else None


def ended(target: Place, *, resume: bool) -> bool:
    """Whether `resume` finds the output of the job on `target` whole, and has only to give it its name."""
    path = folder_of(target)
    return resume and Beginning.of(path) is not None and (path / COMPLETE).exists()


def replaces(target: Place, *, resume: bool, overwrite: bool) -> bool:
    """Whether a job on `target` may replace what is there: it is asked to, or the one that it resumes was."""
    began = Beginning.of(folder_of(target)) if resume else None
    return overwrite or (began is not None and began.overwrites)


@contextmanager
def begun(
    target: Place,
    manifest: Mapping[str, Any],
    *,
    resume: bool = False,
    overwrite: bool = False,
    stages: Path | None = None,
) -> Iterator[Folder]:
    """The folder of the job that writes `target`: as an interrupted one left it with `resume`, else a new one.

    It goes when the block ends well, and when it raises a ValueError that no failing disk or network caused before
    anything was finished: the same input would raise it again. With both `resume` and `overwrite` an unfinished job is
    gone on with. Raises `FileError` where another job is at work on `target`, where an unfinished one is to be neither
    resumed nor replaced, where it began with something else, which the message names, and where the folder is not ours.
    """
    path = folder_of(target)
    _refuse_foreign(path)
    with held(path, target) as remove:
        began = _gone_on_with(path, target, manifest, resume=resume, overwrite=overwrite)
        folder = Folder(path, target, began.token if began is not None else uuid4().hex[:8], stages=stages)
        try:
            with folder.explained():
                if began is None:
                    folder.begin(manifest, overwrites=overwrite)
                with folder.counting():
                    yield folder
        except ValueError as error:
            if began is None and not folder.holds and not _by_disk(error):
                with suppress(FileError):
                    folder.clear()
                remove()
            raise
        remove()


def _refuse_foreign(path: Path) -> None:
    """Raise `FileError` where the folder at `path` is not a job's."""
    with suppress(FileNotFoundError, NotADirectoryError):
        names = sorted(part.name for part in path.iterdir())
        foreign = [name for name in names if not OURS.fullmatch(name)]
        if foreign and MANIFEST not in names:
            raise FileError(f"{path}: expected a job's folder, found one of other things ({foreign[0]}); move it")


def _gone_on_with(
    path: Path, target: Place, manifest: Mapping[str, Any], *, resume: bool, overwrite: bool
) -> Beginning | None:
    """How the job began that is to be gone on with, None where a new one is to; raises `FileError` for neither."""
    began = Beginning.of(path)
    if began is None:
        return None
    if resume:
        differ = changes(began.manifest, json.loads(json.dumps(manifest)))
        if differ:
            raise FileError(
                f"{target}: expected what its unfinished job began with, found that {'; '.join(differ)}; "
                "restore that, or begin again with --overwrite"
            )
        return began
    if not overwrite and not (path / MOVED).exists():
        shown = path if isinstance(target, Remote) else path.name
        raise FileError(
            f"{target}: expected no unfinished job, found one in {shown}; go on with --resume, or begin again "
            "with --overwrite"
        )
    return None


def _by_disk(error: BaseException | None) -> bool:
    """Whether a failing disk or network is what caused `error`."""
    while error is not None:
        if isinstance(error, OSError):
            return True
        error = error.__cause__
    return False
