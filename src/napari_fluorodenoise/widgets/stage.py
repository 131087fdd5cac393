"""One widget for every stage: an input layer, the form its declaration asks for, Run, progress, Cancel."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from magicgui.widgets import ComboBox
from magicgui.widgets.bases import ValueWidget
from napari.components import ViewerModel
from napari.layers import Layer
from napari.types import LayerDataTuple
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_fluorodenoise.video import Run
from napari_fluorodenoise.widgets.form import Form
from napari_fluorodenoise.widgets.job import Job, Step
from napari_fluorodenoise.widgets.layers import current, fits, is_result, name_of, run_of, source_of
from napari_fluorodenoise.widgets.show import add

__all__ = ["StageWidget"]


class StageWidget(QWidget):
    """Runs one kind of stage on a layer of `viewer`, off the GUI thread, and adds its results as layers.

    A stage with a field `of` runs on any sequence, and choosing a layer fills that field in; other stages run on
    sources only. The source is bound when the run starts: results land beside it or, if it is gone, nowhere.
    """

    def __init__(self, viewer: ViewerModel, declaration: type[Step]) -> None:
        super().__init__()
        self._viewer = viewer
        self._form = Form(declaration)
        self._job: Job | None = None
        self._input = ComboBox(name="input", label="input", choices=self._fitting, tooltip="The sequence to work on.")
        self._input.changed.connect(self._fill_of)
        self._inputs = _rows([self._input, *self._form.fields.values()])
        self._run, self._cancel = QPushButton("Run"), QPushButton("Cancel")
        self._run.clicked.connect(self.run)
        self._cancel.clicked.connect(self.cancel)
        self._bar, self._message = QProgressBar(), QLabel()
        self._lay_out(inspect.getdoc(declaration) or "")
        self._set_busy(False)
        self._choose_active()
        self._fill_of()

    def run(self) -> None:
        """Start the stage that the form describes on the chosen layer."""
        try:
            job = self._prepare()
        except ValueError as error:
            self._complain(str(error))
            return
        self._job = job
        job.progressed.connect(self._show)
        job.worker.returned.connect(self._take)
        job.worker.finished.connect(self._finish)
        self.destroyed.connect(job.join)
        self._set_busy(True)
        job.worker.start()

    def cancel(self) -> None:
        """Ask the running stage to stop; it does so before its next unit of work."""
        if self._job is not None:
            self._job.stop()
            self._message.setText("stopping")

    def reset_choices(self, event: Any = None) -> None:
        """Follow the layer list; napari calls this whenever the list changes."""
        self._input.reset_choices()
        if self._job is not None and self._job.source not in self._viewer.layers:
            self.cancel()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Stop the work when the dock around this widget is closed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None and self._job is not None:
            self._job.join()

    def _prepare(self) -> Job:
        layer, layers = self._input.value, self._viewer.layers
        if layer is None:
            raise ValueError("expected a grey sequence (t, y, x) among the layers, found none; open one first")
        stage = self._form.value()
        run = run_of(layer, layers)
        again = stage.adds(run)  # what an earlier run left; this one makes it anew, as layers of its own
        run = Run({name: item for name, item in run.items() if name not in again}, detector=run.detector)
        chosen = current(layer, layers)
        made_from = {name: chosen[name] for name in stage.reads(run) if name in run}
        return Job(stage, run, source=source_of(layer, layers), made_from=made_from)

    def _lay_out(self, doc: str) -> None:
        heading = QLabel(" ".join(doc.split("\n\n")[0].split()))
        buttons = QHBoxLayout()
        buttons.addWidget(self._run)
        buttons.addWidget(self._cancel)
        layout = QVBoxLayout(self)
        for label in (heading, self._message):
            label.setWordWrap(True)
        for part in (heading, self._inputs):
            layout.addWidget(part)
        layout.addLayout(buttons)
        for part in (self._bar, self._message):
            layout.addWidget(part)
        self._bar.setRange(0, 1000)
        self.setMinimumWidth(340)  # so that the dock's title fits

    def _fitting(self, _: Any = None) -> list[Layer]:
        layers, anything = self._viewer.layers, "of" in self._form.fields
        return [layer for layer in layers if fits(layer) and (anything or not is_result(layer, layers))]

    def _choose_active(self) -> None:
        """Start with the source of the layer that the user is at."""
        layers = self._viewer.layers
        active = layers.selection.active
        if active is not None and source_of(active, layers) in self._input.choices:
            self._input.value = source_of(active, layers)

    def _fill_of(self, _: Any = None) -> None:
        layer, field = self._input.value, self._form.fields.get("of")
        if layer is not None and field is not None:
            field.value = name_of(layer, self._viewer.layers)

    def _show(self, fraction: float, message: str) -> None:
        self._bar.setValue(round(1000 * fraction))
        self._message.setText(message)

    def _take(self, outcome: list[LayerDataTuple] | str) -> None:
        if isinstance(outcome, str):
            self._complain(outcome)
        elif self._job is not None and self._job.source in self._viewer.layers:
            add(self._viewer, outcome)
            origins = ", ".join(layer.name for layer in self._job.made_from.values())
            self._message.setText(f"done, from {origins}")

    def _complain(self, complaint: str) -> None:
        self._message.setText(complaint)
        show_error(complaint)

    def _finish(self) -> None:
        if self._job is not None and self._job.worker.abort_requested:
            self._message.setText("stopped")
        self._job = None
        self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        self._run.setEnabled(not busy)
        self._cancel.setEnabled(busy)
        self._inputs.setEnabled(not busy)
        self._bar.setVisible(busy)
        self._bar.setValue(0)


def _rows(fields: Iterable[ValueWidget]) -> QWidget:
    """Labelled fields below each other; the labels explain themselves as the fields do."""
    rows = QWidget()
    layout = QFormLayout(rows)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for field in fields:
        layout.addRow(field.label, field.native)
        layout.labelForField(field.native).setToolTip(field.tooltip)
    return rows
