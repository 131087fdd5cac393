"""A network trained to refine pilots, on excerpts made noisier, and the verdict whether it does. Needs torch.

The verdict compares the network with the pilots on tiles that it never learned from, in one and the same recorruption:
the noise of the targets, many times the errors, is then common to both and nearly cancels in the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_fluorodenoise.denoisers.crops import corners
from napari_fluorodenoise.denoisers.excerpts import CROP, RECORRUPTING, TARGET_NOISE
from napari_fluorodenoise.denoisers.training import Trained, device_of, train
from napari_fluorodenoise.engine.blocks import in_turn
from napari_fluorodenoise.engine.progress import checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.excerpts import Lesson
    from napari_fluorodenoise.denoisers.networks.parts import Network
    from napari_fluorodenoise.denoisers.schedule import Schedule
    from napari_fluorodenoise.denoisers.training import Look
    from napari_fluorodenoise.engine.progress import Progress

    Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]

__all__ = ["Lessons", "Verdict", "gathered", "refined", "verdict"]

BATCH = 16
PATIENCE = 14
"""Checks of twenty without a new least loss after which training ends: it falls once more where the rate does."""
JUDGED, COMPARED = 128, 384
"""Windows that training is judged by, each time, and the verdict once."""


@dataclass(frozen=True)
class Verdict:
    """The squared error of the `pilots`, and what of it the network takes away, the `gain`, in the noise's variance.

    `pilots_doubt` is the standard error of the first: it is told beside all the noise of the targets, which the gain
    is not.
    """

    pilots: float
    pilots_doubt: float
    gain: float

    @property
    def worse(self) -> bool:
        """Whether the pilots are better than the network."""
        return self.gain < 0


class Lessons:
    """Batches of crops of `lessons`, and fixed windows around what is held out of them; `noise` is the targets'."""

    def __init__(self, lessons: Sequence[Lesson], *, rng: np.random.Generator, noise: float = TARGET_NOISE) -> None:
        self.lessons, self.rng, self.noise = lessons, rng, noise
        self.side = min(CROP, *(n for lesson in lessons for n in lesson.held.shape))
        held = list(self._held())
        self.windows = [held[index] for index in rng.permutation(len(held))]  # a few of them are of all tiles

    def loss(self, net: Network) -> Tensor:
        """The squared error of a random batch on what may be learned from, ()."""
        seen, target, allowed = self._batch([self._random() for _ in range(BATCH)])
        at = device_of(net)
        errors = net(torch.from_numpy(seen).to(at)) - torch.from_numpy(target).to(at)
        squared: Tensor = (errors * errors)[torch.from_numpy(allowed).to(at)].mean()
        return squared

    def state(self) -> Mapping[str, Any]:
        """What the next batch is drawn from."""
        return self.rng.bit_generator.state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Draw on from a `state` of the same lessons."""
        self.rng.bit_generator.state = state

    def judge(self, net: Network) -> float:
        """The squared error on what is held out, less the targets' noise; 0 where nothing is."""
        found = self.compared(net, most=JUDGED)
        return float(found[:, 1].mean()) - self.noise if len(found) else 0.0

    def compared(self, net: Network, *, most: int) -> NDArray[np.float64]:
        """The squared errors (windows, 2) of the pilots and of `net`, on at most so many held-out windows."""
        some = self.windows[:most]
        found = [pair for start in range(0, len(some), BATCH) for pair in self._compared(net, some[start:][:BATCH])]
        return np.array(found).reshape(-1, 2)

    def _compared(self, net: Network, windows: Sequence[Batch]) -> Iterator[tuple[float, float]]:
        checkpoint()
        seen, target, held = self._batch(windows)
        with torch.inference_mode():
            made = net(torch.from_numpy(seen).to(device_of(net))).float().cpu().numpy()
        for change, wanted, where in zip(made, target, held, strict=True):
            yield float((wanted[where] ** 2).mean()), float(((change - wanted)[where] ** 2).mean())

    def _batch(self, windows: Sequence[Batch]) -> Batch:
        seen, target, where = (np.stack(parts) for parts in zip(*windows, strict=True))
        return np.ascontiguousarray(seen, np.float32), target[:, None], where[:, None]

    def _random(self) -> Batch:
        """A random window, turned at random, and what of it may be learned from."""
        lesson = self.lessons[int(self.rng.integers(len(self.lessons)))]
        t, *corner = (int(self.rng.integers(n)) for n in self._room(lesson))
        seen, target, held = self._window(lesson, t, corner)
        turn = tuple(slice(None, None, -1 if flip else 1) for flip in self.rng.integers(2, size=2))
        seen, target, free = seen[:, *turn], target[turn], ~held[turn]
        return (seen.swapaxes(1, 2), target.T, free.T) if self.rng.integers(2) else (seen, target, free)

    def _held(self) -> Iterator[Batch]:
        """Windows around every held-out tile, in every frame; of a tile that an excerpt's edge cut, no sliver."""
        for lesson in self.lessons:
            count, *room = self._room(lesson)
            around = [
                [min(max(c - self.side // 4, 0), n - 1) for c, n in zip(tile, room, strict=True)]
                for tile in corners(lesson.held)
            ]
            areas = [int(self._window(lesson, 0, corner)[2].sum()) for corner in around]
            whole = [corner for corner, area in zip(around, areas, strict=True) if 2 * area >= max(areas)]
            yield from (self._window(lesson, t, corner) for t in range(count) for corner in whole)

    def _room(self, lesson: Lesson) -> tuple[int, int, int]:
        """How many frames and corners a window may have."""
        count, rows, columns = lesson.target.shape
        return count, rows - self.side + 1, columns - self.side + 1

    def _window(self, lesson: Lesson, t: int, corner: Sequence[int]) -> Any:
        y, x = (slice(c, c + self.side) for c in corner)
        return lesson.seen[t, :, y, x], lesson.target[t, y, x], lesson.held[y, x]


def gathered(calls: Sequence[Callable[[], Lesson]], *, progress: Progress) -> list[Lesson]:
    """What all `calls` return, in their order; some run at the same time."""
    found: list[Lesson] = []

    def report() -> None:
        progress(len(found) / len(calls), f"{RECORRUPTING}, {len(found)} of {len(calls)}")

    report()
    for lesson in in_turn(calls, report=report):
        found.append(lesson)
        report()
    return found


def refined(
    net: Network,
    lessons: Lessons,
    *,
    steps: int,
    budget: float | None,
    device: str,
    seed: int,
    schedule: Schedule | None = None,
    look: Look[Network] | None = None,
    progress: Progress,
) -> Trained[Network]:
    """A copy of `net` trained further on `lessons`, where it was best on what is held out: at the start, may be."""
    return train(
        net,
        loss=lessons.loss,
        judge=lessons.judge,
        draws=lessons,
        steps=steps,
        budget=budget,
        patience=PATIENCE,
        schedule=schedule,
        device=device,
        seed=seed,
        look=look,
        progress=progress,
    )


def verdict(net: Network, lessons: Lessons) -> Verdict:
    """What `net` is worth beside the pilots, on tiles that were held out."""
    found = lessons.compared(net, most=COMPARED)
    if not len(found):
        return Verdict(0.0, 0.0, 0.0)
    alone = found[:, 0]
    return Verdict(
        pilots=float(alone.mean()) - lessons.noise,
        pilots_doubt=float(alone.std() / len(alone) ** 0.5),
        gain=float((alone - found[:, 1]).mean()),
    )
