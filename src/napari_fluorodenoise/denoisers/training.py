"""A network trained for so many steps or seconds; the state is kept that was best on held-out data. Needs torch.

One loop for all schemes and networks: AdamW on one cycle of the rate, clipped gradients, and a running mean of the
weights, which is what is judged and kept. On a CPU the same seed gives the same weights; where seconds end the
training, the same `Schedule` does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from math import cos, inf, isfinite, pi
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from napari_fluorodenoise.denoisers.schedule import PARTS, Schedule, thousandths
from napari_fluorodenoise.engine.progress import Enough, Progress, Training, checkpoint, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Look", "Trained", "chosen", "device_of", "laid_out", "record", "train"]

Net = TypeVar("Net", bound=nn.Module)
Look: TypeAlias = "Callable[[Net, int], NDArray[np.float32]]"
"""From a network and the number of a frame to that frame (Y, X) as the network shows it."""

RATE = 1.5e-3
"""The largest of the cycle's rates; it begins at 1/25 of it, and falls to almost nothing."""
RISE = 0.2
"""Share of the cycle in which the rate rises."""
MOMENTUM = (0.85, 0.95)
"""Of the gradient's running mean: the least where the rate is largest (L. N. Smith, arXiv 1803.09820)."""
STEEPEST = 1.0
"""Norm to which a gradient is clipped: a batch of few hidden pixels can throw a network without normalisation off."""
CHECKS = 20
"""Times that the held-out loss is asked for, at the most."""
PATIENCE = 8
"""Checks without a new least held-out loss after which training ends."""
JUDGING = 0.15
"""Share of the time that judging may take where seconds count: then it is done less often."""
MEMORY = 0.98
"""Of the running mean of the weights: it errs less than any single step."""
READ = 10
"""Steps between two readings of the loss on an accelerator, which waits for each."""


@dataclass(frozen=True, eq=False)
class Trained(Generic[Net]):
    """A network at the `step` where its held-out loss was least.

    `losses` are (step, mean training loss since the check before, held-out loss); `schedule` says how to do it again.
    """

    net: Net
    step: int
    losses: tuple[tuple[int, float, float], ...]
    seconds: float
    schedule: Schedule


def record(*trainings: Trained[Any]) -> dict[str, Any]:
    """How `trainings` that led to one network went, fit for JSON: step and losses are the last one's."""
    last = trainings[-1]
    return {
        "step": last.step,
        "seconds": sum(found.seconds for found in trainings),
        "losses": [list(loss) for loss in last.losses],
        "schedules": [asdict(found.schedule) for found in trainings],
    }


def train(
    net: Net,
    *,
    loss: Callable[[Net], Tensor],
    judge: Callable[[Net], float],
    steps: int,
    budget: float | None = None,
    patience: int | None = PATIENCE,
    rate: float = RATE,
    schedule: Schedule | None = None,
    device: str = "auto",
    seed: int = 0,
    look: Look[Net] | None = None,
    progress: Progress = silent,
) -> Trained[Net]:
    """A copy of `net` trained down `loss`, a batch a step; kept where `judge`, the held-out loss, was last least.

    It ends after `steps` steps, after `budget` seconds, when the held-out loss has not fallen for `patience` checks, or
    as the `schedule` of an earlier training has it. The rate falls to its end in whatever comes first of steps and
    seconds. `loss` and `judge` find the device by `device_of`; torch's own randomness in them follows `seed`, and the
    global one is left alone. `progress` hears of every step, may `look` at frames after every check, and may raise
    `Cancelled`, or `Enough`: then this was the last step. On CUDA layers compute in float16: bfloat16 would round
    intensities of 60 to a quarter of the noise.
    """
    if steps < 1 or (budget is not None and not budget > 0):
        raise ValueError(f"expected at least a step and some seconds, found {steps} and {budget}; give more")
    at = chosen(device)
    with torch.random.fork_rng(devices=[at] if at.type == "cuda" else []):
        torch.manual_seed(seed)
        slopes = _Slopes(net, at, rate=rate)
        course = _Course(slopes.mean, judge, _Clock(steps, budget, patience, schedule))
        while course.goes_on:
            part = course.begin()
            course.note(slopes.descend(loss, fraction=part / PARTS))
            told = course.told(look)
            try:
                progress(course.fraction, course.message, told)
            except Enough:
                course.end()
    return course.trained()


