"""Layers of one sequence shown over each other: how sure it is, what moves, and the frames over the panorama."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils import Colormap

from napari_fluorodenoise.widgets.layers import current, name_of, part_of, source_of
from napari_fluorodenoise.widgets.looking.arrangement import put_above
from napari_fluorodenoise.widgets.looking.pair import selected
from napari_fluorodenoise.widgets.looking.view import three_frames

__all__ = ["show_foreground", "show_panorama", "show_uncertainty"]

DIM = 0.5
"""How bright a panorama is, so that the frame over it stands out."""
SIGNED = Colormap(
    colors=[[1.0, 0.35, 0.1, 1.0], [1.0, 0.35, 0.1, 0.0], [0.2, 0.6, 1.0, 0.0], [0.2, 0.6, 1.0, 1.0]],
    controls=[0.0, 0.5, 0.5, 1.0],
    name="darker and brighter",
)
"""Orange where something dark, as a vessel, is in front; blue where it is brighter; nothing where nothing is."""


def show_uncertainty(viewer: ViewerModel) -> Layer:
    """The uncertainty of the selected layer's sequence, shown from 0 over its result, or over its frames.

    Make it less opaque to see both. Raises ValueError where there is none.
    """
    chosen = selected(viewer)
    layers = _beside(chosen, viewer)
    names = _uncertainties(name_of(chosen, viewer.layers), layers)
    name = _found(layers, names, advice="run Denoise or Fuse first")
    uncertainty, result = layers[name], "fused" if name == "uncertainty" else name.replace("uncertainty", "denoised")
    below = layers.get(result, layers["frames"])
    top = float(np.nanpercentile(np.abs(three_frames(uncertainty.data)), 99.9)) or 1.0
    uncertainty.contrast_limits_range = (0, max(top, uncertainty.contrast_limits_range[1]))
    uncertainty.contrast_limits = (0, top)
    uncertainty.colormap, uncertainty.blending = "inferno", "translucent"
    _only(viewer, below, uncertainty)
    return uncertainty


def show_foreground(viewer: ViewerModel) -> Layer:
    """The foreground of the selected layer's sequence in colour over its grey background.

    What is darker than the background, as a vessel or a wire, is orange, and what is brighter is blue. Raises
    ValueError where nothing was split.
    """
    layers = _beside(selected(viewer), viewer)
    background = layers[_found(layers, ("background_denoised", "background"), advice="run Decompose first")]
    foreground = layers[_found(layers, ("foreground_denoised", "foreground"), advice="run Decompose first")]
    limit = float(np.nanpercentile(np.abs(three_frames(foreground.data)), 99.8)) or 1.0
    foreground.contrast_limits_range = (-2 * limit, 2 * limit)
    foreground.contrast_limits = (-limit, limit)
    foreground.colormap, foreground.blending = SIGNED, "translucent_no_depth"
    background.opacity = 1.0
    _only(viewer, background, foreground)
    return foreground


def show_panorama(viewer: ViewerModel) -> Layer:
    """The panorama of the selected layer's sequence, dimmed, and over it the frames, which move as time goes.

    Raises ValueError where nothing was stabilized.
    """
    layers = _beside(selected(viewer), viewer)
    panorama = layers[_found(layers, ("panorama",), advice="run Stabilize first")]
    frames = layers[_found(layers, ("stabilized",), advice="run Stabilize first")]
    low, high = panorama.contrast_limits
    low = max(low, 1e-6 * high)  # what lies outside the frame is 0, and is to be below the lowest value shown
    frames.contrast_limits = panorama.contrast_limits = (low, high)
    colours = layers["frames"].colormap
    panorama.colormap = Colormap(colors=colours.colors * (DIM, DIM, DIM, 1), name=f"{colours.name}, dimmed")
    frames.colormap = Colormap(colors=colours.colors, name=f"{colours.name}, clear", low_color="transparent")
    _only(viewer, panorama, frames)
    viewer.reset_view()
    return frames


def _beside(chosen: Layer, viewer: ViewerModel) -> dict[str, Layer]:
    """The layers of `chosen`'s sequence by name: the frames, and the results for the part that it shows itself."""
    return current(chosen, viewer.layers, part=part_of(chosen, viewer.layers))


def _uncertainties(chosen: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names of uncertainties: that of the layer called `chosen` first, then that of the whole."""
    known = [name for name in names if name.endswith("uncertainty")]
    own = chosen.replace("denoised", "uncertainty")
    return (*sorted(known, key=lambda name: (name != own, name != "uncertainty")), "uncertainty")


def _found(layers: dict[str, Layer], names: tuple[str, ...], *, advice: str) -> str:
    """The first of `names` that is there; raises ValueError with `advice` where none is."""
    for name in names:
        if name in layers:
            return name
    frames = layers["frames"].name
    raise ValueError(f"expected {names[-1]!r} among the results of {frames!r}, found none; {advice}")


def _only(viewer: ViewerModel, below: Layer, above: Layer) -> None:
    """Show these two of their sequence's layers, one directly over the other."""
    layers, source = viewer.layers, source_of(below, viewer.layers)
    for layer in layers:
        if source_of(layer, layers) is source:
            layer.visible = layer in (below, above)
    put_above(viewer, above, below)
    layers.selection.active = above
