"""Layers that show others in another way, and are no results themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from napari.types import LayerDataTuple
from numpy.typing import NDArray

from napari_fluorodenoise.video import Video
from napari_fluorodenoise.widgets.layers import VIEW, layer_of, name_of, part_of, source_of

__all__ = ["three_frames", "view_of"]


def view_of(video: Video, *shown: Image, kind: str, layers: Iterable[Layer]) -> LayerDataTuple:
    """A layer of `video` (T, Y, X), made from those `shown` among `layers`; reads a few frames for the contrast.

    It is placed like the first of them and named after the last, with `kind` at the end.
    """
    layers, last = list(layers), shown[-1]
    return layer_of(
        video,
        name=f"{name_of(last, layers)}_{kind}",
        source=source_of(shown[0], layers),
        made_from={name_of(layer, layers): layer for layer in shown},
        record={"part": part_of(last, layers), VIEW: kind},
    )


def three_frames(data: Any) -> NDArray[Any]:
    """The first, middle and last frame of `data` (T, Y, X): enough for a contrast, without reading a whole sequence."""
    count = len(data)
    return np.asarray(data[sorted({0, count // 2, count - 1})])
