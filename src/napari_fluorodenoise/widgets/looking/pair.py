"""What the user is at: the selected layer, the frame, and the pair of a sequence and what was made of it."""

from __future__ import annotations

from dataclasses import dataclass

from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_fluorodenoise.engine.chunks import lazy
from napari_fluorodenoise.part import WHOLE, Part
from napari_fluorodenoise.video import Video
from napari_fluorodenoise.widgets.layers import VIEW, fits, name_of, part_of, record_of, source_of, video_of

__all__ = ["Pair", "frame_at", "pair_of", "pairing", "selected"]

ENTIRE = ("fused", "frames_denoised")
"""The results that stand for the frames themselves, and not for something in them."""


@dataclass(frozen=True, eq=False)
class Pair:
    """The layers `before` and `after`, whose frames lie on those of the `part` of before."""

    before: Image
    after: Image
    part: Part = WHOLE

    def videos(self) -> tuple[Video, Video]:
        """Before and after, of one shape (T, Y, X), lazy."""
        return self.part.of(lazy(video_of(self.before))), lazy(video_of(self.after))


def selected(viewer: ViewerModel) -> Layer:
    """The one selected layer; raises ValueError where there is none."""
    layer = viewer.layers.selection.active
    if layer is None:
        found = len(viewer.layers.selection) or "none"
        raise ValueError(f"expected one selected layer, found {found}; click on a sequence or on a result of it")
    return layer


def frame_at(viewer: ViewerModel, layer: Image) -> int:
    """The number of the layer's frame that is being looked at, the nearest one where it has none at that time."""
    t = round(float(layer.world_to_data(viewer.dims.point)[0]))
    return min(max(t, 0), len(layer.data) - 1)


def pair_of(layer: Layer, viewer: ViewerModel) -> Pair:
    """A result and its source; of a source, the result that stands for the whole, that is shown, or that is uppermost.

    Raises ValueError where there is no result whose frames lie on those of the source.
    """
    layers = viewer.layers
    before = source_of(layer, layers)
    wanted = [layer] if layer is not before else [other for other in layers if source_of(other, layers) is before]
    pairs = [pair for other in wanted if (pair := pairing(before, other, viewer)) is not None]
    if not pairs:
        raise ValueError(f"expected a result on the frames of {before.name!r}, found none; select one, or make one")
    return max(pairs, key=lambda pair: _rank(pair.after, viewer))


def pairing(before: Layer, after: Layer, viewer: ViewerModel) -> Pair | None:
    """`before` and `after` as a pair, or None where their frames do not lie on each other, or one is a mere view."""
    if before is after or not (fits(before) and fits(after)) or any(VIEW in record_of(one) for one in (before, after)):
        return None
    part = part_of(after, viewer.layers) if source_of(after, viewer.layers) is before else WHOLE
    ranges = zip((part.frames, part.rows, part.columns), before.data.shape, strict=True)
    shape = tuple(length if taken is None else taken[1] - taken[0] for taken, length in ranges)
    return Pair(before, after, part) if shape == tuple(after.data.shape) else None


def _rank(layer: Layer, viewer: ViewerModel) -> tuple[bool, bool, int]:
    return name_of(layer, viewer.layers) in ENTIRE, layer.visible, viewer.layers.index(layer)
