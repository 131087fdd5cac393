"""Layers removed in a way that every driver survives."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from napari.components import ViewerModel
from napari.layers import Layer

__all__ = ["take_away"]


def take_away(viewer: ViewerModel, layers: Iterable[Layer]) -> None:
    """Remove `layers` from `viewer`, where they still are, one after another, each of them drawn once more before.

    vispy leaves the vertex arrays of what it drew last enabled. Where a layer was drawn, then hidden, out of the slice
    or beside others that go with it, and is then removed, they point to buffers that are gone, and Mesa's software
    driver crashes at the next picture. Every removal costs napari some tenths of a second; the window goes on
    meanwhile.
    """
    for layer in list(layers):
        if layer in viewer.layers:
            _bring_into_view(viewer, layer)
            _draw()
            viewer.layers.remove(layer)


def _bring_into_view(viewer: ViewerModel, layer: Layer) -> None:
    layer.visible = True
    if layer.ndim == viewer.dims.ndim:
        first, last = layer.extent.world[:, 0]
        now = viewer.dims.point[0]
        if not first <= now <= last:
            layer.translate = (layer.translate[0] + now - first, *layer.translate[1:])


def _draw() -> None:
    """Let the window draw itself, where there is one."""
    if "qtpy.QtWidgets" in sys.modules:
        from qtpy.QtCore import QEventLoop
        from qtpy.QtWidgets import QApplication

        QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
