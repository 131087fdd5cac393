"""The dock "Kymograph": what lies along a drawn line, frame by frame, before and after."""

from __future__ import annotations

import numpy as np
from magicgui.widgets import SpinBox
from napari.components import ViewerModel
from numpy.typing import NDArray
from qtpy.QtWidgets import QVBoxLayout

from napari_fluorodenoise.widgets.form import rows
from napari_fluorodenoise.widgets.looking.drawing import Drawing
from napari_fluorodenoise.widgets.looking.drawn import Line, is_line, line_of, profile, vertices
from napari_fluorodenoise.widgets.looking.pair import Pair
from napari_fluorodenoise.widgets.plot import Plot

__all__ = ["Kymograph"]


class Kymograph(Drawing):
    """Shows the chosen pair of `viewer` along the selected line of a Shapes layer, or along the one drawn last."""

    def __init__(self, viewer: ViewerModel) -> None:
        tooltip = "Adds a Shapes layer for the line; drag in the picture, from one end to the other."
        super().__init__(viewer, what="line", mode="add_line", tooltip=tooltip)
        self.across = SpinBox(
            label="width [px]", value=1, min=1, max=99, tooltip="Pixels across the line that are averaged."
        )
        self.plot = Plot(viewer, panels=2, minimum_height=240)
        layout = QVBoxLayout(self)
        for part in (rows([self.before, self.after, self.drawn, self.across]), self.draw, self.message, self.plot):
            layout.addWidget(part)
        self.across.changed.connect(self.later)
        self.refresh()

    def refresh(self) -> None:
        """Read the frames along the line again, on a thread, and show them."""
        self.stop()
        pair, shapes = self.pair(), self.drawn.value
        if pair is None or shapes is None:
            self._say("Choose a sequence and its result, and draw a line." if pair else "There is no result yet.")
            return
        self.hear(shapes.events.data, shapes.events.set_data, shapes.selected_data.events.items_changed)
        lines = [index for index in range(len(shapes.data)) if is_line(shapes, index)]
        if not lines:
            self._say("Draw a line in the picture, from one end to the other.")
            return
        chosen = [index for index in lines if index in shapes.selected_data] or lines
        corners = vertices(shapes, chosen[-1], on=pair.after)
        self._read(pair, line_of(corners, pixel_size=pair.videos()[1].pixel_size))

    def _read(self, pair: Pair, line: Line) -> None:
        videos, width = pair.videos(), self.across.value

        def along(t: int) -> NDArray[np.float32]:
            return np.stack([profile(video.data[t], line, width=width) for video in videos])  # (2, D)

        task = self.sweep(along, count=videos[0].shape[0], title=f"Kymograph of {pair.after.name}")
        self._asked = line, videos[0].frame_interval
        # Qt disconnects methods of a widget that is gone, and nothing else
        task.progressed.connect(self._report)
        task.failed.connect(self._say)
        task.done.connect(self._show)
        task.start()

    def _show(self, values: NDArray[np.float32]) -> None:
        """Draw `values` (T, 2, D): both in one range of greys, time going down."""
        self._say("")
        line, interval = self._asked
        low, high = np.nanpercentile(values, (0.5, 99.5)) if np.isfinite(values).any() else (0.0, 1.0)
        extent = (0.0, line.length, len(values) * (interval or 1.0), 0.0)
        for axes, title, picture in zip(self.plot.panels, ("before", "after"), np.moveaxis(values, 1, 0), strict=True):
            axes.imshow(picture, extent=extent, cmap=self._colours(), vmin=low, vmax=high, aspect="auto")
            axes.set(title=title, xlabel=f"along the line [{line.unit}]")
        self.plot.axes.set_ylabel("frame" if interval is None else "time [s]")
        self.plot.redraw()

    def _colours(self) -> str:
        return "gray_r" if self.before.value is not None and self.before.value.colormap.name == "gray_r" else "gray"

    def _report(self, _: float, message: str) -> None:
        self.message.setText(message)

    def _say(self, message: str) -> None:
        """Show `message` in place of the pictures."""
        self.message.setText(message)
        self.plot.clear()
        self.plot.redraw()
