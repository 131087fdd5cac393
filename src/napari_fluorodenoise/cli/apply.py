"""`fluorodenoise apply`: a trained model applied to a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_fluorodenoise.cli import job
from napari_fluorodenoise.cli.recipes import adjusted
from napari_fluorodenoise.recipe import Recipe

__all__ = ["apply"]

Trained = Annotated[Path, typer.Argument(metavar="MODEL", help="What `train` wrote.")]


def apply(
    model: Trained,
    source: job.Source,
    target: job.Target,
    frames: job.Frames = None,
    crop: job.Crop = None,
    subtract_mask: job.Mask = None,
    save_stages: job.Stages = None,
    rescale: job.Rescale = None,
    detector: job.Detected = None,
    device: job.Device = None,
    seed: job.Seed = 0,
    scheduler: job.Scheduler = None,
    workers: job.Workers = None,
    resume: job.Resume = False,
    overwrite: job.Overwrite = False,
) -> None:
    """Denoise a sequence by a model that was trained before, on this sequence or on others."""
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
    ).run(adjusted(Recipe.of_model(model), device=device))
