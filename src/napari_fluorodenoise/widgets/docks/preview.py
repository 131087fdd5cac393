"""The Preview button: what a recipe makes of the frame and the part of it that the window shows."""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton

from napari_fluorodenoise.physics.detector import Detector
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.widgets.docks.boxes import viewed_box
from napari_fluorodenoise.widgets.docks.glance import Glance
from napari_fluorodenoise.widgets.running.glimpse import clear_glimpse, show_glimpse
from napari_fluorodenoise.widgets.running.order import Order
from napari_fluorodenoise.widgets.running.task import Task

__all__ = ["Preview"]

PREVIEW = "preview"
QUICK = "fast"
"""The recipe that shows what another would make, where that has to be trained first."""


class Preview(QPushButton):
    """Computes one frame at a time on a thread and shows it as a layer; pressed again, it shows the frame then seen.

    `shown` comes when it is there, with what it is, and `failed` with a line that says why not.
    """

    shown = Signal(str)
    failed = Signal(str)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__("Preview")
        self.setToolTip("Denoise the frame that is shown, and of it what is in view. Recipes that train show `fast`.")
        self._viewer = viewer
        self._glance: Glance | None = None
        self._first = 0
        self.task: Task | None = None

    def show_for(self, order: Order, *, detector: Detector | None) -> None:
        """Show what the order's recipe makes of the frame being looked at."""
        self.stop()
        part, source = order.history.part, order.source
        point = source.world_to_data(self._viewer.dims.point)
        video = order.run.video("frames")
        self._first = (part.frames or (0, 0))[0]
        frame = min(max(round(float(point[0])) - self._first, 0), video.shape[0] - 1)
        top, left = (part.rows or (0, 0))[0], (part.columns or (0, 0))[0]
        view = viewed_box(source)
        box = (
            *_within(view[0] - top, view[1] - top, video.shape[1]),
            *_within(view[2] - left, view[3] - left, video.shape[2]),
        )
        recipe = Recipe.named(QUICK) if order.recipe.trains or len(order.recipe.stages) > 2 else order.recipe
        self._glance = Glance(recipe=recipe, run=order.run, source=source, frame=frame, box=box, detector=detector)
        self.task = task = Task(self._glance, title=f"preview of {source.name}")
        task.done.connect(self._show)
        task.failed.connect(self.failed)
        self.destroyed.connect(task.join)
        task.start()

    def stop(self) -> None:
        """Ask the work to end."""
        if self.task is not None:
            self.task.stop()

    def join(self) -> None:
        """Stop, and wait until nothing is at work any more."""
        if self.task is not None:
            self.task.join()

    def _show(self, made: tuple[NDArray[Any], tuple[float, float]]) -> None:
        glance, self._glance = self._glance, None
        if glance is None or glance.source not in self._viewer.layers:
            return
        picture, origin = made
        frame = self._first + glance.frame
        show_glimpse(self._viewer, picture, source=glance.source, frame=frame, origin=origin, name=PREVIEW)
        self.shown.emit(f"frame {frame} by {glance.recipe.name}")

    def clear(self, source: Image) -> None:
        """Show no preview of `source` any more."""
        clear_glimpse(self._viewer, source=source, name=PREVIEW)


def _within(start: int, stop: int, length: int) -> tuple[int, int]:
    """The range within `length`; all of it where nothing of the range is."""
    low, high = max(start, 0), min(stop, length)
    return (low, high) if low < high else (0, length)
