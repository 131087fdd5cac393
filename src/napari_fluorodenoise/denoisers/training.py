"""A network trained for so many steps or seconds; the state is kept that was best on held-out data. Needs torch.

One loop for all schemes and networks: AdamW on one cycle of the rate, clipped gradients, and a running mean of the
weights, which is what is judged and kept. On a CPU the same seed gives the same weights; where seconds end the
training, the same `Schedule` does. In a piece of work that is kept (`engine.pieces`), a training that was interrupted
and is begun again goes on where it was (`resuming`).
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from napari_fluorodenoise.denoisers.resuming import Chance, Part, Saved
from napari_fluorodenoise.denoisers.schedule import PARTS, Schedule, thousandths
from napari_fluorodenoise.denoisers.slopes import RATE, Slopes
from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.progress import Enough, Progress, Training, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Look", "Trained", "chosen", "device_of", "laid_out", "record", "train"]

Net = TypeVar("Net", bound=nn.Module)
Look: TypeAlias = "Callable[[Net, int], NDArray[np.float32]]"
"""From a network and the number of a frame to that frame (Y, X) as the network shows it."""

CHECKS = 20
"""Times that the held-out loss is asked for, at the most."""
PATIENCE = 8
"""Checks without a new least held-out loss after which training ends."""
JUDGING = 0.15
"""Share of the time that judging may take where seconds count: then it is done less often."""


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
    draws: Part | None = None,
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
    global one is left alone; `draws` is what else `loss` draws from. `progress` hears of every step, may `look` at
    frames after every check, and may raise `Cancelled`, or `Enough`: then this was the last step. On CUDA layers
    compute in float16: bfloat16 would round intensities of 60 to a quarter of the noise.
    """
    if steps < 1 or (budget is not None and not budget > 0):
        raise ValueError(f"expected at least a step and some seconds, found {steps} and {budget}; give more")
    course = (steps, budget, patience, schedule)
    task = _Task(net, loss, judge, draws or _Nothing(), rate, course, chosen(device), seed, look)
    found, drawn = pieces.once(task.name, task.trained, progress=progress)
    task.draws.restore(drawn)
    return found


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


class _Nothing:
    """What a loss draws from that draws nothing, or from torch alone."""

    def state(self) -> None:
        """None."""

    def restore(self, state: None) -> None:
        """Do nothing."""


@dataclass(frozen=True, eq=False)
class _Task(Generic[Net]):
    """A training to be done; the piece of work `name` is this one and no other of the same fit."""

    net: Net
    loss: Callable[[Net], Tensor]
    judge: Callable[[Net], float]
    draws: Part
    rate: float
    course: tuple[int, float | None, int | None, Schedule | None]
    at: torch.device
    seed: int
    look: Look[Net] | None

    @property
    def name(self) -> str:
        """Of what it begins with: a fit's trainings follow each other, and draw on from where the last one was."""
        weights = [values.numpy(force=True).tobytes() for values in self.net.state_dict().values()]
        chance = repr((self.seed, self.rate, self.course, self.draws.state())).encode()
        return f"training {zlib.crc32(b''.join([*weights, chance])):08x}"

    def trained(self, progress: Progress) -> tuple[Trained[Net], Any]:
        """The best state, and that of the draws at the end."""
        with torch.random.fork_rng(devices=[self.at] if self.at.type == "cuda" else []):
            torch.manual_seed(self.seed)
            slopes = Slopes(laid_out(deepcopy(self.net), str(self.at)), rate=self.rate)
            course = _Course(slopes.mean, self.judge, _Clock(*self.course))
            saved = Saved([slopes, course, course.clock, Chance(self.at), self.draws])
            saved.restore()
            while course.goes_on:
                part = course.begin()
                course.note(slopes.descend(self.loss, fraction=part / PARTS))
                told = course.told(self.look)
                try:
                    progress(course.fraction, course.message, told)
                except Enough:
                    course.end()
                saved.now_and_then()
        losses, seconds = tuple(course.losses), course.clock.seconds
        return Trained(course.best, course.kept, losses, seconds, course.schedule), self.draws.state()


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

    def state(self) -> tuple[float, float, int]:
        """The seconds since the start, those of them spent on judging, and how often."""
        return self.seconds, self.judging, self.checks

    def restore(self, state: tuple[float, float, int]) -> None:
        """Go on as if the seconds of a `state` had just passed; those between are not counted."""
        seconds, self.judging, self.checks = state
        self.begun = time.perf_counter() - seconds

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

    FOUND = ("step", "value", "least", "unmoved", "ended", "kept", "since", "parts", "losses")

    def __init__(self, mean: Net, judge: Callable[[Net], float], clock: _Clock) -> None:
        self.mean, self.judge, self.clock = mean, judge, clock
        self.step, self.value, self.least, self.unmoved, self.ended = 0, 0.0, inf, 0, False
        self.best, self.kept = deepcopy(mean), 0
        self.since: list[float] = []
        self.parts: list[tuple[int, int]] = []
        self.losses: list[tuple[int, float, float]] = []
        self._judged()

    def state(self) -> dict[str, Any]:
        """What has been found, and the best state."""
        return {"best": self.best.state_dict(), **{name: getattr(self, name) for name in self.FOUND}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.best.load_state_dict(state["best"])
        vars(self).update({name: state[name] for name in self.FOUND})

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
    def schedule(self) -> Schedule:
        """How it went."""
        checks = tuple(step for step, _, _ in self.losses)
        return Schedule(self.step, self.clock.cycle, () if self.clock.cycle else tuple(self.parts), checks)

    @property
    def fraction(self) -> float:
        """How much is done."""
        return self.clock.fraction(self.step) if self.goes_on else 1.0

    @property
    def message(self) -> str:
        """A line on the last step."""
        of, left = f"step {self.step} of {self.clock.steps}", self.clock.left(self.step)
        return f"{of}, loss {self.value:.4f}, held out {self.losses[-1][2]:.4f}, {left:.0f} s left"
