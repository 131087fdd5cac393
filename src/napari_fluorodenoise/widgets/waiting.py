"""Work that a window cannot go on without, done on a thread, so that the window does not freeze meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

from napari.utils import cancelable_progress, progress

from napari_fluorodenoise.engine.progress import Cancelled, Progress

__all__ = ["waiting_for"]

T = TypeVar("T")

TICK = 0.02
"""Seconds between two moments in which the window may draw and listen."""
STEPS = 1000
"""How finely the bar is divided."""


def waiting_for(work: Callable[[Progress], T], *, title: str, cancelable: bool = True) -> T:
    """What `work(progress)` returns, called on a thread; napari's activity bar shows how far it is.

    Returns when the work is over, however long that takes; the Cancel button of what is `cancelable` makes the progress
    call raise `Cancelled`. Raises what the work raises. Without a window the bar is in the terminal.
    """
    done = 0

    def report(fraction: float, message: str, training: Any = None) -> None:
        nonlocal done
        if cancelable and bar.is_canceled:
            raise Cancelled
        done = round(STEPS * fraction)

    style = {"bar_format": "{l_bar}{bar}| {remaining}", "leave": False}
    bar_of = cancelable_progress if cancelable else progress
    with ThreadPoolExecutor(max_workers=1) as pool, bar_of(total=STEPS, desc=title, **style) as bar:
        working = pool.submit(work, report)
        try:
            while not wait([working], timeout=TICK).done:
                bar.update(done - bar.n)  # in a window this also handles its events
        finally:
            if cancelable:
                bar.cancel()  # an interrupt from the keyboard ends the work too
        return working.result()
