"""Which sequence of the viewer is worked on, and which part of it."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, SpinBox
from napari.components import ViewerModel
from napari.layers import Image, Layer, Shapes
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_fluorodenoise.part import WHOLE, Part
from napari_fluorodenoise.widgets.docks.boxes import drawn_boxes, viewed_box
from napari_fluorodenoise.widgets.form import folded, rows
from napari_fluorodenoise.widgets.layers import VIEW, fits, is_result, record_of, source_of, video_of

__all__ = ["Choice"]

ALL, IN_VIEW, NOTHING = "whole frame", "what is in view", "nothing"


class Choice(QWidget):
    """An input layer of `viewer`, a range of its frames, a rectangle of them, and what in them is covered.

    Sources are offered, and `results` too where asked for. `changed` tells of every other choice.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, *, results: bool = False) -> None:
        super().__init__()
        self._viewer, self._results = viewer, results
        self.input = ComboBox(name="input", label="input", choices=self._fitting, tooltip="The sequence to work on.")
        self.first = SpinBox(label="first frame", min=0, max=0, tooltip="The first frame to take, counted from 0.")
        self.last = SpinBox(label="last frame", min=0, max=0, tooltip="The last frame to take.")
        self.rectangle = ComboBox(
            label="rectangle",
            choices=lambda _: [ALL, IN_VIEW, *self._drawn()],
            tooltip="Take the box around the shape drawn last in a Shapes layer, or what the window shows.",
        )
        self.cover = ComboBox(
            label="cover",
            choices=lambda _: [NOTHING, *self._drawn()],
            tooltip="Cover burnt-in text: boxes around the shapes of a layer get the lowest value before all else.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(rows([self.input]))
        self.fold = folded("part of the sequence", rows([self.first, self.last, self.rectangle, self.cover]))
        layout.addWidget(self.fold)
        self._choose_active()
        self._follow()
        self.input.changed.connect(self._follow)
        for field in (self.first, self.last, self.rectangle, self.cover):
            field.changed.connect(self._tell)
        self.first.changed.connect(self._keep_order)

    def layer(self) -> Image:
        """The chosen layer; raises ValueError that says what is wrong with those there are."""
        layer = self.input.value
        if layer is not None:
            return layer
        layers = self._viewer.layers
        if layers:
            video_of(layers.selection.active or layers[-1])  # says why it does not fit
        raise ValueError("expected a grey sequence (t, y, x) among the layers, found none; open one first")

    def part(self) -> Part:
        """The chosen part of the source of the layer; raises ValueError where a rectangle is missing."""
        source = source_of(self.layer(), self._viewer.layers)
        if source is not self.layer() or not isinstance(source, Image):
            return WHOLE  # a result shows its own part
        count, height, width = source.data.shape
        taken = (self.first.value, self.last.value + 1)
        top, bottom, left, right = self._box(source, (0, height, 0, width))
        return Part(
            frames=None if taken == (0, count) else taken,
            rows=None if (top, bottom) == (0, height) else (top, bottom),
            columns=None if (left, right) == (0, width) else (left, right),
            covered=() if self.cover.value == NOTHING else drawn_boxes(self.cover.value, source),
        )

    def reset_choices(self, event: Any = None) -> None:
        """Follow the layer list; what was chosen stays chosen, whatever it is called now."""
        for field in (self.input, self.rectangle, self.cover):
            chosen = field.value
            with field.changed.blocked():
                field.reset_choices()
                if chosen in field.choices:
                    field.value = chosen
            if field.value != chosen:
                field.changed.emit(field.value)

    def _box(self, source: Image, whole: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        match self.rectangle.value:
            case str(word):
                return viewed_box(source) if word == IN_VIEW else whole
            case shapes:
                return drawn_boxes(shapes, source)[-1]

    def _fitting(self, _: Any = None) -> list[Layer]:
        layers = self._viewer.layers
        found = [layer for layer in layers if fits(layer) and VIEW not in record_of(layer)]
        return [layer for layer in found if self._results or not is_result(layer, layers)]

    def _drawn(self) -> list[Layer]:
        return [layer for layer in self._viewer.layers if isinstance(layer, Shapes)]

    def _choose_active(self) -> None:
        """Start with the source of the layer that the user is at."""
        layers = self._viewer.layers
        active = layers.selection.active
        if active is not None and source_of(active, layers) in self.input.choices:
            self.input.value = source_of(active, layers)

    def _follow(self, _: Any = None) -> None:
        """Offer the frames there are, all of them at first."""
        layer = self.input.value
        last = 0 if layer is None else layer.data.shape[0] - 1
        for field, value in ((self.first, 0), (self.last, last)):
            with field.changed.blocked():
                field.max = max(last, 0)
                field.value = value
        self._tell()

    def _keep_order(self, first: int) -> None:
        """No last frame before the first."""
        self.last.value = max(self.last.value, first)
        self.last.min = first

    def _tell(self, _: Any = None) -> None:
        self.changed.emit()
