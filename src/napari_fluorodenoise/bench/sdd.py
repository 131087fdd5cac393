"""What Stabilize and Decompose add to a denoiser: the ablation of doi 10.1007/978-3-031-16452-1_2, tables 1 and 2.

A sequence that is taken as clean, in [0, 1], gets additive white Gaussian noise of a known variance; it is not clipped,
so some values leave [0, 1]. What each system makes of it is compared with the clean sequence over a range of 1: the
noisy input itself has -10 log10(variance) dB. Real clips are used where paths to them are given.

A system "Stabilize and the denoiser" is missing on purpose: the denoiser follows the motion from frame to frame by
itself and reads no offsets, so it would be the denoiser alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.bench import cases
from napari_fluorodenoise.bench.result import Column, Row, Table
from napari_fluorodenoise.bench.systems import BASE, System, by, called, closeness, tried, warm
from napari_fluorodenoise.denoisers.schemes import INDEPENDENT
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.stages.stabilize import Stabilize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.bench.systems import Outcome

__all__ = ["COLUMNS", "DENOISERS", "sdd"]

DENOISERS = {"wiener": "fast", **{name: name for name in INDEPENDENT}}
"""The denoisers that can run inside the stages, and their titles: a background's frames share their noise."""
BEST = "best"
COLUMNS = (
    Column("case"),
    Column("variance", "g"),
    Column("system"),
    Column("PSNR dB", ".2f"),
    Column("over alone, dB", "+.2f"),
    Column("SSIM", ".3f"),
    Column("entropy of background, bits", ".2f"),
    Column("of result", ".2f"),
    Column("frames/s", ".1f"),
)
SETTING = (
    "White Gaussian noise on values in [0, 1], not clipped; PSNR and SSIM over a range of 1; entropy over 256 levels, "
    "mean of the frames. Split: a denoiser of background and foreground, as published; recipe sdd denoises the whole "
    "frames as well and weighs the two. A network trains on each sequence anew, for {steps} steps"
)


def sdd(
    scenes: Sequence[cases.Scene],
    *,
    variances: Sequence[float],
    denoisers: Sequence[str] = (*DENOISERS, BEST),
    steps: int,
    seed: int = 0,
) -> Table:
    """The table: each of the `denoisers` alone and inside the stages, without and with Stabilize; `best` as it is.

    Raises ValueError for a denoiser that cannot denoise a background.
    """
    known = (*DENOISERS, BEST)
    for name in denoisers:
        if name not in known:
            raise ValueError(f"expected denoisers that can run in the stages ({', '.join(known)}), found {name!r}")
    recipes = [recipe for name in denoisers for recipe in _recipes(name, steps)]
    return Table(
        title="What Stabilize and Decompose add to a denoiser",
        setting=f"{SETTING.format(steps=steps)}.",
        columns=COLUMNS,
        seed=seed,
        rows=partial(_rows, scenes, variances, recipes, seed),
    )


@dataclass(frozen=True)
class _Tried:
    """A `recipe` under a title; `beyond` is the title of the same denoiser alone, where it is more than that."""

    title: str
    recipe: Recipe
    beyond: str | None = None


def _recipes(denoiser: str, steps: int) -> Iterator[_Tried]:
    """The denoiser alone, in the stages as published, less Stabilize and all, and in recipe `sdd`; `best` as it is."""
    if denoiser == BEST:
        yield _Tried(BEST, called(BEST, steps=steps))
        return
    own = (f"denoise.denoiser={denoiser}", f"denoise.training_steps={steps}")
    full, title = Recipe.named("sdd").set(*own), DENOISERS[denoiser]
    split = tuple(s for s in full.stages if not (isinstance(s, Denoise) and s.of == ("frames",)))
    unstable = tuple(s for s in split if not isinstance(s, Stabilize))
    alone = f"{title} alone"
    yield _Tried(alone, Recipe.named("fast").set(*own))
    yield _Tried(f"{title}, split, without Stabilize", replace(full, stages=unstable), alone)
    yield _Tried(f"{title}, split", replace(full, stages=split), alone)
    yield _Tried(f"{title}, recipe sdd", full, alone)


def _rows(
    scenes: Sequence[cases.Scene], variances: Sequence[float], recipes: Sequence[_Tried], seed: int, progress: Progress
) -> Iterator[Row]:
    for recipe in (Recipe.named("sdd"), *(one.recipe for one in recipes if one.beyond is None)):
        warm(recipe)
    systems: Mapping[str, System] = {**BASE, **{one.title: by(one.recipe) for one in recipes}}
    beyond = {one.title: one.beyond for one in recipes}
    total = len(scenes) * len(variances)
    for index, scene in enumerate(scenes):
        clean = scene.clean()
        for number, variance in enumerate(variances, start=index * len(variances)):
            case = cases.gaussian(scene.name, clean, variance=variance, seed=seed)
            psnr: dict[str, float] = {}
            part = portion(progress, number / total, (number + 1) / total)
            for name, outcome in tried(case, systems, progress=part):
                row, psnr[name] = _row(case, variance, name, outcome, psnr.get(beyond.get(name) or ""))
                yield row


def _row(case: cases.Case, variance: float, name: str, outcome: Outcome, alone: float | None) -> tuple[Row, float]:
    psnr, ssim = closeness(outcome, case)
    assert psnr is not None
    more = None if alone is None else psnr - alone
    background = None if outcome.background is None else _entropy(outcome.background)
    return (case.name, variance, name, psnr, more, ssim, background, _entropy(outcome.frames), outcome.rate), psnr


def _entropy(frames: NDArray[np.float32]) -> float:
    """The mean entropy of a frame's grey levels, 256 from 0 to 1."""
    from napari_fluorodenoise.quality import entropy

    return float(np.mean([entropy(frame, limits=(0.0, 1.0)) for frame in frames]))
