"""`fluorodenoise denoise`: a sequence in, a denoised sequence out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_fluorodenoise.cli import job
from napari_fluorodenoise.cli.recipes import RECIPE, Budget, Settings, adjusted, load
from napari_fluorodenoise.recipe import Recipe

__all__ = ["Named", "Trained", "asked", "denoise"]

Named = Annotated[str, typer.Option(metavar=RECIPE.metavar, help=RECIPE.help)]
Trained = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL", help="Apply what `train` wrote instead of training, by its own recipe if no other is named."
    ),
]


def denoise(
    source: job.Source,
    target: job.Target,
    recipe: Named = "auto",
    settings: Settings = None,
    frames: job.Frames = None,
    crop: job.Crop = None,
    subtract_mask: job.Mask = None,
    save_stages: job.Stages = None,
    rescale: job.Rescale = None,
    detector: job.Detected = None,
    model: Trained = None,
    budget: Budget = None,
    device: job.Device = None,
    seed: job.Seed = 0,
    scheduler: job.Scheduler = None,
    workers: job.Workers = None,
    resume: job.Resume = False,
    overwrite: job.Overwrite = False,
) -> None:
    """Denoise a sequence."""
    chosen = asked(recipe, model=model, settings=settings, budget=budget, device=device)
    job.Order(
        source=source,
        target=target,
        frames=frames,
        crop=crop,
        subtract_mask=subtract_mask,
        save_stages=save_stages,
        rescale=rescale,
        detector=detector,
        seed=seed,
        overwrite=overwrite,
        resume=resume,
        scheduler=scheduler,
        workers=workers,
    ).run(chosen)


def asked(
    recipe: str, *, model: Path | None, settings: list[str] | None, budget: float | None, device: str | None
) -> Recipe:
    """The recipe in the words of the options; that of the `model` where no other is named."""
    chosen = load(recipe)
    if model is not None:
        own = Recipe.of_model(model)  # what is no model is refused before anything is read
        chosen = own if recipe == "auto" else chosen
    return adjusted(chosen.set(*settings or ()), model=model, budget=budget, device=device)
