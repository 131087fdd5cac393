"""What a table tries on a case, by name: the two rows that no table goes without, and recipes.

A system is a callable from a case and a progress call to an `Outcome`. It may look at the case's noise and truth only
where its name or its table says so; recipes are given the noisy frames and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_fluorodenoise.denoisers.schemes import INDEPENDENT
from napari_fluorodenoise.engine.progress import Progress, Training, portion, silent
from napari_fluorodenoise.quality.comparison import mean_of_five
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.video import Run, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.bench.cases import Case

__all__ = [
    "BASE",
    "INPUT",
    "MEAN",
    "Outcome",
    "System",
    "by",
    "called",
    "closeness",
    "tried",
    "warm",
]

INPUT, MEAN = "noisy input", "5-frame mean"


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What a system made of a case: `frames` (T, Y, X), in the case's units, in `seconds`; None where nothing ran.

    `background` is the denoised background, where the system has one; `note` says with what strength.
    """

    frames: NDArray[np.float32]
    seconds: float | None = None
    background: NDArray[np.float32] | None = None
    note: str = ""

    @property
    def rate(self) -> float | None:
        """Frames per second."""
        return None if self.seconds is None else len(self.frames) / self.seconds


System: TypeAlias = "Callable[[Case, Progress], Outcome]"


def called(name: str, *, steps: int) -> Recipe:
    """The recipe of that `name`, or `fast` with the denoiser of that name; what trains does so for `steps` steps.

    Raises ValueError that lists the recipes and the denoisers.
    """
    own = () if name in Recipe.names() else (f"denoise.denoiser={name}",)
    if own and name not in INDEPENDENT:
        known = ", ".join((*Recipe.names(), *INDEPENDENT))
        raise ValueError(f"expected a recipe or a denoiser ({known}), found {name!r}")
    recipe = Recipe.named("fast" if own else name).set(*own)
    return recipe.set(f"denoise.training_steps={steps}") if recipe.trains else recipe


def by(recipe: Recipe, *, seed: int = 0) -> System:
    """The system that runs `recipe` on the noisy frames."""
    return partial(_by, recipe, seed)


def tried(case: Case, systems: Mapping[str, System], *, progress: Progress = silent) -> Iterator[tuple[str, Outcome]]:
    """What each of the `systems` makes of `case`, by name, as soon as it is known; timed where it took time."""
    for index, (name, system) in enumerate(systems.items()):
        part = portion(progress, index / len(systems), (index + 1) / len(systems))
        start = time.perf_counter()
        outcome = system(case, _titled(part, f"{case.name}: {name}"))
        seconds = time.perf_counter() - start
        part(1.0, f"{case.name}: {name}")
        known = name == INPUT or outcome.seconds is not None
        yield name, outcome if known else replace(outcome, seconds=seconds)


def closeness(outcome: Outcome, case: Case) -> tuple[float | None, float | None]:
    """PSNR in dB and the mean SSIM of `outcome` against the truth of `case`, over its span; None without a truth."""
    if case.clean is None:
        return None, None
    from napari_fluorodenoise.quality import scores

    return scores(outcome.frames, truth=case.clean, data_range=case.span)


def warm(recipe: Recipe) -> None:
    """Run `recipe` on a little noise: what is imported late is no part of a rate."""
    short = tuple(replace(s, training_steps=1, turns=1) if isinstance(s, Denoise) else s for s in recipe.stages)
    some = np.random.default_rng(0).normal(0.5, 0.05, (6, 64, 64)).astype(np.float32)
    replace(recipe, stages=short).run(Video(data=some))


def _input(case: Case, progress: Progress) -> Outcome:
    return Outcome(frames=case.noisy)


def _mean(case: Case, progress: Progress) -> Outcome:
    return Outcome(frames=mean_of_five(case.noisy))


def _by(recipe: Recipe, seed: int, case: Case, progress: Progress) -> Outcome:
    run = recipe.run(Run.of(Video(data=case.noisy)), progress=progress, rng=np.random.default_rng(seed))
    frames = run.video(recipe.result(Video(data=case.noisy))).numpy()
    background = run.video("background_denoised").numpy() if "background_denoised" in run else None
    return Outcome(frames=frames, background=background)


def _titled(progress: Progress, title: str) -> Progress:
    """Progress whose messages are `title`: what runs inside says too much for one line."""

    def titled(fraction: float, message: str, training: Training | None = None) -> None:
        progress(fraction, title, training)

    return titled


BASE: Mapping[str, System] = {INPUT: _input, MEAN: _mean}
"""The two rows that every table begins with."""
