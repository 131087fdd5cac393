"""Videos, images and tables as napari layers and back. No Qt: everything here works with a bare `ViewerModel`.

What a layer cannot say by itself stands in `layer.metadata["fluorodenoise"]`: the meaning of its values and, in a
result, its name, its source, the layers it was made from, and the part of the source that it shows. So the layers of
one sequence find each other, whatever the user calls them, and what was made from a layer that another has replaced,
or that was edited since, is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer, Points
from napari.types import LayerDataTuple
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_fluorodenoise.engine.chunks import by_frames, lazy
from napari_fluorodenoise.part import WHOLE, Part
from napari_fluorodenoise.video import Image, Item, Run, Table, Video
from napari_fluorodenoise.widgets.contrast import limits_of, range_of

if TYPE_CHECKING:
    pass

__all__ = [
    "KEY", "VIEW", "current", "edited", "fits", "is_result", "layer_of", "name_of", "opened", "part_of",
    "record_of", "results_of", "run_of", "source_of", "video_of",
]  # fmt: skip

KEY = "fluorodenoise"
AXES = ("t", "y", "x")
VIEW = "view"
"""Stands in the record of a layer that shows others in another way, and is no result to be worked on or judged."""
FRAME = "frame"
"""The feature of a point that says which frame it stands for."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


def opened(video: Video, *, name: str, made_by: str | None = None) -> LayerDataTuple:
    """An image layer (T, Y, X) of a sequence that was read or simulated; reads a few of its frames for the contrast.

    `made_by` is the expression of Python that gives `video` again; it holds for as long as the layer has these pixels.
    """
    rows, columns = video.pixel_size or (1.0, 1.0)
    lengths = "pixel" if video.pixel_size is None else "mm"
    attributes = {
        "name": name,
        "scale": (video.frame_interval or 1.0, rows, columns),
        "translate": (0.0, video.origin[0] * rows, video.origin[1] * columns),
        "units": ("pixel" if video.frame_interval is None else "s", lengths, lengths),
        "axis_labels": AXES,
        "contrast_limits": video.metadata.get("window") or range_of(video.data),
        "colormap": "gray_r" if video.photometric == "MONOCHROME1" else "gray",
        "metadata": {KEY: _record(video) | ({} if made_by is None else {"made by": made_by, "made": id(video.data)})},
    }
    return video.data, attributes, "image"


def results_of(
    run: Run,
    names: Iterable[str],
    *,
    source: ImageLayer,
    made_from: Mapping[str, Layer] = NOTHING,
    record: Mapping[str, Any] = NOTHING,
) -> list[LayerDataTuple]:
    """A layer for each of the run's `names`, in the order in which to add them: the first one ends on top, visible.

    Only points end above it, or it would hide them. `made_from` are the layers, by name, from which they were made, and
    `record` is what every layer is to remember beside.
    """
    made: list[LayerDataTuple] = []
    told = {"detector": run.detector, **record}
    for name in names:
        layer = layer_of(run[name], name=name, source=source, made_from=made_from, record=told)
        layer[1]["visible"] = not made
        made.insert(0, layer)
    return sorted(made, key=lambda layer: layer[2] == "points")


def layer_of(
    item: Item,
    *,
    name: str,
    source: ImageLayer,
    made_from: Mapping[str, Layer] = NOTHING,
    record: Mapping[str, Any] = NOTHING,
) -> LayerDataTuple:
    """A layer `<source> · name` of a result, placed like its source; reads a few frames for the contrast.

    A video (T, Y, X) or an image (Y, X) becomes an image layer; a table of positions (row, column), one per frame,
    becomes points (Y, X): the path of the frames' middle, which may be moved by hand. `record` is what the layer is to
    remember beside; its "part" is the part of the source that the frames are.
    """
    video = video_of(source)
    part: Part = record.get("part", WHOLE)
    origins = {other: _state(layer) for other, layer in made_from.items()}
    known = {"source": source.unique_id, "name": name, "made from": origins, **record}
    attributes: dict[str, Any] = {"name": f"{source.name} · {name}"}
    if isinstance(item, Table):
        corner = (part.rows or (0, 0))[0], (part.columns or (0, 0))[0]
        positions, path = _path(item, frame=_size(part, video.shape))
        path["metadata"][KEY] |= known
        return positions, {**attributes, **_placed(source, ndim=2, shift=(0, *corner)), **path}, "points"
    start = 0 if part.frames is None else part.frames[0]
    shift = (start, item.origin[0] - video.origin[0], item.origin[1] - video.origin[1])
    attributes |= {
        **_placed(source, ndim=item.data.ndim, shift=shift),
        "contrast_limits": limits_of(item.data, like=source.contrast_limits),
        "colormap": source.colormap.name,
        "metadata": {KEY: {**_record(video), **known, "origin": item.origin}},
    }
    return item.data, attributes, "image"


