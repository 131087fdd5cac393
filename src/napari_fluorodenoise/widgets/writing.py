"""Image layers as files: what napari's File > Save Selected Layers asks of a plugin.

A file keeps what the layer shows: pixels, timing, spacing, what the values mean, and the contrast limits as its window.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from napari.utils.notifications import show_info

from napari_fluorodenoise.engine.finite import refuse_infinite
from napari_fluorodenoise.engine.progress import Cancelled, Progress, portion
from napari_fluorodenoise.io import FORMATS, check_output, write
from napari_fluorodenoise.io.frames import blocks
from napari_fluorodenoise.video import Video
from napari_fluorodenoise.widgets.layers import video_of
from napari_fluorodenoise.widgets.waiting import waiting_for

__all__ = ["write_dicom", "write_tiff", "write_zarr"]

Rescale = tuple[float, float]


def write_dicom(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """The one path written: the layer as a derived DICOM object.

    Values that are no integers of 8 or 16 bits are spread over 16 bits; a notification says in which steps. Raises
    ValueError of one line where the layer is no grey sequence or picture, or has values that are not finite.
    """
    return _saved(path, data, attributes, suffix=".dcm")


def write_zarr(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """The one path written: the layer as OME-Zarr, its values as they are. Raises ValueError as `write_dicom` does."""
    return _saved(path, data, attributes, suffix=".ome.zarr")


def write_tiff(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """The one path written: the layer as TIFF, its values as they are. Raises ValueError as `write_dicom` does."""
    return _saved(path, data, attributes, suffix=".tif")


def _saved(path: str, data: Any, attributes: dict[str, Any], *, suffix: str) -> list[str]:
    """The path written, or none where the user stopped it. A name without a suffix of ours gets `suffix`."""
    layer = Layer.create(data, attributes, "image")
    video, window = _sequence(layer), (float(layer.contrast_limits[0]), float(layer.contrast_limits[1]))
    asked = Path(path)
    target = asked if asked.suffix and asked.suffix.lower() in FORMATS else asked.with_name(asked.name + suffix)
    overwrite = target == asked  # the dialog asked about this name, and about no other
    work = partial(_write, target, video, window=window, overwrite=overwrite)
    try:
        rescale = waiting_for(lambda progress: work(progress=progress), title=f"Saving {target.name}")
    except Cancelled:
        return []
    if rescale is not None:
        show_info(f"{target.name}: DICOM holds 16 bits, so the values were stored in steps of {rescale[0]:.3g}")
    return [str(target)]


def _write(
    path: Path, video: Video, *, window: tuple[float, float], overwrite: bool, progress: Progress
) -> Rescale | None:
    """Write `video`, and say how its values were rescaled, if they were."""
    from napari_fluorodenoise.io.dicom import DTYPES

    check_output(path, overwrite=overwrite)
    rescale = None
    if FORMATS[path.suffix.lower()] == "dicom" and video.dtype.name not in DTYPES:
        rescale = _spread(video, progress=portion(progress, 0.0, 0.5))
        progress = portion(progress, 0.5, 1.0)
    write(path, video, overwrite=overwrite, rescale=rescale, window=window, progress=progress)
    return rescale


def _spread(video: Video, *, progress: Progress) -> Rescale:
    """(slope, intercept) that spread all values over 16 bits. Whole numbers that 16 bits hold are kept: slope 1."""
    low, high = np.inf, -np.inf
    for at, block in blocks(video, progress=progress):
        refuse_infinite(block, name="the layer", first=at.start)
        low, high = min(low, float(block.min())), max(high, float(block.max()))
    slope = (high - low) / np.iinfo(np.uint16).max
    if video.dtype.kind != "f":
        slope = max(1.0, float(np.ceil(slope)))
    return slope or 1.0, low  # all values may be the same


def _sequence(layer: Image) -> Video:
    """The sequence that the layer shows; a picture (Y, X) is a sequence of one frame."""
    if layer.ndim == 2 and not (layer.rgb or layer.multiscale):
        place = {"scale": (1.0, *layer.scale), "units": ("pixel", *layer.units)}
        limits, metadata = layer.contrast_limits, layer.metadata
        layer = Image(layer.data[np.newaxis], **place, contrast_limits=limits, metadata=metadata, name=layer.name)
    return video_of(layer)
