"""Many sequences denoised into one folder: what fails does not stop the rest, and what is done is not done again."""

from __future__ import annotations

import contextvars
import hashlib
import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_fluorodenoise import io
from napari_fluorodenoise.engine.progress import Cancelled, Progress, Training, portion, silent
from napari_fluorodenoise.io import Place
from napari_fluorodenoise.job.cluster import LostCluster
from napari_fluorodenoise.job.folder import Beginning, folder_of
from napari_fluorodenoise.job.job import Job
from napari_fluorodenoise.job.ledger import Ledger, Row
from napari_fluorodenoise.job.manifest import PACKAGE, changes, versions

if TYPE_CHECKING:
    from napari_fluorodenoise.job.job import Done
    from napari_fluorodenoise.physics.calibration import Calibration
    from napari_fluorodenoise.physics.detector import Detector
    from napari_fluorodenoise.recipe import Recipe

__all__ = ["TABLE", "Batch", "Outcome", "State"]

TABLE, LOCK = "batch.csv", ".batch.lock"
PIXELS = 4_000_000
"""Of how many pixels the trust in a result is told: a few seconds each; the report looks at four times as many."""
BEAT = 0.2
"""Seconds between two reports."""
AGAIN = 1.0
"""Seconds after which it is asked again how many may be tried at a time."""

State = Literal["done", "failed", "there", "other", "unfinished"]


@dataclass(frozen=True)
class Outcome:
    """What became of a sequence, and the `error` of one that failed.

    A result that was there before is either of the same input and recipe, or other.
    """

    state: State
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How sequences are denoised into `folder`, which holds the table of what became of each."""

    folder: Path
    recipe: Recipe
    detector: Calibration | None = None
    seed: int = 0

    @contextmanager
    def begun(self) -> Iterator[Ledger]:
        """The table, which nobody else writes meanwhile; raises ValueError where another batch is at work there."""
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / LOCK, timeout=0):
                yield Ledger(self.folder / TABLE)
        except Timeout:
            raise ValueError(f"{self.folder}: expected no other batch on this folder, found one at work") from None

    def run(
        self,
        places: Mapping[Place, Path],
        ledger: Ledger,
        outcomes: MutableMapping[Place, Outcome],
        *,
        at_once: Callable[[], int] = lambda: 1,
        overwrite: bool = False,
        progress: Progress = silent,
    ) -> None:
        """Try every sequence of `places`, from sequence to output, that is missing; `outcomes` tells what became of it.

        As many are tried at a time as `at_once` says, which is asked now and then, and at least one. `progress` may
        raise: those under way then stop where they can be gone on with. Raises `LostCluster` where the scheduler is
        gone. `outcomes` holds all that was known then.
        """
        outcomes.update(dict.fromkeys(places, Outcome("unfinished")))
        stop, pool = threading.Event(), ThreadPoolExecutor(max(len(places), 1), thread_name_prefix="sequence")
        rest, room, ended = deque(places), _asked_again(at_once), 0
        said: dict[Place, str] = {}
        waiting: dict[Future[Outcome], Place] = {}
        try:
            while rest or waiting:
                while rest and len(waiting) < room():
                    source = rest.popleft()
                    call = partial(self._tried, source, places[source], ledger, overwrite, _told(said, source, stop))
                    waiting[pool.submit(contextvars.copy_context().run, call)] = source
                for future in wait(waiting, timeout=BEAT, return_when=FIRST_COMPLETED).done:
                    source, ended = waiting.pop(future), ended + 1
                    outcomes[source] = future.result()
                    del said[source]
                progress(ended / len(places), "; ".join((f"{ended} of {len(places)}", *said.values())))
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            outcomes.update((source, future.result()) for future, source in waiting.items() if _is_known(future))

    def _tried(self, source: Place, target: Path, ledger: Ledger, overwrite: bool, progress: Progress) -> Outcome:
        """What became of one sequence, which is tried if its output is missing."""
        job = Job(source=source, target=target, recipe=self.recipe, detector=self.detector, seed=self.seed)
        name = target.relative_to(self.folder).as_posix()
        row = {"input": str(source), "output": name, "when": datetime.now(UTC).isoformat(timespec="seconds")}
        row |= {"recipe": self.recipe.name, "seed": str(self.seed), "version": versions()[PACKAGE]}
        try:
            manifest = json.loads(json.dumps(job.manifest()))
            made_from, goes_on = _checksum(manifest), _has_begun(target, manifest)
            if target.exists() and not goes_on:
                if ledger[name].get("state") == "done" and ledger[name].get("made from") == made_from:
                    return _there(job, ledger, name, progress)
                if not overwrite:
                    return Outcome("other")
            target.parent.mkdir(parents=True, exist_ok=True)
            done = job.run(resume=goes_on or not overwrite, overwrite=overwrite, start=lambda _: progress)
            row |= {"state": "done", "made from": made_from, **_timed(job, done)}
        except Exception as error:  # networks and decoders raise anything
            return _failed(row, ledger, target, _explained(error, source))
        ledger.put(row)  # before the report, which takes a while: the result is there already
        with suppress(Cancelled):  # the next call makes it up
            ledger.put({**row, **_judged(job, done.run.detector, progress)})
        return Outcome("done")


def _asked_again(at_once: Callable[[], int]) -> Callable[[], int]:
    """What `at_once` said a moment ago, and at least 1; one at a time where it cannot say, as a lost cluster."""
    asked, room = float("-inf"), 1

    def now() -> int:
        nonlocal asked, room
        if time.monotonic() - asked > AGAIN:
            try:
                room = max(at_once(), 1)
            except OSError:
                room = 1
            asked = time.monotonic()
        return room

    return now


def _told(said: dict[Place, str], source: Place, stop: threading.Event) -> Progress:
    """A progress call that leaves what it is told in `said`, and ends the work when it is to stop."""
    said[source] = source.name

    def told(fraction: float, message: str, training: Training | None = None) -> None:
        if stop.is_set():
            raise Cancelled
        said[source] = f"{source.name}: {message}"

    return told


def _is_known(future: Future[Outcome]) -> bool:
    return not future.cancelled() and future.exception() is None


def _checksum(manifest: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(manifest, sort_keys=True).encode(), digest_size=16).hexdigest()


def _has_begun(target: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether there is a job on `target` to go on with, which began with the same."""
    began = Beginning.of(folder_of(target))
    return began is not None and not changes(began.manifest, manifest)


