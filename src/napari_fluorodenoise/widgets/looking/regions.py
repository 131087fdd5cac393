"""The dock "Regions": how clearly drawn regions stand out, before and after, in the frame being looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from magicgui.widgets import ComboBox
from napari.components import ViewerModel
from napari.layers import Shapes
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout

from napari_fluorodenoise.quality import cnr, snr
from napari_fluorodenoise.widgets.form import rows
from napari_fluorodenoise.widgets.looking.drawing import Drawing
from napari_fluorodenoise.widgets.looking.drawn import is_line, mask_of, vertices
from napari_fluorodenoise.widgets.looking.following import narrow
from napari_fluorodenoise.widgets.looking.pair import Pair, frame_at

__all__ = ["Regions", "numbers"]

COLUMNS = ("region", "SNR\nbefore", "SNR\nafter", "CNR\nbefore", "CNR\nafter")
COLOURS = ("#ff8c2e", "#3b9dff", "#4fb36b", "#d65fd6", "#e3c317")
LAST = "the last one drawn"
HINT = "Draw two regions or more; the background is one of them."


class Regions(Drawing):
    """Measures the shapes of a Shapes layer in the frame of the chosen pair that `viewer` shows."""

    def __init__(self, viewer: ViewerModel) -> None:
        tooltip = "Adds a Shapes layer; drag a rectangle over an object, and another over its background."
        super().__init__(viewer, what="regions", mode="add_rectangle", tooltip=tooltip)
        self.background = narrow(
            ComboBox(label="background", choices=self._backgrounds, tooltip="The region that CNR compares with.")
        )
        self.table = _empty_table()
        layout = QVBoxLayout(self)
        choices = rows([self.before, self.after, self.drawn, self.background])
        for part in (choices, self.draw, self.table, self.message):
            layout.addWidget(part)
        self.background.changed.connect(self.later)
        self.hear(viewer.dims.events.point)
        self.refresh()

    def refresh(self) -> None:
        """Measure the regions in the frame being looked at."""
        pair, shapes = self.pair(), self.drawn.value
        self.table.setRowCount(0)
        if pair is None or shapes is None:
            self.message.setText(HINT if pair else "Choose a sequence and its result.")
            return
        self.hear(shapes.events.data, shapes.events.set_data, shapes.events.edge_color)
        self.background.reset_choices()
        _tell_apart(shapes)
        regions = _areas(shapes)
        if not regions:
            self.message.setText(HINT)
            return
        chosen = self.background.value
        background = len(regions) - 1 if chosen in (None, LAST) else int(chosen) - 1
        t = frame_at(self.viewer, pair.after)
        shape = pair.after.data.shape[1:]
        masks = [mask_of(vertices(shapes, index, on=pair.after), shape=shape) for index in regions]
        self._fill(_frames(pair, t), masks, background, [shapes.edge_color[index] for index in regions])
        self.message.setText(f"frame {t}" if len(regions) > 1 else f"frame {t}. {HINT}")

    def _fill(
        self,
        frames: list[NDArray[Any]],
        masks: list[NDArray[np.bool_]],
        background: int,
        colours: list[NDArray[np.float32]],
    ) -> None:
        columns = [numbers(frame, masks, background=background) for frame in frames]
        self.table.setRowCount(len(masks))
        for row, colour in enumerate(colours):
            values = [column[row][kind] for kind in (0, 1) for column in columns]
            first = QTableWidgetItem(f"{row + 1}" + (" (background)" if row == background else ""))
            first.setData(Qt.ItemDataRole.DecorationRole, QColor.fromRgbF(*map(float, colour)))
            self.table.setItem(row, 0, first)
            for at, value in enumerate(values, start=1):
                item = QTableWidgetItem("-" if np.isnan(value) else f"{value:.3g}")
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, at, item)

    def _backgrounds(self, _: Any = None) -> list[str]:
        shapes = self.drawn.value
        return [LAST] if shapes is None else [LAST, *(str(n) for n, _ in enumerate(_areas(shapes), start=1))]


def numbers(frame: NDArray[Any], masks: list[NDArray[np.bool_]], *, background: int) -> list[tuple[float, float]]:
    """(SNR, CNR) in `frame` (Y, X) of every region, given as `masks` (Y, X); CNR is against that of `background`.

    NaN where a region holds fewer than two pixels, and for the CNR of the background itself.
    """
    values = [frame[mask] for mask in masks]
    still = values[background]
    contrast = [float("nan") if one is still else cnr(one, background=still) for one in values]
    return [(snr(one), against) for one, against in zip(values, contrast, strict=True)]


def _tell_apart(shapes: Shapes) -> None:
    """Give the shapes colours of their own where some have the same."""
    count = len(shapes.data)
    if len(np.unique(shapes.edge_color, axis=0)) < count <= len(COLOURS):
        shapes.edge_color = list(COLOURS[:count])


def _areas(shapes: Shapes) -> list[int]:
    return [index for index in range(len(shapes.data)) if not is_line(shapes, index)]


def _frames(pair: Pair, t: int) -> list[NDArray[Any]]:
    return [np.asarray(video.data[t]) for video in pair.videos()]


def _empty_table() -> QTableWidget:
    table = QTableWidget(0, len(COLUMNS))
    table.setHorizontalHeaderLabels(COLUMNS)
    table.verticalHeader().setVisible(False)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
    table.setFixedHeight(180)
    return table
