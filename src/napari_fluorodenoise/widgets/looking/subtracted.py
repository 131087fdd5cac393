"""Digital subtraction (DSA) against the frame that is being looked at."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Image

from napari_fluorodenoise.physics.subtraction import subtract
from napari_fluorodenoise.widgets.layers import VIEW, layer_of, name_of, part_of, source_of, video_of
from napari_fluorodenoise.widgets.looking.pair import frame_at, lazy, selected
from napari_fluorodenoise.widgets.show import add

__all__ = ["add_subtracted"]


def add_subtracted(viewer: ViewerModel) -> Image:
    """The layer, added to `viewer`, of the selected sequence less its frame that is being looked at, lazy.

    What it shows is said in `physics.subtraction`. Raises ValueError where no sequence is selected.
    """
    layer, layers = selected(viewer), viewer.layers
    video = lazy(video_of(layer))
    mask, name = frame_at(viewer, layer), name_of(layer, layers)
    data, attributes, kind = layer_of(
        subtract(video, mask=mask),
        name=f"{name}_subtracted",
        source=source_of(layer, layers),
        made_from={name: layer},
        record={"part": part_of(layer, layers), VIEW: "subtracted"},
    )
    (added,) = add(viewer, [(data, {**attributes, "name": f"{attributes['name']} from frame {mask}"}, kind)])
    return added
