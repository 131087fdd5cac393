"""How a training went, step by step: with it the same seed gives the same weights. This module needs no torch."""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from napari_fluorodenoise.primitives.declaration import STRICT

__all__ = ["PARTS", "Schedule", "thousandths"]

PARTS = 1000
"""Parts that the cycle of the rate is told in, so that a schedule is short and exact."""


@dataclass(frozen=True, config=STRICT)
class Schedule:
    """How a training went, so that it can be done again by steps; fit for JSON."""

    steps: Annotated[int, Ge(1)]
    """Steps that were taken."""
    cycle: Annotated[int, Ge(1)] | None
    """Steps of the whole cycle of the rate; none where seconds set its pace."""
    parts: tuple[tuple[int, int], ...]
    """Where they do: (step, thousandths of the cycle that were over when it began), where these change."""
    checks: tuple[int, ...]
    """The steps after which the held-out loss was asked for."""

    def __post_init__(self) -> None:
        if not (self.cycle or (self.parts and self.parts[0][0] == 1)):
            raise ValueError("expected a cycle, or parts from step 1 on, found neither; give what a training recorded")

    def part(self, step: int) -> int:
        """The thousandths of the cycle that were over when `step` began."""
        if self.cycle:
            return thousandths((step - 1) / self.cycle)
        return self.parts[bisect_right(self.parts, (step, PARTS)) - 1][1]


def thousandths(fraction: float) -> int:
    """The parts of the cycle that are over after such a `fraction` of it."""
    return int(min(fraction, 1.0) * PARTS)
