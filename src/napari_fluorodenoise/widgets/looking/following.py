"""What the docks for looking have in common: they choose a pair, follow the viewer, and let go of it when closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from magicgui.widgets import ComboBox
from napari.components import ViewerModel
from napari.layers import Image, Layer
from napari.utils.events import EventEmitter
from numpy.typing import NDArray
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QTimer, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_fluorodenoise.engine.progress import Progress
from napari_fluorodenoise.widgets.layers import VIEW, fits, record_of
from napari_fluorodenoise.widgets.looking.pair import Pair, pair_of, pairing
from napari_fluorodenoise.widgets.running.task import Task

__all__ = ["Following", "narrow"]

SOON = 40
"""Milliseconds in which many changes become one."""
WIDTH = 340
"""Pixels in which a dock's title and controls fit."""


class Following(QWidget):
    """A widget with a choice of `before` and `after` among the layers of `viewer`.

    `refresh` is called soon after the choice or anything that is heard changed, once for many changes. `layers_changed`
    comes before that, where there are other layers; `closed` comes when the dock around this is closed.
    """

    layers_changed = Signal()
    closed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self.before = narrow(ComboBox(label="before", choices=self._sequences, tooltip="The sequence to start from."))
        self.after = narrow(
            ComboBox(label="after", choices=self._results, tooltip="What was made of it, frame by frame.")
        )
        self._soon = QTimer(self, singleShot=True, interval=SOON)
        self._soon.timeout.connect(self.refresh)
        self._heard: set[EventEmitter] = set()
        self._sweeps: list[Task] = []
        self._closed = False
        self._choose_selected()
        self.before.changed.connect(self._follow_before)
        self.after.changed.connect(self.later)
        self.setMinimumWidth(WIDTH)

    def refresh(self) -> None:
        """Show what there is now."""
        raise NotImplementedError

    def pair(self) -> Pair | None:
        """The chosen layers, or None where two are not there."""
        before, after = self.before.value, self.after.value
        return None if before is None or after is None else pairing(before, after, self.viewer)

    def hear(self, *emitters: EventEmitter) -> None:
        """Refresh soon after any of `emitters` calls."""
        for emitter in set(emitters) - self._heard:
            emitter.connect(self.later)
            self._heard.add(emitter)

    def later(self, event: Any = None) -> None:
        """Refresh soon."""
        if isalive(self) and not self._closed:  # layers outlive docks, and may outlive the window
            self._soon.start()

    def reset_choices(self, event: Any = None) -> None:
        """Follow the layer list; napari calls this whenever the list changes."""
        for choice in (self.before, self.after):
            choice.reset_choices()
        self.layers_changed.emit()
        self.later()

    def sweep(self, measure: Callable[[int], NDArray[Any]], *, count: int, title: str) -> Task:
        """The task of `measure(t)` for `count` frames, see `task_of`."""

        def work(progress: Progress) -> NDArray[Any]:
            values = []
            for t in range(count):
                progress(t / count, f"frame {t}")
                values.append(measure(t))
            return np.stack(values)

        return self.task_of(work, title=title)

    def task_of(self, work: Callable[[Progress], Any], *, title: str) -> Task:
        """`work` on a thread, not begun; it takes the place of what was under way."""
        self.stop()
        task = Task(work, title=title)
        self._sweeps = [*(sweep for sweep in self._sweeps if sweep.running), task]
        self.destroyed.connect(task.join)  # holds it: a task is not to be collected on another thread
        return task

    def stop(self) -> None:
        """Stop the sweep that is under way, if one is; it tells nothing any more."""
        for sweep in self._sweeps:
            sweep.stop()

    def let_go(self) -> None:
        """Follow nothing any more, and ask the sweep to end: to wait for its frame would hold up the window."""
        self._closed = True
        self._soon.stop()
        self.stop()
        for emitter in self._heard:
            emitter.disconnect(self.later)
        self._heard.clear()
        self.closed.emit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Let go when the dock around this widget is closed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.let_go()

    def _choose_selected(self) -> None:
        """Start with the pair that the user is at."""
        active = self.viewer.layers.selection.active
        try:
            pair = None if active is None else pair_of(active, self.viewer)
        except ValueError:
            return
        if pair is not None:
            self.before.value = pair.before
            self.after.reset_choices()
            self.after.value = pair.after

    def _follow_before(self, _: Any = None) -> None:
        self.after.reset_choices()
        self.later()

    def _sequences(self, _: Any = None) -> list[Layer]:
        return [layer for layer in self.viewer.layers if fits(layer) and VIEW not in record_of(layer)]

    def _results(self, _: Any = None) -> list[Image]:
        before, layers = self.before.value, reversed(self.viewer.layers)
        return [] if before is None else [layer for layer in layers if pairing(before, layer, self.viewer) is not None]


def narrow(choice: ComboBox) -> ComboBox:
    """`choice`, with long names cut: a dock is narrow."""
    choice.native.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    choice.native.setMinimumContentsLength(12)
    return choice