def video_of(layer: Layer) -> Video:
    """The grey sequence (T, Y, X) that an image layer shows; raises ValueError of one line where it shows none.

    Timing and spacing are the layer's scale where its units are those of time and length, else unknown.
    """
    if not isinstance(layer, ImageLayer):
        raise ValueError(
            f"expected an image layer, found {layer.name!r}, a {type(layer).__name__} layer; choose the sequence itself"
        )
    if layer.rgb:
        raise ValueError(f"expected a grey sequence, found {layer.name!r} in colour; split or convert it first")
    if layer.multiscale:
        raise ValueError(f"expected one resolution, found {layer.name!r} in several; open a single one")
    if layer.ndim != 3:
        raise ValueError(
            f"expected three axes (t, y, x), found {layer.ndim} in {layer.name!r}; pick or stack one grey sequence"
        )
    record = record_of(layer)
    known = {key: record[key] for key in ("origin", "intensity", "photometric", "metadata") if key in record}
    return Video(
        data=_array(layer.data), frame_interval=_measure(layer, 0, "s"), pixel_size=_pixel_size(layer), **known
    )


def fits(layer: Layer) -> bool:
    """True where `video_of` finds a sequence in the layer."""
    try:
        video_of(layer)
    except ValueError:
        return False
    return True


def is_result(layer: Layer, layers: Iterable[Layer]) -> bool:
    """True for a layer that a stage made of another layer that is still there."""
    return source_of(layer, layers) is not layer


def name_of(layer: Layer, layers: Iterable[Layer]) -> str:
    """What `run_of` calls the layer: "frames" for a source, a result's own name otherwise."""
    return str(record_of(layer)["name"]) if is_result(layer, layers) else "frames"


def source_of(layer: Layer, layers: Iterable[Layer]) -> Layer:
    """The layer that `layer` was made of; itself where there is none."""
    wanted = record_of(layer).get("source")
    return next((other for other in layers if wanted is not None and other.unique_id == wanted), layer)


def part_of(layer: Layer, layers: Iterable[Layer]) -> Part:
    """The part of its source that a result shows; all of a source."""
    part: Part = record_of(layer).get("part", WHOLE) if is_result(layer, layers) else WHOLE
    return part


def record_of(layer: Layer) -> Mapping[str, Any]:
    """What this plugin wrote into the layer; empty in a layer from elsewhere."""
    return MappingProxyType(layer.metadata.get(KEY, {}))


def run_of(layer: Layer, layers: Iterable[Layer], *, part: Part = WHOLE) -> Run:
    """The run of what is `current` in `layer`'s sequence, and its detector. Raises ValueError as `video_of` does.

    Its frames are lazy: stages then hold a few at a time of what they make of them.
    """
    chosen = current(layer, layers, part=part)
    items: dict[str, Item] = {"frames": part.of(lazy(video_of(chosen.pop("frames"))))}
    items |= {name: _item(other) for name, other in chosen.items()}
    detectors = [found for found in (record_of(other).get("detector") for other in chosen.values()) if found]
    return Run(items, detector=detectors[-1] if detectors else None)


def current(layer: Layer, layers: Iterable[Layer], *, part: Part = WHOLE) -> dict[str, Layer]:
    """The layers of `layer`'s sequence that count, by name: its source as "frames", and its results for this `part`.

    Of two results with one name the upper layer counts, or `layer` itself. A result made from a layer that such a one
    has replaced, or that was edited since, directly or by way of other results, does not count: new parts are never
    mixed with old.
    """
    layers = list(layers)
    source = source_of(layer, layers)
    made = [other for other in layers if other is not source and source_of(other, layers) is source]
    results = [other for other in made if part_of(other, layers) == part and VIEW not in record_of(other)]
    results.sort(key=lambda other: other is layer)
    latest = {name_of(other, layers): other for other in results}

    def outdated(result: Layer) -> bool:
        origins = {name: state for name, state in record_of(result).get("made from", {}).items() if name in latest}
        return any(_state(latest[name]) != state or outdated(latest[name]) for name, state in origins.items())

    valid = (other for other in results if other is layer or not outdated(other))
    return {"frames": source} | {name_of(other, layers): other for other in valid}


