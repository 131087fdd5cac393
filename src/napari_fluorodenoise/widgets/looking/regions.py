"""The dock "Regions": how clearly drawn regions stand out, before and after, in the frame being looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from magicgui.widgets import ComboBox
from napari.components import ViewerModel
from napari.layers import Image, Shapes
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout

from napari_fluorodenoise.quality import cnr, snr
from napari_fluorodenoise.widgets.form import rows
from napari_fluorodenoise.widgets.looking.drawing import Drawing
from napari_fluorodenoise.widgets.looking.drawn import is_drawing, is_line, mask_of, vertices
from napari_fluorodenoise.widgets.looking.following import narrow
from napari_fluorodenoise.widgets.looking.pair import Pair, frame_at

__all__ = ["Regions", "numbers"]

COLUMNS = ("region", "SNR\nbefore", "SNR\nafter", "CNR\nbefore", "CNR\nafter")
COLOURS = ("#ff8c2e", "#3b9dff", "#4fb36b", "#d65fd6", "#e3c317")
WHAT = "regions"
LAST = "the last one drawn"
HINT = "Draw two regions or more; the background is one of them."


class Regions(Drawing):
    """Measures the shapes of a Shapes layer in the frame of the chosen pair that `viewer` shows."""

    def __init__(self, viewer: ViewerModel) -> None:
        tooltip = "Adds a Shapes layer; drag a rectangle over an object, and another over its background."
        super().__init__(viewer, what=WHAT, mode="add_rectangle", tooltip=tooltip)
        self.background = narrow(
            ComboBox(label="background", choices=self._backgrounds, tooltip="The region that CNR compares with.")
        )
        self.table = _empty_table()
        self._masks: dict[tuple[bytes, tuple[int, int]], NDArray[np.bool_]] = {}
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
        if is_drawing(shapes, WHAT):
            _colour_next(shapes)
        regions = _areas(shapes)
        if not regions:
            self.message.setText(HINT)
            return
        chosen = self.background.value
        background = len(regions) - 1 if chosen in (None, LAST) else int(chosen) - 1
        t = frame_at(self.viewer, pair.after)
        masks = self._masks_of(shapes, regions, on=pair.after)
        self._fill(_frames(pair, t), masks, background, [shapes.edge_color[index] for index in regions])
        self.message.setText(f"frame {t}" if len(regions) > 1 else f"frame {t}. {HINT}")

    def _masks_of(self, shapes: Shapes, regions: list[int], *, on: Image) -> list[NDArray[np.bool_]]:
        """The mask (Y, X) of every region, kept for the next frame: each takes milliseconds to make."""
        shape = on.data.shape[1:]
        corners = [vertices(shapes, index, on=on) for index in regions]
        keys = [(polygon.tobytes(), shape) for polygon in corners]
        known = self._masks
        self._masks = {
            key: known[key] if key in known else mask_of(polygon, shape=shape)
            for key, polygon in zip(keys, corners, strict=True)
        }
        return [self._masks[key] for key in keys]

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


def _colour_next(shapes: Shapes) -> None:
    """Have the next shape drawn in a colour that none has yet; what was drawn keeps its own."""
    used = shapes.edge_color.tolist()
    current, *colours = transform_color([shapes.current_edge_color, *COLOURS]).tolist()
    free = [colour for colour in colours if colour not in used]
    if free and current in used and shapes.mode.startswith("add"):
        with shapes.block_update_properties():  # else the shape still selected would change
            shapes.current_edge_color = free[0]


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
