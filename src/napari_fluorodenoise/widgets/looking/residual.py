"""What was taken away: before less after. Only noise should be seen in it; a wire or a vessel in it was lost."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from napari.types import LayerDataTuple

from napari_fluorodenoise.video import Video
from napari_fluorodenoise.widgets.looking.pair import Pair, pair_of, selected
from napari_fluorodenoise.widgets.looking.view import three_frames, view_of
from napari_fluorodenoise.widgets.show import add

__all__ = ["add_residual", "removed", "residual_of"]

SPREAD = 4.0
"""Standard deviations of the residual from grey to black, and to white."""


def add_residual(viewer: ViewerModel) -> Image:
    """The layer, added to `viewer`, of what the selected result took away; raises ValueError where there is none."""
    (layer,) = add(viewer, [residual_of(pair_of(selected(viewer), viewer), viewer)])
    return layer


def residual_of(pair: Pair, viewer: ViewerModel) -> LayerDataTuple:
    """A lazy layer (T, Y, X) float32 of what `pair` differs in, placed like it, grey for zero.

    Reads three frames, for the contrast.
    """
    video = removed(pair)
    data, attributes, kind = view_of(video, pair.before, pair.after, kind="residual", layers=viewer.layers)
    limit = SPREAD * _deviation(video)
    return data, {**attributes, "contrast_limits": (-limit, limit), "colormap": "gray"}, kind


def removed(pair: Pair) -> Video:
    """Before less after, (T, Y, X) float32 in their units, lazy, one frame read at a time."""
    before, after = pair.videos()
    return before.of_other_values().with_data(before.data.astype(np.float32) - after.data.astype(np.float32))


def _deviation(video: Video) -> float:
    """The standard deviation of what is finite in three frames; 1 where that is nothing."""
    frames = three_frames(video.data)
    return float(np.std(frames[np.isfinite(frames)])) or 1.0
