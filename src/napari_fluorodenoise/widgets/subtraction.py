"""Digital subtraction (DSA) as a step that the stage widget can draw and run."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge
from pydantic.dataclasses import dataclass

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.primitives.declaration import STRICT
from napari_fluorodenoise.stages.stage import Added
from napari_fluorodenoise.video import Run

__all__ = ["Subtract"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Subtract:
    """The logarithm of every frame less that of a mask frame, so that what is still vanishes (DSA)."""

    of: str = "frames"
    """Name of the sequence: frames, or what an earlier step made of them."""
    mask: Annotated[int, Ge(0)] = 0
    """Number of the frame that is subtracted, counted from 0: one from before the contrast agent comes."""

    def reads(self, run: Run) -> tuple[str, ...]:
        """The sequence named in `of`."""
        return (self.of,)

    def adds(self, run: Run) -> dict[str, Added]:
        """The one name this step adds."""
        return {f"{self.of}_subtracted": Added("tyx", np.dtype(np.float32), "log intensity")}

    def __call__(self, source: Run, *, progress: Progress = silent) -> Run:
        """The run with the subtracted sequence; raises ValueError where there is no such sequence or frame."""
        from napari_fluorodenoise.physics.subtraction import subtract

        (name,) = self.adds(source)
        return source.adding({name: subtract(source.video(self.of), mask=self.mask)})
