"""Lower dose simulated on sequences that were processed for display, and the public protocol's table on them.

What a display shows is taken as linear intensity under a gamma, and linear intensity as counts of `peak` at the most:

    counts = Poisson(peak * dose * shown ** GAMMA) + N(0, (read * peak)²)
    shown' = (counts / (peak * dose)) ** (1 / GAMMA)

clipped to [0, 1] and rounded to 8 bits, as the code published with FDK-OPT+R has it. The sequence that was shown is the
truth, although it holds noise of its own, and whatever its vendor did to it: scores rank, and do not bound. Read noise
does not fall with the dose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.bench.cases import Case, Scene
from napari_fluorodenoise.bench.result import Column, Row, Table
from napari_fluorodenoise.bench.systems import BASE, System, by, tried, warm
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frames = NDArray[np.float32]

__all__ = ["COLUMNS", "DisplayNoise", "low_dose", "lowered", "patch_noise"]

GAMMA, LEVELS = 2.2, 255
PATCH, FLATTEST, PATCHES = 8, 0.3, 8192
"""Pixels along a patch, and the share and number of patches that the noise is told by."""
COLUMNS = (
    Column("sequence"),
    Column("system"),
    Column("PSNR dB", ".2f"),
    Column("SSIM", ".4f"),
    Column("over the seeds, dB", ".2f"),
    Column("frames/s", ".1f"),
)
SETTING = (
    "Dose x {dose:g}; {noise}; PSNR and SSIM (Gaussian window, sigma 1.5) over a range of 1, of results clipped to "
    "[0, 1], mean of the frames and of {seeds} seeds; the spread is the standard deviation between seeds; a network "
    "trains on each sequence anew, for {steps} steps"
)


@dataclass(frozen=True)
class DisplayNoise:
    """The noise of a sequence for display: `peak` counts at its brightest, and `read` noise in parts of the peak."""

    peak: float
    read: float


def lowered(frames: Frames, *, dose: float, noise: DisplayNoise, rng: np.random.Generator) -> Frames:
    """`frames` (T, Y, X) in [0, 1] as they would be shown, (T, Y, X) float32 in 256 levels, at a part `dose` of theirs.

    Raises ValueError for a dose or a peak that is not above 0.
    """
    if not (dose > 0 and noise.peak > 0 and noise.read >= 0):
        raise ValueError(f"expected a dose and a peak above 0 and read noise of at least 0, found {dose:g} and {noise}")
    whole = noise.peak * dose
    counts = rng.poisson(whole * np.clip(frames, 0, 1).astype(np.float64) ** GAMMA)
    linear = (counts + rng.normal(0, noise.read * noise.peak, frames.shape)) / whole
    return np.asarray(np.rint(np.clip(linear, 0, 1) ** (1 / GAMMA) * LEVELS) / LEVELS, np.float32)


def patch_noise(frames: Frames, *, rng: np.random.Generator) -> DisplayNoise:
    """The noise of `frames` (T, Y, X) in [0, 1], as the protocol tells it: variance against mean of flat patches.

    A line through the 30 % of patches with the least variance, which are those that happened to have least: it reads
    low. Kept for the protocol's sake; `physics.measure` takes differences of frames. Raises ValueError for too few
    patches.
    """
    linear = np.clip(frames, 0, 1).astype(np.float64) ** GAMMA
    count, rows, columns = (n // m for n, m in zip(linear.shape, (1, PATCH, PATCH), strict=True))
    cut = linear[:, : rows * PATCH, : columns * PATCH].reshape(count, rows, PATCH, columns, PATCH)
    means, variances = cut.mean((2, 4)).ravel(), cut.var((2, 4)).ravel()
    some = rng.permutation(len(means))[:PATCHES]
    means, variances = means[some], variances[some]
    flat = variances <= np.quantile(variances, FLATTEST) if len(variances) else variances > 0
    if flat.sum() < PATCH:
        raise ValueError(
            f"expected at least {PATCH} flat patches of {PATCH}² px, found {flat.sum()}; take larger frames"
        )
    slope, offset = np.polyfit(means[flat], variances[flat], 1)
    return DisplayNoise(peak=1 / max(float(slope), 1e-12), read=max(float(offset), 0.0) ** 0.5)


def low_dose(
    scenes: Sequence[Scene], *, dose: float = 0.5, noise: DisplayNoise | None = None, seeds: int = 5, steps: int
) -> Table:
    """The protocol's table on `scenes`; without `noise` it is told from patches of each of them."""
    recipes = {
        "fast": Recipe.named("fast"),
        "best": Recipe.named("best").set(f"denoise.training_steps={steps}"),
    }
    told = f"{noise.peak:g} counts and {noise.read:g} read noise" if noise else "noise told from flat patches"
    return Table(
        title="Lower dose, on sequences for display",
        setting=f"{SETTING.format(dose=dose, noise=told, seeds=seeds, steps=steps)}.",
        columns=COLUMNS,
        seed=0,
        rows=partial(_rows, scenes, recipes, dose, noise, seeds),
    )


def _rows(
    scenes: Sequence[Scene],
    recipes: Mapping[str, Recipe],
    dose: float,
    noise: DisplayNoise | None,
    seeds: int,
    progress: Progress,
) -> Iterator[Row]:
    for recipe in recipes.values():
        warm(recipe)
    systems: dict[str, System] = {**BASE, **{name: by(recipe) for name, recipe in recipes.items()}}
    for index, scene in enumerate(scenes):
        clean = scene.clean()
        known = noise or patch_noise(clean, rng=np.random.default_rng(0))
        found: dict[str, list[tuple[float, float, float | None]]] = {name: [] for name in systems}
        for seed in range(seeds):
            done = index + seed / seeds
            part = portion(progress, done / len(scenes), (done + 1 / seeds) / len(scenes))
            case = _case(scene.name, clean, lowered(clean, dose=dose, noise=known, rng=np.random.default_rng(seed)))
            for name, outcome in tried(case, systems, progress=part):
                found[name].append((*_closeness(outcome.frames, clean), outcome.rate))
        yield from (_row(scene.name, name, values) for name, values in found.items())


def _case(name: str, clean: Frames, noisy: Frames) -> Case:
    """A case; nobody is told its noise, for no line describes it after gamma, clipping and rounding."""
    return Case(name=name, noisy=noisy, clean=clean, span=1.0, read_variance=0.0, response=np.ones((1, 1)))


def _closeness(frames: Frames, clean: Frames) -> tuple[float, float]:
    """PSNR and SSIM, each the mean of the frames' own."""
    from napari_fluorodenoise.quality import scores

    held = np.clip(frames, 0, 1)
    each = [scores(a[None], truth=b[None], data_range=1.0) for a, b in zip(held, clean, strict=True)]
    psnr, ssim = (float(values) for values in np.mean(each, axis=0))
    return psnr, ssim


def _row(scene: str, name: str, values: Sequence[tuple[float, float, float | None]]) -> Row:
    psnr, ssim, rates = zip(*values, strict=True)
    rate = None if rates[0] is None else float(np.mean(rates))
    spread = float(np.std(psnr, ddof=1)) if len(psnr) > 1 else None
    return (scene, name, float(np.mean(psnr)), float(np.mean(ssim)), spread, rate)
