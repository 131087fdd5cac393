"""The dock "Compare": before and after over each other, in a grid or under a divider, with one contrast."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import CheckBox, ComboBox
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSlider, QVBoxLayout

from napari_fluorodenoise.widgets.form import rows
from napari_fluorodenoise.widgets.layers import VIEW, record_of
from napari_fluorodenoise.widgets.looking.arrangement import (
    Undo,
    before_alone,
    in_grid,
    in_one_place,
    under_a_divider,
)
from napari_fluorodenoise.widgets.looking.following import Following
from napari_fluorodenoise.widgets.looking.linking import link, unlink
from napari_fluorodenoise.widgets.looking.pair import Pair
from napari_fluorodenoise.widgets.looking.residual import residual_of
from napari_fluorodenoise.widgets.looking.swipe import slide
from napari_fluorodenoise.widgets.show import add

__all__ = ["Compare"]

OVER, GRID, SWIPE = "over each other", "side by side", "swipe"
ARRANGED = {OVER: in_one_place, GRID: in_grid, SWIPE: under_a_divider}


class Compare(Following):
    """Arranges the chosen pair in `viewer`; an arrangement is undone for another one, and when the dock is closed."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self._arranged: tuple[Any, ...] | None = None
        self._undo: Undo = _nothing
        self._let_up: Undo = _nothing
        self._linked = frozenset[str]()
        self.show_as = ComboBox(label="show", choices=list(ARRANGED), tooltip="How the two stand in the window.")
        self.link = CheckBox(value=True, text="one contrast", tooltip="A contrast set on one is set on both.")
        self.divider = QSlider(Qt.Orientation.Horizontal)
        self.divider.setToolTip("Before is left of the divider, after right of it.")
        self.hold, self.residual = QPushButton("Hold to see before"), QPushButton("Add residual")
        self.hold.setToolTip("Hides after for as long as the button is pressed.")
        self.residual.setToolTip("Adds a layer of what was removed: before less after.")
        self._lay_out()
        self.show_as.changed.connect(self.refresh)
        self.link.changed.connect(self._link)
        self.divider.valueChanged.connect(self._slide)
        self.hold.pressed.connect(self._show_before)
        self.hold.released.connect(self._show_after)
        self.residual.clicked.connect(self._add_residual)
        self.closed.connect(self._put_back)
        self.refresh()

    def refresh(self, _: Any = None) -> None:
        """Arrange the chosen pair as chosen, where it is not."""
        self._soon.stop()  # taking a layer away lets the window go on, and its timers
        pair, kind = self.pair(), self.show_as.value
        if self._arranged is not None and self._arranged[-1] == kind == SWIPE and self._swipe() is None:
            self.show_as.value = OVER  # the divider's layer was deleted
            return
        wanted = None if pair is None else (pair.before, pair.after, kind)
        if wanted == self._arranged:
            return
        self._put_back()
        if pair is not None:
            self._arranged, self._undo = wanted, ARRANGED[kind](self.viewer, pair)
            if self.link.value:
                self._linked = link(self.viewer, pair.before, pair.after)
        self._offer(pair, kind)

    def _put_back(self) -> None:
        """Leave the layers as they were, but for the contrast set meanwhile; what the user had linked stays linked."""
        self._show_after()
        self._undo()
        if self._arranged is not None:
            before, after, _ = self._arranged
            unlink(before, after, attributes=self._linked)
        self._arranged, self._undo, self._linked = None, _nothing, frozenset()

    def _offer(self, pair: Pair | None, kind: str) -> None:
        swipe = self._swipe()
        self.divider.setVisible(swipe is not None)
        if swipe is not None:
            self.divider.setRange(0, swipe.data.shape[2])
            self.divider.setValue(swipe.data.divider)
        self.hold.setVisible(kind == OVER)
        for part in (self.link.native, self.hold, self.residual):
            part.setEnabled(pair is not None)

    def _swipe(self) -> Image | None:
        layers = [layer for layer in self.viewer.layers if record_of(layer).get(VIEW) == "swipe"]
        return layers[-1] if layers and self.show_as.value == SWIPE else None

    def _slide(self, column: int) -> None:
        swipe = self._swipe()
        if swipe is not None:
            slide(swipe, column)

    def _link(self, _: Any = None) -> None:
        pair = self.pair()
        if pair is not None and self.link.value:
            self._linked |= link(self.viewer, pair.before, pair.after)
        elif pair is not None:
            unlink(pair.before, pair.after)
            self._linked = frozenset()

    def _show_before(self) -> None:
        pair = self.pair()
        if pair is not None:
            self._let_up = before_alone(self.viewer, pair)

    def _show_after(self) -> None:
        self._let_up()
        self._let_up = _nothing

    def _add_residual(self) -> None:
        pair = self.pair()
        if pair is not None:
            add(self.viewer, [residual_of(pair, self.viewer)])

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.hold, self.residual):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addWidget(rows([self.before, self.after, self.show_as]))
        for part in (self.divider, self.link.native):
            layout.addWidget(part)
        layout.addLayout(buttons)


def _nothing() -> None:
    """Undo nothing."""
