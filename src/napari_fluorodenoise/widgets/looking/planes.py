"""The two planes of a biplane run side by side, with everything that was made of them."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

from napari_fluorodenoise.widgets.layers import KEY, fits, record_of, source_of

__all__ = ["put_beside"]

BESIDE = "beside"
"""Stands in the metadata of a sequence that was moved, with how far (row, column), in its units."""
GAP = 0.04
"""Between the planes, as part of the first one's width."""


def put_beside(viewer: ViewerModel) -> bool:
    """Put the upper of the two selected sequences right of the other, with its results; put it back if it is there.

    True where it was put beside. Both keep their time axis, so that one slider moves through both. Raises ValueError
    where other than two sequences are selected.
    """
    left, right = _two_selected(viewer)
    recorded = record_of(right).get(BESIDE)
    shift = _free_place(left, right) if recorded is None else -np.asarray(recorded)
    for layer in viewer.layers:
        if source_of(layer, viewer.layers) is right:
            layer.translate = layer.translate + np.concatenate([np.zeros(layer.ndim - 2), shift])
    _remember(right, None if recorded is not None else shift)
    viewer.reset_view()
    return recorded is None


def _two_selected(viewer: ViewerModel) -> list[Layer]:
    """The sources of the two selected sequences, the lower one first, or else the one that was not moved yet."""
    selected = {source_of(layer, viewer.layers) for layer in viewer.layers.selection if fits(layer)}
    if len(selected) != 2:
        raise ValueError(
            f"expected two selected sequences, found {len(selected)}; click on one plane, then with Ctrl on the other"
        )
    return sorted(selected, key=lambda layer: (BESIDE in record_of(layer), viewer.layers.index(layer)))


def _free_place(left: Layer, right: Layer) -> NDArray[np.float64]:
    """How far (row, column) `right` has to move so that it stands right of `left`, their tops level."""
    here, there = (layer.extent.world[:, 1:] for layer in (left, right))
    gap = GAP * (here[1, 1] - here[0, 1])
    return np.array([here[0, 0] - there[0, 0], here[1, 1] + gap - there[0, 1]])


def _remember(layer: Layer, shift: NDArray[np.float64] | None) -> None:
    record = {key: value for key, value in record_of(layer).items() if key != BESIDE}
    if shift is not None:
        record[BESIDE] = tuple(shift.tolist())
    layer.metadata = {**layer.metadata, KEY: record}
