"""What the docks have in common that look at what was drawn over a sequence."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox
from napari.components import ViewerModel
from napari.layers import Layer, Shapes
from qtpy.QtWidgets import QLabel, QPushButton

from napari_fluorodenoise.widgets.looking.drawn import drawing_on
from napari_fluorodenoise.widgets.looking.following import Following, narrow

__all__ = ["Drawing"]

COLOUR = "#ff8c2e"


class Drawing(Following):
    """A choice of a pair and of a Shapes layer, a button that adds such a layer for `what`, and a `message`.

    Whoever presses the button draws at once, in the layer's `mode`.
    """

    def __init__(self, viewer: ViewerModel, *, what: str, mode: str, tooltip: str) -> None:
        super().__init__(viewer)
        self._what, self._mode = what, mode
        self.drawn = narrow(ComboBox(label=what, choices=self._drawings, tooltip="The Shapes layer it is drawn in."))
        self.draw = QPushButton(f"Draw {what}")
        self.draw.setToolTip(tooltip)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.draw.clicked.connect(self._add_drawing)
        self.drawn.changed.connect(self.later)
        self.layers_changed.connect(self.drawn.reset_choices)

    def _add_drawing(self) -> None:
        before = self.before.value
        if before is None:
            self.message.setText("Open a sequence first.")
            return
        shapes = drawing_on(before, name=self._what, colour=COLOUR)
        self.viewer.add_layer(shapes)
        shapes.mode = self._mode
        self.drawn.value = shapes

    def _drawings(self, _: Any = None) -> list[Layer]:
        return [layer for layer in reversed(self.viewer.layers) if isinstance(layer, Shapes)]
