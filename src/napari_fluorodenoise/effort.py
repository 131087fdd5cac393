"""What a recipe will take on a sequence, in seconds and bytes, told by trying it on a small part."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import prod
from statistics import mean
from typing import TYPE_CHECKING

from napari_fluorodenoise.engine.progress import Enough, Progress, Training, silent
from napari_fluorodenoise.engine.room import PER_FRAME, fitting
from napari_fluorodenoise.stages import STAGES, name_of
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.stages.stabilize import Stabilize
from napari_fluorodenoise.video import Run

if TYPE_CHECKING:
    from napari_fluorodenoise.recipe import Recipe
    from napari_fluorodenoise.stages.stage import Stage
    from napari_fluorodenoise.video import Video

__all__ = ["Effort", "effort"]

FRAMES, SMALL, SIDE = 8, 96, 192
"""The parts that are tried, in frames and pixels: large enough for the crops of a training."""
LESSONS = 6
"""Steps of a training after which their time is known."""
BASE, TORCH, TRAINING = 0.15e9, 0.28e9, 0.17e9
"""Bytes that a process takes before it sees a frame, what torch and a network take beside, and what a training does."""
PER_PIXEL = {"wiener": 100, "fuse": 100, "best": 1140}
OTHERS = 390
"""Bytes per pixel of a frame that a worker takes beside what grows with its block's frames, by stage or denoiser."""
MEASURING, KEPT = 6, 5
"""Bytes per pixel that measuring the noise takes, and what of them the process does not give back."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """`seconds` on this machine as busy as it is now, and the `memory` at the peak, in bytes, results not counted."""

    seconds: float
    memory: float

    def lacking(self, free: float) -> str | None:
        """A sentence that says so where the memory is more than the bytes that are `free`."""
        if self.memory <= free:
            return None
        return f"it takes {_gigabytes(self.memory)} of memory, and {_gigabytes(free)} are free: close programs, or crop"

    def __str__(self) -> str:
        return f"about {self.seconds:.0f} s, {_gigabytes(self.memory)} of memory"


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB"


def effort(recipe: Recipe, run: Run, *, progress: Progress = silent) -> Effort:
    """What `recipe` will take on the frames of `run`, whose detector is known; a second or two to tell.

    A few frames of the middle are denoised at two sizes, and a training is ended after a few steps. Time is taken to be
    a line over the pixels, that of recorrupting frames to go with those recorrupted, that of a training with its steps.
    It may end earlier, when its held-out loss no longer falls. A first try loads what is imported and is not counted.
    `progress` may raise `Cancelled`.
    """
    from napari_fluorodenoise.denoisers.excerpts import learned_from

    recipe, video = _of_any_length(recipe), run.video("frames")
    small, large = _middle(run, SMALL), _middle(run, SIDE)
    _, few, many = (_tried(recipe, part, progress) for part in (small, small, large))
    shapes = small.video("frames").shape, large.video("frames").shape
    points = [(prod(shape), clock.other) for shape, clock in zip(shapes, (few, many), strict=True)]
    seconds = _on_the_line(*points, at=prod(video.shape)) + many.training(recipe)
    seconds += many.recorrupting * learned_from(video.shape) / learned_from(shapes[1])
    return Effort(seconds=seconds, memory=_memory(recipe, video))


def _tried(recipe: Recipe, part: Run, progress: Progress) -> _Clock:
    """The clock that timed `recipe` on `part`."""
    clock = _Clock(progress)
    recipe.run(part, progress=clock)
    clock.stop()
    return clock


def _on_the_line(small: tuple[int, float], large: tuple[int, float], *, at: int) -> float:
    """The seconds `at` so many pixels, on the line through two (pixels, seconds); through 0 where they are one."""
    if large[0] == small[0]:
        return large[1] * at / large[0]
    slope = max((large[1] - small[1]) / (large[0] - small[0]), 0.0)
    return max(large[1] + slope * (at - large[0]), 0.0)


class _Clock:
    """A progress call that takes the time, that of training and recorrupting apart; it ends every training soon."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._began = self._seen = time.perf_counter()
        self._message, self._step = "", 0
        self._steps: list[float] = []
        self._first = self._whole = self.recorrupting = 0.0
        self._trainings = 0

    def __call__(self, fraction: float, message: str, training: Training | None = None) -> None:
        from napari_fluorodenoise.denoisers.excerpts import RECORRUPTING

        self._progress(fraction, message)
        before, self._seen = self._seen, time.perf_counter()
        spent = self._seen - before
        if RECORRUPTING in message and RECORRUPTING in self._message:
            self.recorrupting += spent
        self._message = message
        if training is not None:
            self._learn(training.step, spent)

    def _learn(self, step: int, spent: float) -> None:
        if step > self._step > 0:
            self._steps.append(spent / (step - self._step))
        else:
            self._trainings, self._first = self._trainings + 1, spent
        self._step = step
        if step >= LESSONS:
            raise Enough

    def stop(self) -> None:
        """Take the time of the whole."""
        self._whole = time.perf_counter() - self._began

    @property
    def other(self) -> float:
        """Seconds spent on anything but recorrupting and steps of training."""
        return max(self._whole - self.recorrupting - sum(self._steps) * LESSONS / max(LESSONS - 1, 1), 0.0)

    def training(self, recipe: Recipe) -> float:
        """Seconds that the trainings of `recipe` take at the most."""
        if not self._trainings:
            return 0.0
        step = mean(self._steps) if self._steps else self._first  # some of them with a held-out loss, as in the whole
        asked = next(stage for stage in recipe.stages if isinstance(stage, Denoise) and stage.trains)
        whole = step * asked.training_steps
        return self._trainings * (whole if asked.budget is None else min(whole, asked.budget))


def _of_any_length(recipe: Recipe) -> Recipe:
    """`recipe` without a table of offsets, which is for all frames."""
    stages = tuple(replace(stage, table=None) if isinstance(stage, Stabilize) else stage for stage in recipe.stages)
    return replace(recipe, stages=stages)


def _middle(run: Run, side: int) -> Run:
    """A few frames of the middle of the sequence, of at most `side`² pixels, in memory, and their detector."""
    video, detector = run.video("frames"), run.detector
    t, y, x = (
        slice(max((n - m) // 2, 0), max((n - m) // 2, 0) + m)
        for n, m in zip(video.shape, (FRAMES, side, side), strict=True)
    )
    part = video.crop(frames=t, rows=y, columns=x)
    known = None if detector is None else detector.cropped(rows=y, columns=x)
    return Run({"frames": part.with_data(part.numpy())}, detector=known)


def _memory(recipe: Recipe, video: Video) -> float:
    """Bytes at the peak: of measuring the noise, or of the blocks in the hungriest stage; and of what trains."""
    from napari_fluorodenoise.physics.differences import GROUP, PIXELS

    place = fitting(video.shape[1:])
    pixels = video.shape[1] * video.shape[2]
    hungriest = max(PER_PIXEL.get(_kind(stage), OTHERS) for stage in recipe.stages)
    torch = any(_kind(stage) not in ("wiener", *STAGES) for stage in recipe.stages)
    blocks = place.workers * pixels * (hungriest + PER_FRAME * place.frames)
    read = min(prod(video.shape), max(PIXELS, GROUP * pixels))
    network = (TORCH if torch else 0.0) + (TRAINING if recipe.trains else 0.0)
    return BASE + max(MEASURING * read, KEPT * read + network + blocks)


def _kind(stage: Stage) -> str:
    return stage.denoiser if isinstance(stage, Denoise) else name_of(stage)
