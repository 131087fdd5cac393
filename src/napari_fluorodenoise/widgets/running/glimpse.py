"""One frame of a sequence shown over it before all are done: a preview, or what a network in training makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_fluorodenoise.widgets.layers import KEY, VIEW, layer_of, record_of, video_of
from napari_fluorodenoise.widgets.removal import take_away

__all__ = ["clear_glimpse", "clear_orphans", "show_glimpse"]

GLIMPSE = "glimpse"


def show_glimpse(
    viewer: ViewerModel, picture: NDArray[Any], *, source: Image, frame: int, origin: tuple[float, float], name: str
) -> Layer:
    """The layer `<source> · name` with `picture` (Y, X) at `frame` of the sequence alone, and no more of one before.

    `origin` (row, column), in pixels, is where the picture lies in the frames first read. It is a mere view, which no
    stage reads, and what the user is at stays selected.
    """
    shown = video_of(source).with_data(np.asarray(picture)[np.newaxis], origin=origin)
    data, attributes, kind = layer_of(shown, name=name, source=source)
    place = np.array(attributes["translate"], float)
    place[0] += frame * source.scale[0]
    known = [layer for layer in viewer.layers if record_of(layer).get(GLIMPSE) == (source.unique_id, name)]
    if known:
        known[0].data, known[0].translate = data, place
        return known[0]
    attributes |= {"translate": place, "contrast_limits": source.contrast_limits}
    attributes["metadata"] = {KEY: {GLIMPSE: (source.unique_id, name), VIEW: GLIMPSE}}
    selected = set(viewer.layers.selection)
    layer = viewer.add_layer(Layer.create(data, attributes, kind))
    viewer.layers.selection = selected
    return layer


def clear_orphans(viewer: ViewerModel) -> None:
    """Remove what was shown of sources that are gone."""
    there = {layer.unique_id for layer in viewer.layers}
    shown = [layer for layer in viewer.layers if record_of(layer).get(VIEW) == GLIMPSE]
    take_away(viewer, [layer for layer in shown if record_of(layer)[GLIMPSE][0] not in there])


def clear_glimpse(viewer: ViewerModel, *, source: Layer, name: str) -> None:
    """Remove what `show_glimpse` showed under this name."""
    shown = [layer for layer in viewer.layers if record_of(layer).get(GLIMPSE) == (source.unique_id, name)]
    take_away(viewer, shown)