def edited(layer: Layer) -> bool:
    """True for a path whose points were moved, added or deleted since it was made."""
    return isinstance(layer, Points) and record_of(layer).get("as made") != _digest(layer.data)


def _state(layer: Layer) -> str:
    """What a layer is, and what is in it where that may be edited."""
    return f"{layer.unique_id} {_digest(layer.data)}" if isinstance(layer, Points) else str(layer.unique_id)


def _digest(positions: Any) -> str:
    return sha256(np.ascontiguousarray(positions, np.float64).tobytes()).hexdigest()


def _size(part: Part, shape: tuple[int, int, int]) -> tuple[int, int]:
    """(Y, X) of the frames of `part`, in pixels."""
    rows, columns = part.rows or (0, shape[1]), part.columns or (0, shape[2])
    return rows[1] - rows[0], columns[1] - columns[0]


def _item(layer: Layer) -> Item:
    if isinstance(layer, Points):
        return _table(layer)
    if layer.ndim == 2:
        return Image(data=np.asarray(layer.data), pixel_size=_pixel_size(layer), origin=record_of(layer)["origin"])
    return video_of(layer)


def _path(table: Table, *, frame: tuple[int, int]) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Where the middle of every frame of `frame` (Y, X) pixels lies (T, 2) px, and how a points layer shows it.

    Row and column live in the points alone, so that moving a point changes the table; the rest are their features.
    """
    import pandas as pd  # napari would, in the window's own time

    middle = (np.array(frame) - 1) / 2
    positions = table.data[:, :2] + middle
    features = pd.DataFrame(table.data[:, 2:], columns=table.columns[2:])
    features.insert(0, FRAME, np.arange(len(table.data)))
    attributes: dict[str, Any] = {
        "features": features,
        "size": max(min(frame) / 40, 1),
        "border_width": 0,
        "metadata": {KEY: {"columns": table.columns, "middle": tuple(middle), "as made": _digest(positions)}},
    }
    if "confidence" in features:
        colours = {"face_color": "confidence", "face_colormap": "viridis", "face_contrast_limits": (0.0, 1.0)}
        attributes |= colours
    return positions, attributes


def _table(points: Points) -> Table:
    """The table that the points of a path stand for, in the order of the frames; NaN for a frame without a point."""
    record, features = record_of(points), points.features
    frames = features[FRAME].to_numpy(int)
    data = np.full((max(len(frames), frames.max(initial=-1) + 1), len(record["columns"])), np.nan)
    data[frames, :2] = points.data - record["middle"]
    data[frames, 2:] = features[list(record["columns"][2:])].to_numpy(np.float64)
    return Table(data=data, columns=record["columns"])


def _array(data: Any) -> Any:
    """The pixels as numpy or dask; napari also shows what only looks like an array, such as zarr's."""
    import dask.array as da

    return data if isinstance(data, np.ndarray | da.Array) else by_frames(data)


def _record(video: Video) -> dict[str, Any]:
    """What a layer of `video` has to remember beside its pixels and its place."""
    return {
        "origin": video.origin,
        "intensity": video.intensity,
        "photometric": video.photometric,
        "metadata": dict(video.metadata),
    }


def _pixel_size(layer: Layer) -> tuple[float, float] | None:
    """(row, column) in mm, or None where the layer's last two axes have no units of length."""
    row, column = _measure(layer, -2, "mm"), _measure(layer, -1, "mm")
    return None if row is None or column is None else (row, column)


def _measure(layer: Layer, axis: int, unit: str) -> float | None:
    """The layer's scale along `axis` in `unit`; None where its own unit is no such measure."""
    own = layer.units[axis]
    return float((layer.scale[axis] * own).to(unit).magnitude) if own.is_compatible_with(unit) else None


def _placed(source: Layer, *, ndim: int, shift: tuple[float, float, float]) -> dict[str, Any]:
    """Where a result of `source` lies in the world; `shift` (t, row, column) in pixels; two axes take the last two."""
    place = Affine(scale=source.scale, rotate=source.rotate, shear=source.shear)
    translate = source.translate + place.linear_matrix @ shift
    keep = list(range(3 - ndim, 3))
    turn = source.affine.affine_matrix
    return {
        "scale": source.scale[keep],
        "translate": translate[keep],
        "rotate": source.rotate[np.ix_(keep, keep)],
        "shear": source.shear if ndim == 3 else source.shear[-1:],
        "affine": turn[np.ix_([*keep, 3], [*keep, 3])],
        "units": tuple(source.units[axis] for axis in keep),
        "axis_labels": tuple(source.axis_labels[axis] for axis in keep),
    }
