"""Progress is a call that long work makes between units of work; the call may raise `Cancelled`, or `Enough`.

Work inside a unit, which has nothing to report, passes a `checkpoint` now and then instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Cancelled", "Enough", "Progress", "Training", "checkpoint", "portion", "silent", "until"]

Progress = Callable[..., None]
"""`progress(fraction, message, training=None)`: done in [0, 1], what is being done, and how a `Training` goes."""

_given_up: ContextVar[Callable[[], bool]] = ContextVar("given up", default=lambda: False)
"""Says for the work of a thread whether nobody waits for it any more."""


@dataclass(frozen=True, eq=False)
class Training:
    """What a training reports with a step.

    `loss` is the mean training loss since the last check, `held_out` the held-out loss where it was just asked for.
    After such a check `look(t)` is frame t of the video in training, the first of several, as the network shows it now,
    (Y, X) float32 in the video's units. It costs a forward pass, and is to be called before the report returns.
    """

    step: int
    loss: float
    held_out: float | None = None
    seconds_left: float | None = None
    look: Callable[[int], NDArray[np.float32]] | None = None


class Cancelled(Exception):
    """Raised by a progress call or a checkpoint to stop the work; what was half done is dropped."""


class Enough(Exception):
    """Raised by a progress call that carries `training`: that training ends now and keeps what it has learned."""


def silent(fraction: float, message: str, training: Training | None = None) -> None:
    """Report nothing."""


def portion(progress: Progress, start: float, stop: float) -> Progress:
    """A progress call for a part of the work: its 0 to 1 is `start` to `stop` of `progress`."""

    def part(fraction: float, message: str, training: Training | None = None) -> None:
        progress(start + (stop - start) * fraction, message, training)

    return part


@contextmanager
def until(given_up: Callable[[], bool]) -> Iterator[None]:
    """Within it, checkpoints on this thread stop the work as soon as `given_up` says so; it has to be cheap."""
    token = _given_up.set(given_up)
    try:
        yield
    finally:
        _given_up.reset(token)


def checkpoint() -> None:
    """Raise `Cancelled` where nobody waits any more for the work that this thread does."""
    if _given_up.get()():
        raise Cancelled
