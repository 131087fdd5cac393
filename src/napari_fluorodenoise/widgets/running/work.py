"""Run, Cancel, progress with the time left, and for what came of it Undo and Copy as Python: under every form."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer
from napari.types import LayerDataTuple
from napari.utils.notifications import show_error
from numpy.typing import NDArray
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QApplication, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_fluorodenoise.engine.progress import Training
from napari_fluorodenoise.widgets.layers import record_of
from napari_fluorodenoise.widgets.removal import take_away
from napari_fluorodenoise.widgets.running.collecting import collect_all_again, collect_only_new
from napari_fluorodenoise.widgets.running.glimpse import clear_glimpse, clear_orphans, show_glimpse
from napari_fluorodenoise.widgets.running.lessons import Lessons
from napari_fluorodenoise.widgets.running.order import Order, script_of
from napari_fluorodenoise.widgets.running.task import Task
from napari_fluorodenoise.widgets.show import add
from napari_fluorodenoise.widgets.words import duration, warned

__all__ = ["Work"]

IN_TRAINING = "in training"
GLANCE = 75
"""Milliseconds from a training's report to its picture."""
SOON = 1.0
"""Seconds after which the time that is left can be told."""


class Work(QWidget):
    """One order at a time, on a thread; its layers land beside its source or, if that is gone, nowhere.

    `asked` says that Run was pressed: whoever owns this answers with `start`, or with `complain`. `ended` comes when
    all is over; `added` are then the layers that the last run added, its main result first.
    """

    asked = Signal()
    ended = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.task: Task | None = None
        self._order: Order | None = None
        self._added: list[list[Layer]] = []
        self._waiting, self._made, self._main = list[LayerDataTuple](), list[Layer](), 0
        self._breath = QTimer(self, singleShot=True, interval=0, timeout=self._finish)
        # apart from the curves of the same report: each takes a tenth of a second
        self._glance = QTimer(self, singleShot=True, interval=GLANCE, timeout=self._glimpse)
        self.run, self.cancel = _button("Run", self.asked.emit), _button("Cancel", self.stop)
        self.undo = _button("Undo", self.take_back, "Remove the layers that the last run added.")
        self.copy = _button(
            "Copy as Python", self.copy_script, "Put a script on the clipboard that makes the last result again."
        )
        self._bar, self.message = QProgressBar(), QLabel()
        self._bar.setRange(0, 1000)
        self.message.setWordWrap(True)
        self.lessons = Lessons(viewer)
        self.lessons.enough.connect(self._enough)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(_row(self.run, self.lessons.keep, self.cancel))
        for part in (self._bar, self.message, self.lessons):
            layout.addWidget(part)
        layout.addLayout(_row(self.undo, self.copy))
        self._set_busy(False)

    @property
    def busy(self) -> bool:
        """True while an order is being carried out."""
        return self.task is not None

    @property
    def added(self) -> list[Layer]:
        """The layers of the last run that are still there, its main result first; none before a run."""
        return self._added[-1] if self._added else []

    def start(self, order: Order) -> None:
        """Carry out `order`."""
        self._order, self._began = order, time.monotonic()
        self.task = task = Task(order, title=f"{order.recipe.name} on {order.source.name}")
        self._look()
        self._viewer.dims.events.current_step.connect(self._look)
        task.progressed.connect(self._show)
        task.learned.connect(self._learn)
        task.done.connect(self._take)
        task.failed.connect(self.complain)
        task.broke.connect(self.message.setText)
        task.over.connect(self._finish)
        self.destroyed.connect(task.join)
        self.destroyed.connect(partial(collect_all_again, task))
        collect_only_new(task)
        self.lessons.begin()
        self._set_busy(True)
        task.start()

    def stop(self) -> None:
        """Ask the work to end before its next unit."""
        if self.task is not None:
            self.task.stop()
            self.message.setText("stopping")

    def complain(self, complaint: str) -> None:
        """Say in one notification what is wrong."""
        self.message.setText(complaint)
        show_error(complaint)

    def follow_layers(self) -> None:
        """Stop what is done for a layer that is gone."""
        if self._order is not None and self._order.source not in self._viewer.layers:
            self.stop()
        clear_orphans(self._viewer)
        self._offer()

    def take_back(self) -> None:
        """Remove the layers that the last run added, where they still are."""
        if self._added:
            take_away(self._viewer, self._added.pop())
        self._offer()

    def copy_script(self) -> None:
        """Put the script that makes the last result again on the clipboard."""
        if self.added:
            QApplication.clipboard().setText(script_of(self.added[0], self._viewer.layers))
            self.message.setText("copied a script that makes the last result again")

    def join(self) -> None:
        """Stop, and wait until nothing is at work any more."""
        if self.task is not None:
            self.task.join()

    def _look(self, _: object = None) -> None:
        """Have the frame shown, as the network sees it, that the viewer shows."""
        if self.task is not None and self._order is not None:
            point = self._order.source.world_to_data(self._viewer.dims.point)
            start = (self._order.history.part.frames or (0, 0))[0]
            count = self._order.run.video("frames").shape[0]
            self.task.frame = min(max(round(point[0]) - start, 0), count - 1)

    def _show(self, fraction: float, message: str, training: bool) -> None:
        spent = time.monotonic() - self._began
        if training:
            message = "training"  # the lessons say how it goes
        else:
            self.lessons.end()
            if spent > SOON and 0.02 < fraction < 1:
                message += f", {duration(spent * (1 - fraction) / fraction)} left"
        self._bar.setValue(round(1000 * fraction))
        if self.task is not None and not self.task.stopped:
            self.message.setText(message)

    def _learn(self, training: Training, frame: int, picture: NDArray[Any] | None) -> None:
        if self.lessons.silent:
            collect_only_new(self.task)  # torch was imported for it
        self.lessons.add(training)
        if picture is not None:
            self._seen = frame, picture
            if not self._glance.isActive():  # reports may come faster than pictures
                self._glance.start()

    def _glimpse(self) -> None:
        """Show what the network last made of the frame that is looked at."""
        order, (frame, picture) = self._order, self._seen
        if order is None or order.source not in self._viewer.layers:
            return
        start = (order.history.part.frames or (0, 0))[0]
        origin = order.run.video("frames").origin
        show_glimpse(self._viewer, picture, source=order.source, frame=start + frame, origin=origin, name=IN_TRAINING)

    def _take(self, made: list[LayerDataTuple]) -> None:
        self._main = next(index for index, (_, attributes, _) in enumerate(made) if attributes["visible"])
        hidden = [(data, {**attributes, "visible": False}, kind) for data, attributes, kind in made]
        self._waiting, self._made = hidden, []

    def _add_next(self) -> None:
        """Add one layer, or show the main one: each takes napari a tenth of a second, and the window breathes between.

        Where they are no longer wanted, those added before are removed instead.
        """
        if not self._wanted():
            self._waiting = []
            take_away(self._viewer, self._made)
            self._made = []
        elif self._waiting:
            self._made.extend(add(self._viewer, [self._waiting.pop(0)]))
        else:
            self._present()

    def _wanted(self) -> bool:
        """True while the source is there and nobody has asked to stop."""
        order, task = self._order, self.task
        return order is not None and task is not None and not task.stopped and order.source in self._viewer.layers

    def _present(self) -> None:
        """Put what was added before the user."""
        main = self._made.pop(self._main)
        self._added.append([main, *self._made])
        if main in self._viewer.layers:
            main.visible = True
            self._viewer.layers.selection.active = main
        if self._order is not None:
            done = f"done in {time.monotonic() - self._began:.1f} s, from {_listed(self._order)}"
            self.message.setText("<br>".join([escape(done), *map(warned, self._doubts(main))]))
        self._made = []

    def _doubts(self, main: Layer) -> list[str]:
        """What the run warns of, beside what was known before."""
        assert self._order is not None
        before = self._order.run.detector
        known = () if before is None else before.warnings
        return [text for text in record_of(main)["warnings"] if text not in known]

    def _enough(self) -> None:
        if self.task is not None:
            self.task.enough()

    def _finish(self) -> None:
        if self._waiting or self._made:
            self._add_next()
            self._breath.start()
            return
        if self.task is not None and self.task.stopped:
            self.message.setText("stopped")
        self._viewer.dims.events.current_step.disconnect(self._look)
        task, ended, self.task, self._order = self.task, self._order, None, None
        self._glance.stop()
        self.lessons.end()
        self._set_busy(False)
        self.ended.emit()
        if ended is not None:
            clear_glimpse(self._viewer, source=ended.source, name=IN_TRAINING)
        collect_all_again(task)

    def _set_busy(self, busy: bool) -> None:
        self.run.setEnabled(not busy)
        self.cancel.setEnabled(busy)
        self._bar.setVisible(busy)
        self._bar.setValue(0)
        self._offer()

    def _offer(self) -> None:
        """Undo and script only what is still there."""
        layers = self._viewer.layers
        self._added = [kept for made in self._added if (kept := [layer for layer in made if layer in layers])]
        for button in (self.undo, self.copy):
            button.setEnabled(bool(self._added) and not self.busy)


def _button(title: str, pressed: Callable[[], None], tooltip: str = "") -> QPushButton:
    button = QPushButton(title)
    button.setToolTip(tooltip)
    button.clicked.connect(lambda: pressed())
    return button


def _row(*parts: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for part in parts:
        row.addWidget(part)
    return row


def _listed(order: Order) -> str:
    return ", ".join(layer.name for layer in order.made_from.values())
