"""Many sequences denoised into one folder: what fails does not stop the rest, and what is done is not done again."""

from __future__ import annotations

import contextvars
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluorodenoise import io
from napari_fluorodenoise.engine.progress import Cancelled, Progress, Training, silent
from napari_fluorodenoise.job.job import Job
from napari_fluorodenoise.job.ledger import Ledger, Row
from napari_fluorodenoise.job.manifest import PACKAGE, versions

if TYPE_CHECKING:
    from napari_fluorodenoise.job.job import Done
    from napari_fluorodenoise.physics.calibration import Calibration
    from napari_fluorodenoise.recipe import Recipe

__all__ = ["TABLE", "Batch", "State"]

TABLE, LOCK = "batch.csv", ".batch.lock"
PIXELS = 4_000_000
"""Of how many pixels the trust in a result is told: a few seconds each; the report looks at four times as many."""
BEAT = 0.2
"""Seconds between two reports."""

State = str
"""done, failed, there (done before), or other (there, but made from something else)."""


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
        places: Mapping[Path, Path],
        ledger: Ledger,
        *,
        at_once: int = 1,
        overwrite: bool = False,
        progress: Progress = silent,
    ) -> dict[Path, State]:
        """The state of each sequence of `places`, from sequence to output, once all that were missing were tried.

        `at_once` are tried at a time. `progress` may raise: those under way then stop where they can be gone on with.
        """
        states: dict[Path, State] = {}
        stop, pool = threading.Event(), ThreadPoolExecutor(at_once, thread_name_prefix="sequence")
        said: dict[Path, str] = {}
        waiting: dict[Future[State], Path] = {}
        try:
            for source, target in places.items():
                told = _told(said, source, stop)
                call = contextvars.copy_context().run
                waiting[pool.submit(call, self._state, source, target, ledger, overwrite, told)] = source
            while waiting:
                ended, _ = wait(waiting, timeout=BEAT, return_when=FIRST_COMPLETED)
                for future in ended:
                    states[waiting.pop(future)] = future.result()
                progress(len(states) / len(places), f"{len(states)} of {len(places)}; {', '.join(said.values())}")
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        return states

    def _state(self, source: Path, target: Path, ledger: Ledger, overwrite: bool, progress: Progress) -> State:
        """What became of one sequence, which is tried if its output is missing."""
        job = Job(source=source, target=target, recipe=self.recipe, detector=self.detector, seed=self.seed)
        row = {"input": str(source), "output": str(target), "when": datetime.now(UTC).isoformat(timespec="seconds")}
        row |= {"recipe": self.recipe.name, "seed": str(self.seed), "version": versions()[PACKAGE]}
        try:
            row["made from"] = made_from = _checksum(job)
            if target.exists() and not overwrite:
                same = ledger[str(source)].get("made from") == made_from
                return "there" if same else "other"
            target.parent.mkdir(parents=True, exist_ok=True)
            done = job.run(resume=not overwrite, overwrite=overwrite, start=lambda _: progress)
            row |= {"state": "done", **_timed(job, done), **_noise(done), **_trusted(job, done)}
        except (ValueError, OSError) as error:
            row |= {"state": "failed", "error": " ".join(str(error).split())}
        ledger.put(row)
        return row["state"]


def _told(said: dict[Path, str], source: Path, stop: threading.Event) -> Progress:
    """A progress call that leaves what it is told in `said`, and ends the work when it is to stop."""

    def told(fraction: float, message: str, training: Training | None = None) -> None:
        if stop.is_set():
            raise Cancelled
        said[source] = f"{source.name}: {message}"

    return told


def _checksum(job: Job) -> str:
    text = json.dumps(job.manifest(), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _timed(job: Job, done: Done) -> Row:
    frames, rows, columns = io.read(job.target).shape
    rate = f"{frames / done.seconds:.2f}"
    size = {"frames": str(frames), "rows": str(rows), "columns": str(columns)}
    return {**size, "seconds": f"{done.seconds:.1f}", "frames per second": rate}


def _noise(done: Done) -> Row:
    detector = done.run.detector
    if detector is None:
        return {}
    deviation = float(detector.variance(detector.level)) ** 0.5
    line = {"level": detector.level, "noise at level": deviation, "slope": detector.slope}
    line["read variance"] = detector.read_variance
    return {**{name: f"{value:.6g}" for name, value in line.items()}, "warnings": "; ".join(detector.warnings)}


def _trusted(job: Job, done: Done) -> Row:
    """The verdicts of the trust report, or why there are none."""
    from napari_fluorodenoise.quality.trust import trust

    try:
        found = trust(io.read(job.source), io.read(job.target), detector=done.run.detector, pixels=PIXELS)
    except ValueError as error:
        return {"verdict": f"cannot be told: {error}"}
    return {
        "verdict": str(found.verdict),
        **{column: str(check.verdict) for column, check in zip(CHECKED, found.checks, strict=True)},
        "dose": f"{found.dose[0]:.3g}",
    }


CHECKED = ("removed", "invented", "lag", "texture", "bias")
"""The columns of the trust report's checks, in their order."""
