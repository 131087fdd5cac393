"""The state of a training in a file, from which one that was interrupted goes on where it was. Needs torch.

Law: a training that goes on from its state ends with the weights of one that was never interrupted, bit for bit on a
CPU with the same number of threads. So the state holds all that later steps follow from, chance included.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import torch

from napari_fluorodenoise.engine import pieces

__all__ = ["Chance", "Part", "Saved"]

EVERY = 20.0
"""Seconds from one writing to the next: what an interruption costs."""
SHARE = 0.02
"""Of the time that writing may take: where it is slow it is done less often."""
FILE = "state"


class Part(Protocol):
    """One of those that together are a training."""

    def state(self) -> Any:
        """What it goes on from, fit to be pickled."""

    def restore(self, state: Any) -> None:
        """Go on from a `state`."""


class Chance:
    """Torch's own randomness, on the CPU and on the device of the training."""

    def __init__(self, at: torch.device) -> None:
        self.at = at

    def state(self) -> tuple[torch.Tensor, ...]:
        """The states of the generators."""
        own = (torch.cuda.get_rng_state(self.at),) if self.at.type == "cuda" else ()
        return (torch.random.get_rng_state(), *own)

    def restore(self, state: tuple[torch.Tensor, ...]) -> None:
        """Draw on from a `state`."""
        torch.random.set_rng_state(state[0])
        for own in state[1:]:
            torch.cuda.set_rng_state(own, self.at)


class Saved:
    """The `parts` of a training in a file of the piece of work at hand; nothing is saved where it has no folder."""

    def __init__(self, parts: Sequence[Part]) -> None:
        place = pieces.folder()
        self.path: Path | None = None if place is None else place / FILE
        self.parts = parts
        self.written, self.cost = time.perf_counter(), 0.0

    def restore(self) -> None:
        """Go on from what is saved, if anything is."""
        if self.path is None or not self.path.exists():
            return
        # the file is of this package, in a folder of its own: pickles are safe to read there, as those of all pieces
        states = torch.load(self.path, map_location="cpu", weights_only=False)
        for part, state in zip(self.parts, states, strict=True):
            part.restore(state)

    def now_and_then(self) -> None:
        """Save the state where it is time to."""
        begun = time.perf_counter()
        if self.path is None or begun - self.written < max(EVERY, self.cost / SHARE):
            return
        content = BytesIO()
        torch.save([part.state() for part in self.parts], content)
        pieces.replaced(self.path, content.getvalue())
        self.written = time.perf_counter()
        self.cost = self.written - begun
