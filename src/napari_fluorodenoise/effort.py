"""What a recipe will take on a sequence, in seconds and bytes, told by trying it on a small part."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_fluorodenoise.engine.progress import Enough, Progress, Training, silent
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
BASE, TORCH = 0.18e9, 0.45e9
"""Bytes that a process takes before it sees a frame, and what torch and its batches take beside."""
PER_PIXEL = {"wiener": 820, "fuse": 820, "best": 2750}
OTHERS = 1250
"""Bytes per pixel of a frame, by stage or denoiser: peaks at 256², 512² and 1024² with two workers."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """`seconds` on this machine as busy as it is now, and the `memory` at the peak, in bytes, results not counted."""

    seconds: float
    memory: float


def effort(recipe: Recipe, run: Run, *, progress: Progress = silent) -> Effort:
    """What `recipe` will take on the frames of `run`, whose detector is known; a second or two to tell.

    A few frames of the middle are denoised at two sizes, and a training is ended after a few steps. Time is taken to be
    a line over the pixels, that of a training to grow with its steps. It may end earlier, when its held-out loss no
    longer falls. A first try loads what is imported and is not counted. `progress` may raise `Cancelled`.
    """
    recipe, video = _of_any_length(recipe), run.video("frames")
    small, large = _middle(run, SMALL), _middle(run, SIDE)
    _, few, many = (_tried(recipe, part, progress) for part in (small, small, large))
    points = [(part.video("frames").data.size, clock.other) for part, clock in ((small, few), (large, many))]
    seconds = _on_the_line(*points, at=video.data.size) + many.training(recipe)
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
    """A progress call that takes the time, that of training apart, and ends every training after a few steps."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._began = time.perf_counter()
        self._seen = self._began
        self._last: tuple[int, float] | None = None
        self.first = 0.0
        self.steps: list[float] = []
        self.trainings = 0

    def __call__(self, fraction: float, message: str, training: Training | None = None) -> None:
        self._progress(fraction, message)
        before, self._seen = self._seen, time.perf_counter()
        if training is None:
            return
        now = self._seen
        if self._last is not None and training.step > self._last[0]:
            self.steps.append((now - self._last[1]) / (training.step - self._last[0]))
        else:
            self.trainings, self.first = self.trainings + 1, now - before
        self._last = training.step, now
        if training.step >= LESSONS:
            raise Enough

    def stop(self) -> None:
        """Take the time of the whole."""
        self._whole = time.perf_counter() - self._began

    @property
    def other(self) -> float:
        """Seconds spent on anything but steps of training."""
        return max(self._whole - sum(self.steps) * LESSONS / max(LESSONS - 1, 1), 0.0)

    def training(self, recipe: Recipe) -> float:
        """Seconds that the trainings of `recipe` take at the most."""
        if not self.trainings:
            return 0.0
        step = sorted(self.steps)[len(self.steps) // 2] if self.steps else self.first
        asked = next(stage for stage in recipe.stages if isinstance(stage, Denoise) and stage.trains)
        whole = step * asked.training_steps
        return self.trainings * (whole if asked.budget is None else min(whole, asked.budget))


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
    """Bytes at the peak: those of a frame's pixels in the hungriest stage, and of what trains."""
    pixels = video.shape[1] * video.shape[2]
    hungriest = max(PER_PIXEL.get(_kind(stage), OTHERS) for stage in recipe.stages)
    torch = any(_kind(stage) not in ("wiener", *STAGES) for stage in recipe.stages)
    return BASE + (TORCH if torch else 0.0) + hungriest * pixels


def _kind(stage: Stage) -> str:
    return stage.denoiser if isinstance(stage, Denoise) else name_of(stage)
