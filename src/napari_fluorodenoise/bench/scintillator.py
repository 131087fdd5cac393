"""Noise2Self on correlated, decorrelated and uncorrelated noise: the comparison of doi 10.1088/1361-6501/addc06.

One still scene, exposed again and again, with quantum noise and a 7 x 7 point response that is measured, not told.
All results are held against the truth as the detector blurs it; what was decorrelated, and the same quanta that were
never blurred, are blurred by the true response first. Same network, steps and seed. Two numbers say what neighbours
have to do with each other, over the 7 x 7 pixels around a pixel i, the mean over the pixels:

    neighbours' correlation    sum over j != i of Cov(y_i, y_j) / (sd(y_i) sd(y_j))         of what the network sees
    dependency                 p_i = sum over j of Cov(f(y)_i, y_j) / (sd(y_i) sd(y_j))     of what it makes of it

A still scene is the easiest there is for a mean over time: its row is no rival for moving ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.bench import cases
from napari_fluorodenoise.bench.result import Column, Row, Table
from napari_fluorodenoise.bench.systems import BASE, Outcome, by, closeness, tried, warm
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages.decorrelate import Decorrelate
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.video import Run, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.bench.systems import System

    Frames = NDArray[np.float32]

__all__ = ["COLUMNS", "dependency", "response", "scintillator"]

NEAR = 3
"""Reach of the neighbourhood and of the point response, in pixels."""
COLUMNS = (
    Column("noise"),
    Column("system"),
    Column("neighbours' correlation", ".2f"),
    Column("dependency", ".2f"),
    Column("PSNR dB", ".2f"),
    Column("SSIM", ".3f"),
    Column("frames/s", ".2f"),
)
SETTING = (
    "One still scene, {frames} exposures of {size}², {photons:g} photons per pixel on average; against the truth that "
    "the detector blurs, over its range; Noise2Self with {steps} steps of training"
)


def scintillator(*, frames: int, size: int, photons: float, steps: int, seed: int = 0) -> Table:
    """The table: Noise2Self on three kinds of noise, and what recipe `scintillator` makes of the exposures."""
    return Table(
        title="Noise2Self with and without the inverse of the detector's blur",
        setting=f"{SETTING.format(frames=frames, size=size, photons=photons, steps=steps)}.",
        columns=COLUMNS,
        seed=seed,
        rows=partial(_rows, frames, size, photons, steps, seed),
    )


def response() -> NDArray[np.float64]:
    """A point response (7, 7), sum 1: a narrow core and a broader foot."""
    squared = np.add.outer(np.arange(-NEAR, NEAR + 1) ** 2, np.arange(-NEAR, NEAR + 1) ** 2)
    kernel = 0.75 * np.exp(-squared / (2 * 0.55**2)) / 1.9 + 0.25 * np.exp(-squared / (2 * 1.2**2)) / 9.0
    return np.asarray(kernel / kernel.sum())


def dependency(results: Frames, frames: Frames) -> float:
    """The mean of p over the pixels, from results and frames (T, Y, X) of one still scene; 1 + correlations for both.

    A pixel that never changes is left out.
    """
    results, noise = (values - values.mean(axis=0) for values in (results, frames))
    deviation = noise.std(axis=0)
    inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    noise, results = noise * inverse, results * inverse
    inner = (slice(None), slice(NEAR, -NEAR), slice(NEAR, -NEAR))
    near = [(-y, -x) for y in range(-NEAR, NEAR + 1) for x in range(-NEAR, NEAR + 1)]
    return float(sum((results * np.roll(noise, step, (1, 2)))[inner].mean(dtype=np.float64) for step in near))


@dataclass(frozen=True, eq=False)
class _Kind:
    """One kind of noise: the frames that a network sees, and the systems; `sharp` where they never met the detector."""

    title: str
    case: cases.Case
    systems: dict[str, System]
    sharp: bool = False


def _rows(frames: int, size: int, photons: float, steps: int, seed: int, progress: Progress) -> Iterator[Row]:
    kinds = _kinds(frames, size, photons, steps, seed)
    for index, kind in enumerate(kinds):
        part = portion(progress, index / len(kinds), (index + 1) / len(kinds))
        correlation = dependency(kind.case.noisy, kind.case.noisy) - 1
        for name, outcome in tried(kind.case, kind.systems, progress=part):
            seen = replace(outcome, frames=_blurred(outcome.frames)) if kind.sharp else outcome
            p = dependency(outcome.frames, kind.case.noisy)
            yield (kind.title, name, correlation, p, *closeness(seen, kind.case), outcome.rate)


def _kinds(frames: int, size: int, photons: float, steps: int, seed: int) -> list[_Kind]:
    truth, quanta = _quanta(frames, size, photons, seed)
    raw = _case("correlated", _blurred(quanta), truth)
    began = time.perf_counter()
    run = Decorrelate()(Run.of(Video(data=raw.noisy)))
    decorrelating = time.perf_counter() - began
    sharpened = _case("decorrelated", run.video("frames_decorrelated").numpy(), truth)
    white = _case("uncorrelated", quanta, truth)
    alone = Recipe(name="noise2self", stages=(_learning("frames", steps), *Recipe.named("fast").stages[1:]))
    warm(alone)
    whole = Recipe.named("scintillator").set(f"denoise.training_steps={steps}")
    learned = {"Noise2Self": by(alone, seed=seed)}
    within: dict[str, System] = {**BASE, **learned, "recipe scintillator": by(whole, seed=seed)}
    return [
        _Kind("correlated, as detected", raw, within),
        _Kind(
            "decorrelated",
            sharpened,
            {**BASE, "Noise2Self": partial(_of_decorrelated, run, decorrelating, steps, seed)},
            sharp=True,
        ),
        _Kind("uncorrelated, simulated", white, {**BASE, **learned}, sharp=True),
    ]


def _of_decorrelated(run: Run, before: float, steps: int, seed: int, case: cases.Case, progress: Progress) -> Outcome:
    """What Noise2Self makes of the decorrelated frames of `run`, which took `before` s and knows what was inverted."""
    stage, began = _learning("frames_decorrelated", steps), time.perf_counter()
    done = stage(run, progress=progress, rng=np.random.default_rng(seed))
    frames = done.video("frames_decorrelated_denoised").numpy()
    return Outcome(frames=frames, seconds=before + time.perf_counter() - began)


def _learning(of: str, steps: int) -> Denoise:
    return Denoise(of=(of,), denoiser="noise2self", training_steps=steps)


def _quanta(frames: int, size: int, photons: float, seed: int) -> tuple[Frames, Frames]:
    """The sharp truth (Y, X) in quanta, and its exposures (T, Y, X) before the detector's blur."""
    (still,) = cases.phantoms(frames=2, size=size, seed=seed, pans=(0.0,))
    scene = still.clean()[0].astype(np.float64)
    truth = scene * photons / scene.mean()
    quanta = np.random.default_rng(seed).poisson(truth, (frames, *truth.shape))
    return truth.astype(np.float32), quanta.astype(np.float32)


def _case(name: str, noisy: Frames, truth: Frames) -> cases.Case:
    soft = np.repeat(_blurred(truth[None]), len(noisy), axis=0)
    span = float(np.ptp(soft))
    return cases.Case(name=name, noisy=noisy, clean=soft, span=span, slope=1.0, read_variance=0.0, response=response())


def _blurred(frames: Frames) -> Frames:
    """Frames (T, Y, X) behind the point response."""
    from napari_fluorodenoise.physics.chain.scintillator import blurred

    return np.stack([blurred(frame, response()) for frame in frames])
