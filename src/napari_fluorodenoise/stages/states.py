"""A background at some times of a shot, on disk: what the frames between are told.

While a shot is followed its states are written as they come (`Written`). Afterwards they are gone through backwards,
for a pixel seen too few times takes the first state that knew it so well (`completed`). What was written is never
changed: a pass that is interrupted begins again with the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.engine.scratch import Scratch
from napari_fluorodenoise.primitives.background import Background, Window, combined
from napari_fluorodenoise.primitives.lowrank import coefficients

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mend = Callable[[NDArray[np.float32]], NDArray[np.float32]]

__all__ = ["EVERY", "States", "Written", "completed"]

EVERY = 4
"""Frames between two states that are kept."""
SAMPLES = 256
UNSEEN, OLD = 0, 255
"""The ages of pixels: never seen, and seen for a window or longer; those between are in proportion."""


@dataclass(frozen=True, eq=False)
class Written:
    """The states of the frames from `start` to `stop`, in files: after every EVERY-th frame, and after the last.

    `bases` holds the patterns (r, Y, X), `ages` (Y, X) uint8 how often each pixel was seen. Different frames may be
    followed, and their states written, at the same time.
    """

    start: int
    stop: int
    window: int
    bases: Scratch
    ages: Scratch

    def __len__(self) -> int:
        return -(-(self.stop - self.start) // EVERY)

    def number(self, t: int) -> int:
        """The first state at or after frame `t`; the last one where there is none."""
        return min(max(-(-(t + 1 - self.start) // EVERY) - 1, 0), len(self) - 1)

    def time(self, number: int) -> int:
        """The frame after which the state was written."""
        return min(self.start + EVERY * (number + 1), self.stop) - 1

    def take(self, t: int, background: Background) -> NDArray[np.float64] | None:
        """Write the background after frame `t` if that is a state's time; the weights (r,) of that frame then."""
        number = self.number(t)
        if self.time(number) != t:
            return None
        self.bases[number] = background.basis
        self.ages[number] = _age(background.count, self.window)
        return background.weights


@dataclass(frozen=True, eq=False)
class States:
    """The background at some times: the patterns (r, Y, X) that its frames mix.

    `weights` (r,) are those of each state's newest frame; `turns` (r, s) make a state's patterns of the next one's.
    Those `changed` are in files of their own. `source` (Y, X) is the state that has the newest of each pixel.
    """

    written: Written
    rewritten: Scratch
    changed: frozenset[int]
    weights: Sequence[NDArray[np.float64]]
    turns: Sequence[NDArray[np.float32]]
    source: NDArray[np.int32]

    def basis(self, t: int, at: Window) -> NDArray[np.float32]:
        """The patterns (r, y, x) at time `t` in a window of the canvas, between those of the states around it."""
        after = self.written.number(t)
        later = np.asarray(self._patterns(after)[:, *at])
        last = self.written.time(after)
        if after == 0 or t >= last:
            return later
        share = (last - t) / (last - self.written.time(after - 1))
        mixed = _mixed(later, np.float32(1 - share) * self.turns[after - 1])
        mixed += np.asarray(self._patterns(after - 1)[:, *at]) * np.float32(share)
        return mixed

    def last(self) -> NDArray[np.float32]:
        """The background (Y, X) of the last frame; what it no longer saw is as the stretch left it that saw it last."""
        last = len(self.written) - 1
        basis, ages = np.array(self._patterns(last)), self.written.ages[last]
        turned = basis.copy()
        for number in set(np.unique(self.source)) - {last}:
            older, own = self._patterns(number), self.written.ages[number]
            turn = _turn(older, basis, np.minimum(ages, own) == UNSEEN)
            np.copyto(turned, _mixed(older, turn), where=self.source == number)
        return combined(turned, self.weights[-1])

    def _patterns(self, number: int) -> NDArray[np.float32]:
        return (self.rewritten if number in self.changed else self.written.bases)[number]


def completed(
    written: Written,
    weights: Sequence[NDArray[np.float64]],
    ends: Sequence[int],
    source: NDArray[np.int32],
    *,
    mend: Mend | None,
) -> States:
    """The states whose `weights` are given, in which pixels seen too few times are as in the state after.

    `mend` is what every state's picture (Y, X) is multiplied by, as it says of it. `ends` are the last states of
    stretches, each of which is a piece of this work; `source` (Y, X) is the state that has the newest of each pixel.
    """
    rewritten, later = Scratch("complete"), None
    turns: list[NDArray[np.float32]] = []
    changed: set[int] = set()
    for first, end in reversed(list(zip([0, *(end + 1 for end in ends)], ends, strict=False))):
        numbers = range(first, end + 1)
        call = partial(_completed, written, rewritten, numbers, [weights[n] for n in numbers], later, mend)
        later, found, some = pieces.once(f"complete {first}", call)
        turns[:0], changed = found, changed | some
    return States(written, rewritten, frozenset(changed), weights, turns, source)


@dataclass(frozen=True, eq=False)
class _Later:
    """The patterns (r, Y, X) of the state after, and the ages (Y, X) uint8 of what they show."""

    basis: NDArray[np.float32]
    ages: NDArray[np.uint8]


def _completed(
    written: Written,
    rewritten: Scratch,
    numbers: range,
    weights: Sequence[NDArray[np.float64]],
    later: _Later | None,
    mend: Mend | None,
    progress: Progress = silent,
) -> tuple[_Later | None, list[NDArray[np.float32]], set[int]]:
    """What the state before them takes from the states `numbers`, the turns to those after each, and which changed."""
    turns: list[NDArray[np.float32]] = []
    changed = set()
    for number, own in zip(reversed(numbers), reversed(weights), strict=True):
        progress(0.0, "looking back")
        basis, ages = np.array(written.bases[number]), np.array(written.ages[number])
        if later is not None:
            young = ages < OLD
            turns.insert(0, _turn(later.basis, basis, young))
            young &= later.ages >= np.maximum(ages, UNSEEN + 1)  # one that began on its own may know less
            if young.any():
                np.copyto(basis, _mixed(later.basis, turns[0]), where=young)
                np.copyto(ages, later.ages, where=young)
                changed.add(number)
        later = _Later(basis, ages)
        if mend is not None:
            changed.add(number)
        if number in changed:
            rewritten[number] = basis if mend is None else basis * mend(combined(basis, own))
    return later, turns, changed


def _age(count: NDArray[np.int32], window: int) -> NDArray[np.uint8]:
    """The ages of pixels seen `count` (Y, X) times."""
    young = np.where(count > 0, 1 + count * (OLD - 2) // window, UNSEEN)
    return np.where(count < window, young, OLD).astype(np.uint8)


def _mixed(basis: NDArray[np.float32], turn: NDArray[np.float32]) -> NDArray[np.float32]:
    """The patterns (s, y, x) that `turn` (r, s) makes of `basis` (r, y, x)."""
    return basis * turn[0, 0] if turn.size == 1 else np.tensordot(turn.T, basis, 1)


def _turn(later: NDArray[np.float32], basis: NDArray[np.float32], young: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The matrix that turns `later` (r, Y, X) into `basis` (s, Y, X) where it is not `young`; none where all is.

    By least squares over SAMPLES pixels a side: there are few numbers to find.
    """
    step = max(1, min(young.shape) // SAMPLES)
    old = ~young[::step, ::step]
    if not old.any():
        return np.eye(len(later), len(basis), dtype=np.float32)
    source, aim = (planes[:, ::step, ::step][:, old] for planes in (later, basis))
    return np.stack([coefficients(source.T, plane) for plane in aim], axis=1).astype(np.float32)
