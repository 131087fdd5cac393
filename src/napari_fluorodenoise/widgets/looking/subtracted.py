"""Digital subtraction (DSA) against the frame that is being looked at."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Image

from napari_fluorodenoise.engine.chunks import lazy
from napari_fluorodenoise.physics.subtraction import subtract
from napari_fluorodenoise.widgets.layers import video_of
from napari_fluorodenoise.widgets.looking.pair import frame_at, selected
from napari_fluorodenoise.widgets.looking.view import view_of
from napari_fluorodenoise.widgets.show import add

__all__ = ["add_subtracted"]


def add_subtracted(viewer: ViewerModel) -> Image:
    """The layer, added to `viewer`, of the selected sequence less its frame that is being looked at, lazy.

    What it shows is said in `physics.subtraction`. Raises ValueError where no sequence is selected.
    """
    layer = selected(viewer)
    video, mask = lazy(video_of(layer)), frame_at(viewer, layer)
    difference = subtract(video, mask=mask)
    data, attributes, kind = view_of(difference, layer, kind="subtracted", layers=viewer.layers)
    (added,) = add(viewer, [(data, {**attributes, "name": f"{attributes['name']} from frame {mask}"}, kind)])
    return added
