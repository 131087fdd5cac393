"""What all docks that run something have in common: a choice of the sequence, a form, and the work under it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_fluorodenoise.widgets.docks.choice import Choice
from napari_fluorodenoise.widgets.running.order import Order
from napari_fluorodenoise.widgets.running.work import Work
from napari_fluorodenoise.widgets.words import REFUSALS, one_line

__all__ = ["Dock"]

WIDTH = 390
"""Pixels in which all labels and the dock's title fit."""
HEIGHT = 300
"""Pixels that are left of a dock where others stand below it."""


class Dock(QWidget):
    """A heading, the chosen sequence of `viewer`, a `body` of its own, and the work; scrolled where it is too high.

    `stopped` are calls that stop what is at work: they are made when the dock is closed. `starting` comes before a run.
    """

    layers_changed = Signal()
    starting = Signal()

    def __init__(self, viewer: ViewerModel, *, heading: str, choice: Choice) -> None:
        super().__init__()
        self.viewer, self.choice, self.work = viewer, choice, Work(viewer)
        self.stopped: list[Callable[[], None]] = [self.work.stop]
        title = QLabel(heading)
        title.setWordWrap(True)
        self._inputs = QWidget()
        self.body = QVBoxLayout(self._inputs)
        self.body.setContentsMargins(0, 0, 0, 0)
        for part in (title, choice):
            self.body.addWidget(part)
        self._scroll_over(self._inputs, self.work)
        self.work.asked.connect(self._start)
        self.work.ended.connect(self._settle)

    def order(self) -> Order:
        """What the form asks for; raises ValueError of one line where it cannot be done. Every dock has its own."""
        raise NotImplementedError

    def reset_choices(self, event: Any = None) -> None:
        """Follow the layer list; napari calls this whenever the list changes."""
        self.choice.reset_choices()
        self.work.follow_layers()
        self.layers_changed.emit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Stop the work when the dock around this widget is closed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            for stop in self.stopped:
                stop()

    def _start(self) -> None:
        try:
            order = self.order()
        except REFUSALS as error:
            self.work.complain(one_line(error))
            return
        self._inputs.setEnabled(False)
        self.starting.emit()
        self.work.start(order)

    def _settle(self) -> None:
        self._inputs.setEnabled(True)

    def _scroll_over(self, *parts: QWidget) -> None:
        inside = QWidget()
        layout = QVBoxLayout(inside)
        for part in parts:
            layout.addWidget(part)
        layout.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        scroll.setMinimumHeight(HEIGHT)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        self.setMinimumWidth(WIDTH)
