"""What a recipe makes of one frame, from it and its neighbours alone: a look before all frames are done. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_fluorodenoise.engine.chunks import by_frames
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.part import Box
from napari_fluorodenoise.physics.detector import Detector, measured
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.video import Run

__all__ = ["Glance"]

NEAR = 8
"""Neighbours on either side of the frame that the recipe is given."""
MARGIN, ROOM = 32, 512
"""Pixels around the box that the recipe is given, so that it has no edges where the sequence has none, and pixels on a
side that it is given at the least where there are as many: it learns from them how the frames look."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Glance:
    """`recipe` for the frame `frame` of `run`, in a `box` of its frames; both count within `run`."""

    recipe: Recipe
    run: Run
    source: Image
    frame: int
    box: Box
    detector: Detector | None = None

    def __call__(self, progress: Progress) -> tuple[NDArray[Any], tuple[float, float]]:
        """The picture (Y, X) of the box, in the units of the frames, and its origin (row, column) in pixels."""
        video = self.run.video("frames")
        known = Run({"frames": video}, detector=self.detector)
        detector = measured(known, progress=portion(progress, 0.0, 0.4)).detector
        assert detector is not None
        t, y, x = self._around(video.shape)
        near = video.crop(frames=t, rows=y, columns=x)
        run = Run({"frames": near.with_data(by_frames(near.numpy()))}, detector=detector.cropped(rows=y, columns=x))
        clean = self.recipe.run(run, progress=portion(progress, 0.4, 1.0)).video(self.recipe.result(run))
        picture = np.asarray(clean.data[self.frame - t.start])
        top, bottom, left, right = self.box
        origin = (video.origin[0] + top, video.origin[1] + left)
        return picture[top - y.start : bottom - y.start, left - x.start : right - x.start], origin

    def _around(self, shape: tuple[int, int, int]) -> tuple[slice, slice, slice]:
        """The frames, rows and columns that the recipe is given."""
        top, bottom, left, right = self.box
        high, wide = (max(MARGIN, (ROOM - side) // 2) for side in (bottom - top, right - left))
        core = ((self.frame, self.frame + 1, NEAR), (top, bottom, high), (left, right, wide))
        t, y, x = (slice(max(a - m, 0), min(b + m, n)) for (a, b, m), n in zip(core, shape, strict=True))
        return t, y, x
