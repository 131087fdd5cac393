"""Regions and similarity, with a truth and without: the measures of BeFOI's comparison (Hu & Huang 2024).

SNR is the mean over the standard deviation of one region, as published; smoothing a region to a constant makes it
infinite, so CNR, which tells whether two regions can still be told apart, stands beside it. Reblur is the blur metric
of Crete et al. (2007), 0 sharp and 1 blurred. Neither needs a truth; PSNR and SSIM do. Simulated cases have one;
sequences that a user brings have none, and those two columns stay empty.

The regions are found on the noisy input's mean over time, before any system ran, and are the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_fluorodenoise.bench import cases
from napari_fluorodenoise.bench.peers import EPOCHS, FAVOUR, peers
from napari_fluorodenoise.bench.result import Column, Row, Table
from napari_fluorodenoise.bench.systems import BASE, System, by, called, closeness, tried, warm
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frames = NDArray[np.float32]

__all__ = ["COLUMNS", "befoi", "flat_regions"]

SIDE = 16
"""Side of a region, in pixels."""
FLATTEST = 0.25
"""The share of the regions, the flattest ones, of which the brightest and the darkest are taken."""
RECIPES = ("noise2self", "fast", "best")
COLUMNS = (
    Column("case"),
    Column("system"),
    Column("SNR", ".2f"),
    Column("CNR", ".2f"),
    Column("Reblur", ".3f"),
    Column("PSNR dB", ".2f"),
    Column("SSIM", ".3f"),
    Column("frames/s", ".2f"),
    Column("strength"),
)
SETTING = (
    "SNR of the brightest, CNR between the brightest and the darkest of the flattest regions of {side}² px, mean of "
    "the frames; PSNR and SSIM over the truth's range; networks train for {steps} steps. {favour}"
)
Regions: TypeAlias = "tuple[tuple[slice, slice], tuple[slice, slice]]"


def befoi(
    *,
    frames: int,
    size: int,
    photons: Sequence[float],
    data: Sequence[Path] = (),
    careamics: Path | None = None,
    epochs: int = EPOCHS,
    recipes: Sequence[str] = RECIPES,
    steps: int,
    seed: int = 0,
) -> Table:
    """The table, on the panning phantom at each of the `photons` per pixel, and on the sequences at `data` as they are.

    `recipes` are ours, or denoisers by name. Raises ValueError for a name that is neither, where `data` holds no
    sequence, and where `careamics` is no interpreter.
    """
    given: list[Callable[[], cases.Case]] = [
        partial(cases.exposed, frames=frames, size=size, photons=count, pan=cases.PAN, seed=seed) for count in photons
    ]
    given += [partial(cases.untold, path, frames=frames, size=size) for path in cases.sequences(data)]
    others, missing = peers(careamics=careamics, epochs=epochs)
    ours = {name: called(name, steps=steps) for name in recipes}
    systems = {**BASE, **others, **{name: by(recipe, seed=seed) for name, recipe in ours.items()}}
    return Table(
        title="Regions and similarity, against peers",
        setting=f"{SETTING.format(side=SIDE, steps=steps, favour=FAVOUR)}.",
        columns=COLUMNS,
        seed=seed,
        rows=partial(_rows, given, systems, tuple(ours.values())),
        notes=missing,
    )


def flat_regions(picture: Frames) -> Regions:
    """The brightest and the darkest of the flattest squares of a `picture` (Y, X), as (rows, columns) each."""
    side = min(SIDE, min(picture.shape) // 2)
    places = [
        (slice(y, y + side), slice(x, x + side))
        for y in range(0, picture.shape[0] - side + 1, side)
        for x in range(0, picture.shape[1] - side + 1, side)
    ]
    places.sort(key=lambda at: float(picture[at].std()))
    flattest = places[: max(2, round(FLATTEST * len(places)))]
    flattest.sort(key=lambda at: float(picture[at].mean()))
    return flattest[-1], flattest[0]


def _rows(
    given: Sequence[Callable[[], cases.Case]],
    systems: Mapping[str, System],
    recipes: Sequence[Recipe],
    progress: Progress,
) -> Iterator[Row]:
    for recipe in recipes:
        warm(recipe)
    for index, make in enumerate(given):
        case, part = make(), portion(progress, index / len(given), (index + 1) / len(given))
        regions = flat_regions(case.noisy.mean(axis=0))
        for name, outcome in tried(case, systems, progress=part):
            measured = _measured(outcome.frames, regions)
            yield (case.name, name, *measured, *closeness(outcome, case), outcome.rate, outcome.note)


def _measured(frames: Frames, regions: Regions) -> tuple[float, float, float]:
    """SNR, CNR and Reblur, each the mean of the frames' own."""
    from napari_fluorodenoise.quality import cnr, reblur, snr

    bright, dark = regions
    each = [(snr(f[bright]), cnr(f[bright], background=f[dark]), reblur(f)) for f in frames]
    first, second, third = (float(values) for values in np.mean(each, axis=0))
    return first, second, third