def chosen(device: str) -> torch.device:
    """The torch device by its name; "auto" is CUDA where there is one, else the CPU."""
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device("cuda" if here["cuda"] else "cpu")
    if not here.get(device.partition(":")[0]):
        names = ", ".join(["auto", *(name for name, there in here.items() if there)])
        raise ValueError(f"expected a device of this machine ({names}), found {device!r}; name one of them")
    return torch.device(device)


def laid_out(net: Net, device: str) -> Net:
    """`net`, moved to the device and laid out as in training.

    The last bit of what it says depends on it, and which features an ensemble drops.
    """
    return net.to(chosen(device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def device_of(net: nn.Module) -> torch.device:
    """Where the weights of `net` are."""
    return next(net.parameters()).device


class _Slopes(Generic[Net]):
    """The weights on their way down, and their running mean."""

    def __init__(self, net: Net, at: torch.device, *, rate: float) -> None:
        self.net = laid_out(deepcopy(net), str(at)).train().requires_grad_(True)
        self.mean = deepcopy(self.net).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=rate)
        self.half = at.type == "cuda"
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.half)
        self.rate, self.taken = rate, 0

    def descend(self, loss: Callable[[Net], Tensor], *, fraction: float) -> float:
        """The loss of a batch, after a step at the rate that is due when `fraction` of the cycle is over."""
        height = _height(fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * height
            group["betas"] = (MOMENTUM[1] + (MOMENTUM[0] - MOMENTUM[1]) * height, 0.999)
        self.optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16, enabled=self.half):
            value = loss(self.net)
        checkpoint()  # the way back takes as long again
        self.scaler.scale(value).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), STEEPEST)
        if self.half or norm.isfinite():  # the scaler leaves steps out that are not finite
            self.scaler.step(self.optimizer)
        self.scaler.update()
        self.taken += 1
        self._follow()
        return float(value.detach()) if not self.half or self.taken % READ == 1 else inf

    def _follow(self) -> None:
        weight = 1 - min(MEMORY, self.taken / (self.taken + 9))
        with torch.no_grad():
            for slow, fast in zip(self.mean.parameters(), self.net.parameters(), strict=True):
                slow.lerp_(fast, weight)


def _height(fraction: float) -> float:
    """The rate as a share of the largest: up from 1/25 and down to almost 0 along cosines."""
    if fraction < RISE:
        return 1 / 25 + (1 - 1 / 25) * (1 - cos(pi * fraction / RISE)) / 2
    return max((1 + cos(pi * (fraction - RISE) / (1 - RISE))) / 2, 4e-6)


class _Clock:
    """How far training is, when to check, and when to end."""

    def __init__(self, steps: int, budget: float | None, patience: int | None, replay: Schedule | None) -> None:
        self.steps, self.budget, self.patience, self.replay = steps, budget, patience, replay
        self.cycle = None if budget else steps
        if replay:
            self.steps, self.budget, self.patience, self.cycle = replay.steps, None, None, replay.cycle
        self.begun, self.judging, self.checks = time.perf_counter(), 0.0, 0

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self.begun

    def fraction(self, step: int) -> float:
        """How much of the training is over after `step`, by steps or by seconds, whichever is further."""
        if not self.budget:
            return min(step / self.steps, 1.0)
        spent = self.seconds / max(self.budget - self._next(step), 1e-9)
        return min(max(step / self.steps, spent), 1.0)

    def part(self, step: int) -> int:
        """The thousandths of the cycle that are over where `step` begins."""
        return self.replay.part(step) if self.replay else thousandths(self.fraction(step - 1))

    def _next(self, step: int) -> float:
        """Seconds that one more step and the last check will take."""
        return (self.seconds - self.judging) / max(step, 1) + self.judging / max(self.checks, 1)

    def over(self, step: int) -> bool:
        """Whether all steps are done, or another and a check would take too long; the first is always taken."""
        return step >= self.steps or (step > 0 and self.fraction(step) >= 1)

    def due(self, step: int) -> bool:
        """Whether to check after `step`."""
        if self.replay:
            return step in self.replay.checks
        often = self.budget is not None and self.judging > JUDGING * self.seconds
        return self.over(step) or (self.fraction(step) * CHECKS >= self.checks and not often)

    def left(self, step: int) -> float:
        """Seconds that are left."""
        return self.seconds * (1 / self.fraction(step) - 1)


