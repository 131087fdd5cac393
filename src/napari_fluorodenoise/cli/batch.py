"""`fluorodenoise batch`: many sequences in, as many denoised ones out, and a table of what became of each."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluorodenoise.cli import job
from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.cli.denoise import Named, Trained, asked
from napari_fluorodenoise.cli.recipes import Budget, Settings
from napari_fluorodenoise.io import Place, Remote, place

if TYPE_CHECKING:
    from napari_fluorodenoise.job.batch import Outcome, State

__all__ = ["batch"]

FAILED = 1
"""Exit code where some failed."""

Patterns = Annotated[
    list[str],
    typer.Argument(metavar="IN_GLOB...", help="Sequences or URLs, or patterns in quotes, as 'runs/**/*.dcm'."),
]
Out = Annotated[
    Any, typer.Option("--out", metavar="DIR", parser=place, help="The folder of the results and of batch.csv.")
]
Suffix = Annotated[
    str | None, typer.Option(metavar=".SUFFIX", help="The format of the results; else that of each sequence.")
]
Watch = Annotated[bool, typer.Option("--watch", help="Go on with what arrives, until Ctrl-C.")]
Every = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How often --watch looks.")]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace results, and begin unfinished jobs again, that are of another input or recipe."
    ),
]


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

    folder = _of_this_machine(out, patterns if watch else [])
    plan = Batch(
        folder=folder,
        recipe=asked(recipe, model=model, settings=settings, budget=budget, device=device),
        detector=None if detector is None else job.calibration(detector),
        seed=seed,
    )
    named = _sequences(patterns, folder, suffix, endless=watch)
    outcomes: dict[Place, Outcome] = {}
    with plan.begun() as ledger, working(scheduler=scheduler, workers=workers) as cluster:
        arriving = _arriving(patterns, folder, suffix, every, outcomes) if watch else [named]
        run = partial(plan.run, ledger=ledger, outcomes=outcomes, overwrite=overwrite)
        _go_through(arriving, partial(run, at_once=lambda: 1 if cluster is None else cluster.workers), endless=watch)
    _summary(outcomes, table=folder / TABLE)


def _of_this_machine(out: Place, watched: list[str]) -> Path:
    """`out`; raises ValueError where it, or what is to be watched, is in object storage."""
    if isinstance(out, Remote):
        raise ValueError(f"expected a folder of this machine for the results, found {out}; name one, and copy it there")
    for url in (pattern for pattern in watched if isinstance(place(pattern), Remote)):
        raise ValueError(f"expected folders of this machine to watch, found {url}; leave out --watch")
    return out


def _sequences(patterns: list[str], folder: Path, suffix: str | None, *, endless: bool) -> dict[Place, Path]:
    """The sequences that are there, each with its output; what can be refused is, before any work."""
    from napari_fluorodenoise.job.sources import found, outputs, twice

    places = outputs(found(patterns, beside=folder), folder=folder, suffix=suffix)
    if endless:
        return places
    for wrong in twice(places).values():
        raise ValueError(wrong)
    if not places:
        raise ValueError(f"expected sequences, found none by {' '.join(patterns)}; check the pattern, or give --watch")
    return places


def _go_through(arriving: Iterable[Mapping[Place, Path]], run: Callable[..., None], *, endless: bool) -> None:
    """Let `run` try all that arrives; where that has no end, until Ctrl-C."""
    try:
        for places in arriving:
            if places:
                with bars() as start:
                    run(places, progress=start("sequences"))
    except KeyboardInterrupt:
        if not endless:
            raise InterruptedError("interrupted; what is finished is kept: the same command goes on") from None


def _arriving(
    patterns: list[str], folder: Path, suffix: str | None, every: float, outcomes: dict[Place, Outcome]
) -> Iterator[dict[Place, Path]]:
    """What arrives, each with its output; what comes for the output of another is put down as failed."""
    from napari_fluorodenoise.job.batch import Outcome
    from napari_fluorodenoise.job.sources import found, outputs, twice
    from napari_fluorodenoise.job.watch import arrivals

    taken: dict[Path, Place] = {}
    for sources in arrivals(lambda: found(patterns, beside=folder), every=every):
        places = outputs(sources, folder=folder, suffix=suffix)
        wrong = twice(places, taken=taken)
        outcomes.update((source, Outcome("failed", line)) for source, line in wrong.items())
        fit = {source: output for source, output in places.items() if source not in wrong}
        taken |= {output: source for source, output in fit.items()}
        yield fit


def _summary(outcomes: Mapping[Place, Outcome], *, table: Path) -> None:
    """Say what became of the sequences, and of those that failed why."""
    count = Counter(outcome.state for outcome in outcomes.values())
    print(f"{count['done']} done, {count['there']} there before, {count['failed']} failed; see {table}")
    if count["unfinished"]:
        print(f"{count['unfinished']} unfinished: {_some(outcomes, 'unfinished')}; the same command goes on")
    if count["other"]:
        print(
            f"{count['other']} left as they are, made from another input, recipe or version: "
            f"{_some(outcomes, 'other')}; --overwrite makes them again"
        )
    for outcome in outcomes.values():
        if outcome.state == "failed":
            print(f"fluorodenoise: {outcome.error}", file=sys.stderr)
    if count["failed"]:
        raise typer.Exit(FAILED)


def _some(outcomes: Mapping[Place, Outcome], state: State) -> str:
    names = [place.name for place, outcome in outcomes.items() if outcome.state == state]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
