"""`fluorodenoise train`: a network trained on noisy sequences, kept as a model for others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_fluorodenoise.cli import job
from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.cli.errors import naming
from napari_fluorodenoise.cli.recipes import RECIPE, Budget, Settings, adjusted, load
from napari_fluorodenoise.denoisers import DENOISERS
from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.video import Run

if TYPE_CHECKING:
    from napari_fluorodenoise.denoisers.model import Model

__all__ = ["train"]

SUFFIX = ".safetensors"
AUTO = "best"
"""The recipe that is trained where none is named."""

Sources = Annotated[list[Path], typer.Argument(metavar="IN...", help="Sequences of one kind: DICOM, TIFF, ...")]
Out = Annotated[Path, typer.Option(metavar=f"MODEL{SUFFIX}", help="Where to write the model.")]
Named = Annotated[
    str | None,
    typer.Option(metavar=RECIPE.metavar, help=f"Whose Denoise stage is trained; {AUTO}, or that of --continue."),
]
Steps = Annotated[int | None, typer.Option(metavar="N", min=1, help="End the training after so many steps.")]
Continued = Annotated[Path | None, typer.Option("--continue", metavar="MODEL", help="Train this model on.")]


def train(
    sources: Sources,
    out: Out,
    recipe: Named = None,
    settings: Settings = None,
    budget: Budget = None,
    steps: Steps = None,
    device: job.Device = None,
    continued: Continued = None,
    seed: job.Seed = 0,
    resume: job.Resume = False,
    overwrite: job.Overwrite = False,
) -> None:
    """Train a network on noisy sequences, without clean ones, and keep it as a model for `apply`."""
    from napari_fluorodenoise.job.folder import begun

    _check(out, resume=resume, overwrite=overwrite)
    # what is no model is refused before anything is read
    first = None if continued is None else Recipe.of_model(continued)
    chosen = (first if first is not None and recipe is None else load(recipe or AUTO)).set(*settings or ())
    goes_on = None if continued is None else True
    plan = _Plan.of(
        adjusted(chosen, training_steps=steps, budget=budget, device=device, model=continued, continue_training=goes_on)
    )
    plan.check(sources)
    manifest = _manifest(sources, plan.recipe, out, seed=seed)
    with bars() as start, job.keeping(out), begun(out, manifest, resume=resume, overwrite=overwrite) as folder:
        with pieces.kept_in(folder.pieces):
            runs = [plan.prepared(source, part=f"sequence {n}", start=start) for n, source in enumerate(sources)]
            model = plan.trained(runs, progress=start("training"), rng=np.random.default_rng(seed))
        if not folder.complete:
            folder.anew(folder.made.parent)
            plan.recipe.save_model(folder.made, model, files=[source.name for source in sources], seed=seed)
        folder.finish()
    print(f"wrote {out}: {model.scheme} with network {model.network}, trained on {_listed(sources)}")
    for source, run in zip(sources, runs, strict=True):
        for warning in plan.doubts(run):
            print(f"fluorodenoise: {source.name}: {warning}", file=sys.stderr)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A recipe, and its one stage that trains, on one video."""

    recipe: Recipe
    stage: Denoise

    @classmethod
    def of(cls, recipe: Recipe) -> _Plan:
        """The plan of `recipe`; raises ValueError where not one network is to be trained, but none or several."""
        found = [stage for stage in recipe.networks if stage.trains]
        count = sum(len(stage.of) for stage in found)
        if count != 1:
            raise ValueError(f"expected a recipe that trains one network, found {recipe.name}, which trains {count}")
        return cls(recipe=recipe, stage=found[0])

    def check(self, sources: Sequence[Path]) -> None:
        """Raise ValueError where one of the `sources` cannot be what the recipe is trained on."""
        from napari_fluorodenoise.io import read

        for source in sources:
            with naming(source):
                self.recipe.check(read(source))

    def prepared(self, source: Path, *, part: str, start: Callable[[str], Progress]) -> Run:
        """The run of `source` as the stage finds it, its detector measured, what other stages made computed once.

        What is kept of it lies in a `part` of its own.
        """
        from napari_fluorodenoise.engine.keep import kept
        from napari_fluorodenoise.io import read
        from napari_fluorodenoise.physics.detector import measured

        with naming(source), pieces.part_of(part):
            video = read(source)
            progress = start(f"reading {source.name}")
            run = measured(Run.of(video), progress=portion(progress, 0.0, 0.4))
            before = self.recipe.stages[: self.recipe.stages.index(self.stage)]
            if before:
                run = replace(self.recipe, stages=before).run(run, progress=portion(progress, 0.4, 0.7))
            made = [name for name in self.stage.reads(run) if name != "frames"]
            run = kept(run, made, progress=portion(progress, 0.7, 1.0))
            progress(1.0, "")
            return run

    def trained(self, runs: Sequence[Run], *, progress: Progress, rng: np.random.Generator) -> Model:
        """What the stage's denoiser learns from all the `runs`."""
        module = import_module(DENOISERS[self.stage.denoiser])
        own = {name: getattr(self.stage, name) for name in module.SETTINGS}
        model: Model = module.train(runs, self.stage.of[0], progress=progress, rng=rng, **own)
        return model

    def doubts(self, run: Run) -> tuple[str, ...]:
        """What to beware of: what the noise of `run` tells, and what the denoiser says to it."""
        from napari_fluorodenoise.denoisers.trained import doubts

        told = () if run.detector is None else run.detector.warnings
        return (*told, *doubts(run, self.stage.of[0], self.stage.denoiser))


def _manifest(sources: Sequence[Path], recipe: Recipe, out: Path, *, seed: int) -> dict[str, Any]:
    """All that the model's weights depend on."""
    from napari_fluorodenoise.io.files import existing
    from napari_fluorodenoise.job import manifest

    inputs = [manifest.of_sequence(existing(source), but=out) for source in sources]
    return {"inputs": inputs, **manifest.of_recipe(recipe), "versions": manifest.versions(), "seed": seed}


def _check(out: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise ValueError unless a model can be written to `out`."""
    from napari_fluorodenoise.io.files import FileError, vacant
    from napari_fluorodenoise.job.folder import ended, replaces

    if out.suffix != SUFFIX:
        raise FileError(f"{out}: expected a name that ends in {SUFFIX}, found {out.suffix or 'none'}; rename it")
    if not ended(out, resume=resume):
        vacant(out, overwrite=replaces(out, resume=resume, overwrite=overwrite), folder=False)


def _listed(sources: Sequence[Path]) -> str:
    return sources[0].name if len(sources) == 1 else f"{len(sources)} sequences"
