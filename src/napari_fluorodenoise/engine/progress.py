"""Progress is a call that long work makes between units of work; the call may raise `Cancelled`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Cancelled", "Progress", "portion", "silent"]

Progress = Callable[..., None]
"""`progress(fraction, message, preview=None)`: done in [0, 1], what is being done, and a frame to show."""


class Cancelled(Exception):
    """Raised by a progress call to stop the work; what was half done is dropped."""


def silent(fraction: float, message: str, preview: Any = None) -> None:
    """Report nothing."""


def portion(progress: Progress, start: float, stop: float) -> Progress:
    """A progress call for a part of the work: its 0 to 1 is `start` to `stop` of `progress`."""

    def part(fraction: float, message: str, preview: Any = None) -> None:
        progress(start + (stop - start) * fraction, message, preview)

    return part
