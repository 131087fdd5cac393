"""`fluorodenoise batch`: many sequences in, as many denoised ones out, and a table of what became of each."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluorodenoise.cli import job
from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.cli.denoise import Named, Trained, asked
from napari_fluorodenoise.cli.recipes import Budget, Settings

if TYPE_CHECKING:
    from napari_fluorodenoise.job.batch import Batch, State
    from napari_fluorodenoise.job.ledger import Ledger

__all__ = ["batch"]

FAILED = 1
"""Exit code where some failed."""

Patterns = Annotated[
    list[str], typer.Argument(metavar="IN_GLOB...", help="Sequences, or patterns in quotes, as 'runs/**/*.dcm'.")
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the results and of batch.csv.")]
Suffix = Annotated[
    str | None, typer.Option(metavar=".SUFFIX", help="The format of the results; else that of each sequence.")
]
Watch = Annotated[bool, typer.Option("--watch", help="Go on with what arrives, until Ctrl-C.")]
Every = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How often --watch looks.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Make all results again.")]


def batch(
    patterns: Patterns,
    out: Out,
    recipe: Named = "auto",
    settings: Settings = None,
    suffix: Suffix = None,
    model: Trained = None,
    budget: Budget = None,
    device: job.Device = None,
    detector: job.Detected = None,
    seed: job.Seed = 0,
    scheduler: job.Scheduler = None,
    workers: job.Workers = None,
    watch: Watch = False,
    every: Every = 5.0,
    overwrite: Overwrite = False,
) -> None:
    """Denoise many sequences; what is there is not made again, and what fails does not stop the rest."""
    from napari_fluorodenoise.job.batch import TABLE, Batch
    from napari_fluorodenoise.job.cluster import working
    from napari_fluorodenoise.job.sources import found, outputs

    plan = Batch(
        folder=out,
        recipe=asked(recipe, model=model, settings=settings, budget=budget, device=device),
        detector=None if detector is None else job.calibration(detector),
        seed=seed,
    )
    sources = found(patterns, beside=out)
    outputs(sources, folder=out, suffix=suffix)  # what cannot be told apart is refused before any work
    if not sources and not watch:
        raise ValueError(f"expected sequences, found none by {' '.join(patterns)}; check the pattern, or give --watch")
    with plan.begun() as ledger, working(scheduler=scheduler, workers=workers) as cluster:
        arriving = _arriving(patterns, out, every) if watch else [sources]
        places = (outputs(there, folder=out, suffix=suffix) for there in arriving)
        at_once = 1 if cluster is None else cluster.workers
        states = _gone_through(plan, places, ledger, at_once=at_once, overwrite=overwrite, endless=watch)
    _summary(states, ledger, table=out / TABLE)


def _gone_through(
    plan: Batch,
    arriving: Iterable[Mapping[Path, Path]],
    ledger: Ledger,
    *,
    at_once: int,
    overwrite: bool,
    endless: bool,
) -> dict[Path, State]:
    """What became of all that arrived; where that has no end, until Ctrl-C."""
    states: dict[Path, State] = {}
    try:
        for places in arriving:
            if places:
                with bars() as start:
                    bar = start("sequences")
                    states |= plan.run(places, ledger, at_once=at_once, overwrite=overwrite, progress=bar)
    except KeyboardInterrupt:
        if not endless:
            raise InterruptedError("interrupted; what is finished is kept: the same command goes on") from None
    return states


def _arriving(patterns: list[str], out: Path, every: float) -> Iterator[dict[Path, Path]]:
    from napari_fluorodenoise.job.sources import found
    from napari_fluorodenoise.job.watch import arrivals

    return arrivals(lambda: found(patterns, beside=out), every=every)


def _summary(states: Mapping[Path, State], ledger: Ledger, *, table: Path) -> None:
    """Say what became of the sequences, and of those that failed why."""
    count = Counter(states.values())
    print(f"{count['done']} done, {count['there']} there before, {count['failed']} failed; see {table}")
    others = [source for source, state in states.items() if state == "other"]
    if others:
        print(
            f"{len(others)} left as they are, made from another input, recipe or version: {_some(others)}; "
            "--overwrite makes them again"
        )
    failed = [source for source, state in states.items() if state == "failed"]
    for source in failed:
        print(f"fluorodenoise: {ledger[str(source)]['error']}", file=sys.stderr)
    if failed:
        raise typer.Exit(FAILED)


def _some(paths: Iterable[Path]) -> str:
    names = [path.name for path in paths]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
