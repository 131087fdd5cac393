"""TIFF and BigTIFF stacks through tifffile, written so that Fiji shows time, interval and spacing.

Up to 4 GB of 8 or 16 bits without sign or of float32 are written as ImageJ does, the rest as OME-TIFF. What neither
describes is in a private tag, as JSON. Frames that lie bare in the file are read from their place, others decoded
page by page; either way by path, so that any number of threads may read at once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.io import facts
from napari_fluorodenoise.io.files import FileError, explained
from napari_fluorodenoise.io.frames import assumed_intensity, blocks, lazy, sequence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.video import Video

__all__ = ["DTYPES", "read", "write"]

TAG = 65000
"""The first of TIFF's reusable private tags; other readers pass over it."""

LIMIT = 2**32 - 2**25
"""Bytes of pixels from which on a classic TIFF, whose offsets have 32 bits, may overflow."""

IMAGEJ = ("uint8", "uint16", "float32")
DTYPES = ("int8", "int16", "int32", "uint32", "float64", *IMAGEJ)
"""What OME-TIFF holds; ImageJ's own part of it is `IMAGEJ`."""

SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "µs": 1e-6, "min": 60.0}
MILLIMETRES = {"mm": 1.0, "cm": 10.0, "m": 1e3, "inch": 25.4, "in": 25.4, "µm": 1e-3, "um": 1e-3, "micron": 1e-3}
RESOLUTION_UNITS = {3: 10.0, 4: 1.0, 5: 1e-3}
"""Millimetres in TIFF's ResolutionUnit: centimetre, millimetre, micrometre. Inches are a printer's."""


def read(path: Path, *, overlays: bool = False) -> Video:
    """The sequence in the first image series of the TIFF at `path`; other axes than T, Y, X must have length 1."""
    with explained(path, "a TIFF"), _strict(), tifffile.TiffFile(path) as stack:
        series = stack.series[0]
        keep = sequence(series.axes.lower(), series.shape, path=path)
        frames, rows, columns = (1, *series.shape) if len(keep) == 2 else (series.shape[axis] for axis in keep)
        _check_whole(series, stack.filehandle.size, path=path)
        described = _described(stack)
        stored = np.dtype(series.dtype).newbyteorder(stack.byteorder)
        if series.dataoffset is not None:
            load = _bare(path, series.dataoffset, (rows, columns), stored)
        else:
            load = _paged(path, [page.offset for page in series.pages])
    shape, dtype = (int(frames), int(rows), int(columns)), stored.newbyteorder("=")
    return described.video(lazy(load, path=path, shape=shape, dtype=dtype))


def write(path: Path, video: Video, *, progress: Progress = silent) -> None:
    """Write `video` to `path`, uncompressed, one page per frame."""
    size = video.data.size * video.dtype.itemsize
    imagej = video.dtype.name in IMAGEJ and size < LIMIT
    pixel = video.pixel_size
    with tifffile.TiffWriter(path, imagej=imagej, ome=not imagej, bigtiff=size >= LIMIT) as writer:
        writer.write(
            _frames(video, progress),
            shape=video.shape,
            dtype=video.dtype,
            photometric="miniswhite" if video.photometric == "MONOCHROME1" else "minisblack",
            resolution=None if pixel is None else (1 / pixel[1], 1 / pixel[0]),
            resolutionunit=None if imagej or pixel is None else "MILLIMETER",
            metadata=_imagej(video) if imagej else _ome(video),
            extratags=[(TAG, "s", 0, json.dumps(facts.dumped(video)), True)],
        )


def _frames(video: Video, progress: Progress) -> Iterator[NDArray[Any]]:
    for _, block in blocks(video, progress=progress):
        yield from block


def _bare(path: Path, start: int, frame: tuple[int, int], dtype: np.dtype[Any]) -> Callable[[int], NDArray[Any]]:
    """A loader for frames (Y, X) of `dtype` that lie one after the other from byte `start` on."""

    def load(index: int) -> NDArray[Any]:
        count = frame[0] * frame[1]
        pixels = np.fromfile(path, dtype, count, offset=start + index * count * dtype.itemsize)
        return pixels.reshape(frame).astype(dtype.newbyteorder("="), copy=False)

    return load


