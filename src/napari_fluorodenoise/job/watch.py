"""Sequences that arrive in a folder, told of once they are complete."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from napari_fluorodenoise import io
from napari_fluorodenoise.io import Place
from napari_fluorodenoise.job.manifest import of_sequence

__all__ = ["arrivals"]

SETTLED = 60.0
"""Seconds without a change after which what cannot be read is taken to be all that will come."""


def arrivals(
    look: Callable[[], Mapping[Place, Path]], *, every: float, rest: Callable[[float], Any] = time.sleep
) -> Iterator[dict[Place, Path]]:
    """Every so many seconds what `look` finds and was not told before, complete: it has not changed since, and is read.

    What changes later is told again. What was cut short, and does not change for a minute either, is told as well: the
    one who reads it says what is wrong. `rest` waits for so many seconds.
    """
    before: dict[Place, Any] = {}
    told: dict[Place, Any] = {}
    while True:
        found = look()
        now = {source: _looks(source) for source in found}
        ready = [
            source
            for source, looks in now.items()
            if looks is not None
            and looks == before.get(source)
            and looks != told.get(source)
            and _complete(source, looks)
        ]
        told.update((source, now[source]) for source in ready)
        before = now
        yield {source: found[source] for source in ready}
        rest(every)


def _looks(source: Place) -> dict[str, Any] | None:
    """What tells the sequence from what it was; None where it is just being moved."""
    try:
        return of_sequence(source)
    except OSError:
        return None


def _complete(source: Place, looks: Mapping[str, Any]) -> bool:
    try:
        io.read(source)
    except io.FileError:
        return bool(time.time() - looks["changed"] / 1e9 > SETTLED)
    return True
