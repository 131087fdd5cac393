"""The amplifier's gain as it changes over a run."""

from __future__ import annotations

from typing import Annotated

import pydantic.dataclasses
from annotated_types import Ge, Le

from napari_fluorodenoise.primitives.declaration import STRICT

__all__ = ["GainDrift"]


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class GainDrift:
    """A gain that grows by the same amount from frame to frame, and never falls below 0."""

    percent: Annotated[float, Ge(-50), Le(50)] = 0.1
    """Growth per frame, in % of the first frame's gain."""

    def gain(self, frame: int) -> float:
        """The gain in a `frame`, 1 in frame 0."""
        return max(0.0, 1 + frame * self.percent / 100)