def _paged(path: Path, offsets: Sequence[int]) -> Callable[[int], NDArray[Any]]:
    """A loader for frames that are pages whose directories begin at the bytes `offsets`."""

    def load(index: int) -> NDArray[Any]:
        with tifffile.TiffFile(path) as stack:
            stack.filehandle.seek(offsets[index])
            page: NDArray[Any] = np.squeeze(tifffile.TiffPage(stack, index).asarray())
        return page.astype(page.dtype.newbyteorder("="), copy=False)

    return load


@contextmanager
def _strict() -> Iterator[None]:
    """Raise ValueError where tifffile logs that pages are lost and makes do with the rest of them."""
    lost: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if record.levelno >= logging.ERROR and ("TiffPages" in message or "series" in message):
            lost.append(message)
        return False

    tifffile.logger().addFilter(note)
    try:
        yield
    finally:
        tifffile.logger().removeFilter(note)
    if lost:
        raise ValueError(lost[0])


def _check_whole(series: tifffile.TiffPageSeries, size: int, *, path: Path) -> None:
    """Raise `FileError` where pixels would lie behind the end of a file of `size` bytes."""
    if series.dataoffset is not None:
        whole = series.dataoffset + series.size * series.dtype.itemsize <= size
    else:
        ends = (a + n for page in series.pages for a, n in zip(page.dataoffsets, page.databytecounts, strict=True))
        whole = len(series.pages) == np.prod(series.shape[:-2]) and max(ends, default=0) <= size
    if not whole:
        raise FileError(f"{path}: expected {series.size} pixels, found a file cut short; copy it again")


def _described(stack: tifffile.TiffFile) -> facts.Facts:
    """The facts in our own tag, else those that ImageJ, OME or the resolution tags state."""
    page = stack.series[0].keyframe
    if TAG in page.tags:
        return facts.loaded(json.loads(page.tags[TAG].value))
    interval, size = _stated_ome(stack.ome_metadata) if stack.is_ome else _stated(stack, page)
    return facts.Facts(
        frame_interval=interval if interval and interval > 0 else None,
        pixel_size=size if size and min(size) > 0 else None,
        intensity=assumed_intensity(page.dtype),
        photometric="MONOCHROME1" if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE else "MONOCHROME2",
        metadata={},
    )


def _stated(stack: tifffile.TiffFile, page: tifffile.TiffPage) -> tuple[float | None, tuple[float, float] | None]:
    """(interval in s, (row, column) spacing in mm) from ImageJ's description and the resolution tags."""
    imagej = stack.imagej_metadata or {}
    unit = MILLIMETRES.get(str(imagej.get("unit", "")).encode().decode("unicode_escape"))
    unit = unit or RESOLUTION_UNITS.get(int(page.resolutionunit))
    columns, rows = page.resolution  # pixels per unit, (x, y)
    stated = unit and min(rows, columns) > 0 and (imagej or (rows, columns) != (1, 1))  # 1 to a unit is a default
    size = (unit / rows, unit / columns) if unit and stated else None
    return imagej.get("finterval") or (1 / imagej["fps"] if imagej.get("fps") else None), size


def _stated_ome(description: str) -> tuple[float | None, tuple[float, float] | None]:
    """(interval in s, (row, column) spacing in mm) from OME-XML."""
    images = tifffile.xml2dict(description)["OME"]["Image"]
    pixels = (images[0] if isinstance(images, list | tuple) else images)["Pixels"]

    def value(name: str, units: dict[str, float], default: str) -> float | None:
        unit = units.get(pixels.get(f"{name}Unit", default))
        return float(pixels[name]) * unit if unit and name in pixels else None

    rows, columns = (value(f"PhysicalSize{axis}", MILLIMETRES, "µm") for axis in "YX")
    return value("TimeIncrement", SECONDS, "s"), (rows, columns) if rows and columns else None


def _imagej(video: Video) -> dict[str, Any]:
    interval = video.frame_interval
    stated: dict[str, Any] = {"axes": "TYX", "unit": "mm" if video.pixel_size else "pixel"}
    return stated | ({"finterval": interval, "fps": 1 / interval} if interval else {})


def _ome(video: Video) -> dict[str, Any]:
    stated: dict[str, Any] = {"axes": "TYX"}
    if video.frame_interval:
        stated |= {"TimeIncrement": video.frame_interval, "TimeIncrementUnit": "s"}
    for axis, size in zip("YX", video.pixel_size or (), strict=False):
        stated |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "mm"}
    return stated