def _explained(error: Exception, source: Place) -> str:
    """What `error` says of `source`, in a line; a cancelled call and a lost scheduler, which are of all, are raised."""
    if isinstance(error, Cancelled):
        raise error
    said = " ".join(str(error).split()).replace("go on with --resume", "give the same command again")
    if isinstance(error, LostCluster) and not _is_by_workers(error):
        raise LostCluster(said) from error
    if isinstance(error, io.FileError):
        return said
    kind = "" if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: "
    return f"{source}: {kind}{said}"


def _is_by_workers(error: LostCluster) -> bool:
    """Whether a sequence ended the workers that took it, and not the cluster: others may have less in them."""
    from distributed import KilledWorker

    return isinstance(error.__cause__, KilledWorker)


def _there(job: Job, ledger: Ledger, name: str, progress: Progress) -> Outcome:
    """That the result was there before; what its row lacks, where the report was cut short, is told now."""
    with suppress(Cancelled):
        if not ledger[name].get("verdict"):
            ledger.put({**ledger[name], **_judged(job, None, progress)})
    return Outcome("there")


def _failed(row: Row, ledger: Ledger, target: Path, error: str) -> Outcome:
    """That it failed; the row of an earlier result that is still there stays, with the error."""
    before = ledger[row["output"]] if target.exists() else {}
    kept = before if before.get("state") == "done" else {**row, "state": "failed"}
    ledger.put({**kept, "error": error})
    return Outcome("failed", error)


def _timed(job: Job, done: Done) -> Row:
    """Size and time; no time of a job that was killed, for nobody counted."""
    size = dict(zip(("frames", "rows", "columns"), map(str, io.read(job.target).shape), strict=True))
    if not math.isfinite(done.seconds):
        return size
    return {**size, "seconds": f"{done.seconds:.1f}", "frames per second": f"{done.frames / done.seconds:.2f}"}


def _judged(job: Job, detector: Detector | None, progress: Progress) -> Row:
    """What the noise was, measured where a job that was gone on with did not, and the verdicts of the trust report."""
    from napari_fluorodenoise.physics.detector import measure
    from napari_fluorodenoise.quality.trust import trust

    judged: dict[str, str] = {}
    try:
        noisy, clean = io.read(job.source), io.read(job.target)
        if detector is None and job.detector is not None:
            detector = job.detector.detector(noisy)
        detector = detector or measure(noisy, progress=portion(progress, 0, 0.5))
        judged |= _noise(detector)
        found = trust(noisy, clean, detector=detector, pixels=PIXELS, progress=portion(progress, 0.5, 1))
    except Cancelled:
        raise
    except Exception as error:  # the result is there, whatever can be said of it
        return {**judged, "verdict": f"cannot be told: {' '.join(str(error).split())}"}
    checks = {column: str(check.verdict) for column, check in zip(CHECKED, found.checks, strict=True)}
    return {**judged, "verdict": str(found.verdict), **checks, "dose": f"{found.dose[0]:.3g}"}


def _noise(detector: Detector) -> Row:
    deviation = float(detector.variance(detector.level)) ** 0.5
    line = {"level": detector.level, "noise at level": deviation, "slope": detector.slope}
    line["read variance"] = detector.read_variance
    return {**{name: f"{value:.6g}" for name, value in line.items()}, "warnings": "; ".join(detector.warnings)}


CHECKED = ("removed", "invented", "lag", "texture", "bias")
"""The columns of the trust report's checks, in their order."""