class _Course(Generic[Net]):
    """What has been found on the way, and the best state."""

    def __init__(self, mean: Net, judge: Callable[[Net], float], clock: _Clock) -> None:
        self.mean, self.judge, self.clock = mean, judge, clock
        self.step, self.value, self.least, self.unmoved, self.ended = 0, 0.0, inf, 0, False
        self.best, self.kept = deepcopy(mean), 0
        self.since: list[float] = []
        self.parts: list[tuple[int, int]] = []
        self.losses: list[tuple[int, float, float]] = []
        self._judged()

    @property
    def goes_on(self) -> bool:
        """Whether there is a next step."""
        patience = self.clock.patience
        return not (self.ended or self.clock.over(self.step)) and (patience is None or self.unmoved < patience)

    def begin(self) -> int:
        """The thousandths of the cycle that are over where the next step begins."""
        self.step += 1
        part = self.clock.part(self.step)
        if not self.parts or self.parts[-1][1] != part:
            self.parts.append((self.step, part))
        return part

    def note(self, value: float) -> None:
        """Take down a batch's loss; infinity is one that was not read."""
        if isfinite(value):
            self.value = value
            self.since.append(value)
        if self.step == 1:  # the first batch is the untrained network's
            self.losses[0] = (0, self.value, self.losses[0][2])

    def told(self, look: Look[Net] | None) -> Training:
        """The report on the last step; where it is time to judge, the state is judged first, and kept if best."""
        left = self.clock.left(self.step)
        if not self.clock.due(self.step):
            return Training(self.step, self._loss, seconds_left=left)
        self._judged()
        _, loss, held_out = self.losses[-1]
        return Training(self.step, loss, held_out, left, partial(look, self.mean) if look else None)

    def end(self) -> None:
        """Take no further step; the last state is judged if it has not been."""
        self.ended = True
        if self.losses[-1][0] != self.step:
            self._judged()

    @property
    def _loss(self) -> float:
        """The mean training loss since the last check, or the last that was read."""
        return sum(self.since) / len(self.since) if self.since else self.value

    def _judged(self) -> None:
        begun = time.perf_counter()
        found = self.judge(self.mean)
        self.clock.judging += time.perf_counter() - begun
        self.clock.checks += 1
        self.losses.append((self.step, self._loss, found))
        self.since.clear()
        self.unmoved += 1
        if found <= self.least:
            self.best, self.kept, self.least, self.unmoved = deepcopy(self.mean), self.step, found, 0

    @property
    def fraction(self) -> float:
        """How much is done."""
        return self.clock.fraction(self.step) if self.goes_on else 1.0

    @property
    def message(self) -> str:
        """A line on the last step."""
        of, left = f"step {self.step} of {self.clock.steps}", self.clock.left(self.step)
        return f"{of}, loss {self.value:.4f}, held out {self.losses[-1][2]:.4f}, {left:.0f} s left"

    def trained(self) -> Trained[Net]:
        """The best state."""
        checks = tuple(step for step, _, _ in self.losses)
        schedule = Schedule(self.step, self.clock.cycle, () if self.clock.cycle else tuple(self.parts), checks)
        return Trained(self.best, self.kept, tuple(self.losses), self.clock.seconds, schedule)
