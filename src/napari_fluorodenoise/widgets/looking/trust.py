"""The dock "Trust report": may the chosen result be trusted? Five checks, each with its evidence and a picture."""

from __future__ import annotations

from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QFileDialog,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from napari_fluorodenoise.engine.progress import Progress
from napari_fluorodenoise.physics.detector import Detector
from napari_fluorodenoise.quality.checks import Curve, Map
from napari_fluorodenoise.quality.report.page import SUMMARY, dose, page
from napari_fluorodenoise.quality.spectrum import SIZE
from napari_fluorodenoise.quality.trust import Trust, trust
from napari_fluorodenoise.widgets.form import rows
from napari_fluorodenoise.widgets.layers import record_of, source_of
from napari_fluorodenoise.widgets.looking.following import Following
from napari_fluorodenoise.widgets.looking.pair import Pair, frame_at
from napari_fluorodenoise.widgets.plot import Plot

__all__ = ["TrustReport"]

COLOURS = {"pass": "#4fb36b", "doubtful": "#ff8c2e", "fail": "#e5484d"}


class TrustReport(Following):
    """Checks the chosen pair of `viewer` when asked to, shows each check, and saves all as a page."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self.found: Trust | None = None
        self._checked: Pair | None = None
        self.check, self.save = QPushButton("Check"), QPushButton("Save as a page …")
        self.check.setToolTip("Look at both sequences, and tell what was removed and whether it was noise.")
        self.save.setToolTip("One HTML file with pictures, for those who have no napari.")
        self.summary, self.told, self.message = _label(), _label(), _label()
        self.table, self.plot = _empty_table(), Plot(viewer, minimum_height=220)
        layout = QVBoxLayout(self)
        controls = rows([self.before, self.after])
        for part in (controls, self.check, self.summary, self.table, self.told, self.plot, self.save, self.message):
            layout.addWidget(part)
        self.check.clicked.connect(self._begin)
        self.save.clicked.connect(self._ask_where)
        self.table.currentCellChanged.connect(self._show_check)
        self.refresh()

    def refresh(self) -> None:
        """Forget what was told of another pair."""
        pair = self.pair()
        known = self._checked
        if known is not None and pair is not None and (pair.before, pair.after) == (known.before, known.after):
            return
        self.stop()
        self._clear("Choose a sequence and its result." if pair is None else "Not checked yet.")
        self.check.setEnabled(pair is not None)

    def save_page(self, path: Path) -> None:
        """Write the page of what was checked last to `path`, on a thread; nothing where nothing was."""
        if self.found is None or self._checked is None:
            return
        task = self.task_of(partial(_write, path, self.found, self._checked), title=f"writing {path.name}")
        task.done.connect(self.message.setText)
        task.failed.connect(self.message.setText)
        task.start()

    def _begin(self) -> None:
        pair = self.pair()
        if pair is None:
            return
        self._clear("checking")
        self._checked = pair
        self.check.setEnabled(False)
        # what a result was made of may be in other units than another sequence of the same shape
        own = source_of(pair.after, self.viewer.layers) is pair.before
        detector = record_of(pair.after).get("detector") if own else None
        task = self.task_of(partial(_trust_of, pair, detector), title=f"checking {pair.after.name}")
        task.progressed.connect(self._report)
        task.done.connect(self._show)
        task.failed.connect(self.summary.setText)
        task.over.connect(self._settle)
        task.start()

    def _settle(self) -> None:
        self.check.setEnabled(self.pair() is not None)

    def _report(self, _: float, message: str) -> None:
        self.summary.setText(message)

    def _show(self, found: Trust) -> None:
        self.found = found
        colour = COLOURS[found.verdict]
        told = f'<b style="color: {colour}">{found.verdict}</b>: {escape(SUMMARY[found.verdict])}'
        self.summary.setText(f"{told}<br><b>dose</b>: {escape(dose(found))}")
        self.table.setRowCount(len(found.checks))
        for row, check in enumerate(found.checks):
            verdict = QTableWidgetItem(check.verdict)
            verdict.setForeground(QColor(COLOURS[check.verdict]))
            self.table.setItem(row, 0, QTableWidgetItem(check.name))
            self.table.setItem(row, 1, verdict)
        self.save.setEnabled(True)
        gravest = next(row for row, check in enumerate(found.checks) if check.verdict == found.verdict)
        self.table.setCurrentCell(gravest, 0)

    def _show_check(self, row: int, *_: int) -> None:
        """Tell the check in this row, and draw where, or at which frequency or intensity, it was found."""
        if self.found is None or self._checked is None or not 0 <= row < len(self.found.checks):
            return
        check = self.found.checks[row]
        self.told.setText(f"{escape(check.evidence)}<br><br>{escape(check.meaning)}")
        self.plot.clear()
        if isinstance(check.picture, Curve):
            _draw(self.plot, check.picture)
        else:
            after = self._checked.after
            _lay_over(self.plot, check.picture, np.asarray(after.data[frame_at(self.viewer, after)]))
        self.plot.redraw()

    def _clear(self, summary: str) -> None:
        self.found = self._checked = None
        self.summary.setText(summary)
        self.told.setText("")
        self.message.setText("")
        self.table.setRowCount(0)
        self.save.setEnabled(False)
        self.plot.clear()
        self.plot.redraw()

    def _ask_where(self) -> None:
        text, _ = QFileDialog.getSaveFileName(self, "Save the report", "report.html", "Pages (*.html)")
        if text:
            self.save_page(Path(text).with_suffix(".html") if not Path(text).suffix else Path(text))


def _trust_of(pair: Pair, detector: Detector | None, progress: Progress) -> Trust:
    noisy, denoised = pair.videos()
    return trust(noisy, denoised, progress=progress, detector=detector)


def _write(path: Path, found: Trust, pair: Pair, progress: Progress) -> str:
    from napari_fluorodenoise.io.files import saving

    progress(0.0, "writing the page")
    text = page(found, *pair.videos(), names=(pair.before.name, pair.after.name))
    with saving(path) as part:
        part.write_text(text, encoding="utf-8")
    return f"saved {path}"


def _draw(plot: Plot, curve: Curve) -> None:
    axes = plot.axes
    error = np.zeros_like(curve.y) if curve.error is None else curve.error
    if curve.before is not None:
        axes.plot(curve.x, curve.before, "--", color=plot.lines[1], label="before")
    axes.errorbar(curve.x, curve.y, error, fmt=".-", color=plot.lines[0], label="after")
    axes.axhline(0, lw=0.5, color="gray")
    axes.set(xlabel=curve.x_label, ylabel=curve.y_label)
    if curve.before is not None:
        axes.legend()


def _lay_over(plot: Plot, found: Map, frame: NDArray[Any]) -> None:
    """Show the map's tiles in red over `frame` (Y, X), grey where nothing is known."""
    rows, columns = found.values.shape
    strength = np.clip(np.nan_to_num(found.values) / (2 * found.limit), 0, 1)
    colours = np.zeros((rows, columns, 4))
    colours[..., 0], colours[..., 3] = 1, 0.8 * strength
    colours[np.isnan(found.values)] = (0.5, 0.5, 0.5, 0.4)
    low, high = np.percentile(frame, (0.5, 99.5))
    plot.axes.imshow(frame, cmap="gray", vmin=low, vmax=high)
    plot.axes.imshow(colours, extent=(-0.5, columns * SIZE - 0.5, rows * SIZE - 0.5, -0.5))
    plot.axes.set(xlim=(-0.5, frame.shape[1] - 0.5), ylim=(frame.shape[0] - 0.5, -0.5), xticks=[], yticks=[])
    plot.axes.set_title(f"red: {found.label}, full from {2 * found.limit:.2g} on")


def _label() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # else as wide as its text
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _empty_table() -> QTableWidget:
    table = QTableWidget(0, 2)
    table.setHorizontalHeaderLabels(("check", "verdict"))
    table.verticalHeader().setVisible(False)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.setFixedHeight(180)
    return table
