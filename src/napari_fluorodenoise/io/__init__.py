"""Sequences from files and back: one module per format, found by the suffix.

A format is a module with `read(path, *, overlays) -> Video`, `write(path, video, *, progress) -> None` and `DTYPES`,
what it holds as it is (None for all), and one line per suffix in `FORMATS`. Modules are imported when they are used:
naming a format costs nothing. A path may be a URL of object storage (`io.remote`): Zarr is read and written there, of
other formats a copy on this machine.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.io import staging
from napari_fluorodenoise.io.files import FileError, existing, explained, saving, vacant
from napari_fluorodenoise.io.remote import Place, Remote, is_image, place
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    import numpy as np

__all__ = ["FORMATS", "FileError", "Place", "Remote", "check_output", "place", "read", "write"]

FORMATS = {
    ".dcm": "dicom",
    ".dicom": "dicom",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".zarr": "zarr",
    ".avi": "movie",
    ".mp4": "movie",
    ".npy": "array",
    "": "folder",
}
"""The module that reads and writes a suffix; a name without one is a folder of frames."""


def read(path: str | os.PathLike[str] | Remote, *, overlays: bool = False) -> Video:
    """The sequence in the file or folder at `path`, lazy: no frame is decoded before it is asked for.

    A URL is read as it is where it holds Zarr; any other file is fetched into the user's cache folder first.

    A DICOM file is known by its content too, whatever its name. `overlays` asks for the planes of a DICOM file that
    may carry burnt-in names, as `metadata["overlays"]` (n, Y, X) bool. Raises `FileError`, one line that names the
    file, where it is missing, empty, cut short or not one grey sequence; a damaged frame raises it when it is read.
    """
    source = place(path)
    try:
        if isinstance(source, Remote) and not _is_zarr(source):
            return _read_copy(source, overlays=overlays)
        kind = "zarr" if isinstance(source, Remote) else _kind(existing(source))
        video: Video = _module(kind).read(source, overlays=overlays)
    except FileError:
        raise
    except ValueError as error:  # what a Video refuses to hold
        raise FileError(f"{source}: {error}") from error
    return video


def _read_copy(source: Remote, *, overlays: bool) -> Video:
    from napari_fluorodenoise.io.fetch import fetched

    copy = fetched(source)
    try:
        return read(copy, overlays=overlays)
    except FileError as error:
        raise FileError(str(error).replace(str(copy), str(source))) from error


def write(
    path: str | os.PathLike[str] | Remote,
    video: Video,
    *,
    overwrite: bool = False,
    rescale: tuple[float, float] | None = None,
    window: tuple[float, float] | None = None,
    progress: Progress = silent,
) -> None:
    """Write `video` to `path` in the format of its suffix, streaming; nothing partial ever has the final name.

    `rescale` (slope, intercept) states how DICOM stores float or 32-bit values: stored = (value - intercept) / slope.
    `window` (low, high) is the range of values to show; a movie shows nothing else. `progress` may raise `Cancelled`.
    Raises what `check_output` does, and `FileError` where the format cannot hold the values or the disk is full.
    """
    target = place(path)
    check_output(target, overwrite=overwrite, dtype=video.dtype, rescale=rescale)
    kind = FORMATS[target.suffix.lower()]
    options: dict[str, Any] = {} if rescale is None else {"rescale": rescale}
    if window is not None:
        video = replace(video, metadata={**video.metadata, "window": window})
    direct = kind == "zarr"
    with staging.writing(target, direct=direct) if isinstance(target, Remote) else saving(target) as part:
        _module(kind).write(part, video, progress=progress, **options)


def check_output(
    path: str | os.PathLike[str] | Remote,
    *,
    overwrite: bool,
    dtype: np.dtype[Any] | None = None,
    rescale: tuple[float, float] | None = None,
) -> None:
    """Raise `FileError` unless `path` can be written: a suffix somebody writes, in a folder there is, free or ours.

    In storage, where only trying tells, an empty object is written beside it and removed.

    With the `dtype` of what will be written, also unless the format holds it, or holds it by the stated `rescale`.
    """
    target = place(path)
    kind = FORMATS.get(target.suffix.lower())
    if kind is None:
        raise FileError(f"{target}: expected an output that ends in {_choices()}; found {target.suffix!r}")
    is_folder = kind in ("zarr", "folder")
    if isinstance(target, Remote):
        staging.vacant(target, overwrite=overwrite, folder=is_folder)
    else:
        vacant(target, overwrite=overwrite, folder=is_folder)
    if rescale is not None and kind != "dicom":
        raise FileError(f"{target}: expected no rescale, which only DICOM needs; leave it out: the values are kept")
    if rescale is not None and not (math.isfinite(rescale[0] + rescale[1]) and rescale[0] > 0):
        raise FileError(f"{target}: expected a rescale slope above 0 and a finite intercept, found {rescale}")
    held = _module(kind).DTYPES if dtype is not None and rescale is None else None
    if held is not None and dtype is not None and dtype.name not in held:
        stated = "state a rescale slope, intercept such that (value - intercept) / slope fits 0 to 65535"
        advice = stated if kind == "dicom" else "convert the values first"
        raise FileError(f"{target}: expected one of {', '.join(held)} for this format, found {dtype}; {advice}")


def _module(kind: str) -> Any:
    return import_module(f"napari_fluorodenoise.io.{kind}")


def _is_zarr(source: Remote) -> bool:
    suffix = source.suffix.lower()
    return suffix == ".zarr" or (FORMATS.get(suffix, "folder") == "folder" and is_image(source))


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if path.is_dir():
        is_zarr = any((path / marker).exists() for marker in ("zarr.json", ".zgroup", ".zarray"))
        return "zarr" if is_zarr or suffix == ".zarr" else "folder"
    if suffix and FORMATS.get(suffix, "zarr") != "zarr":
        return FORMATS[suffix]
    with explained(path, "a file that may be read"), path.open("rb") as file:
        if file.read(132)[128:] == b"DICM":
            return "dicom"
    raise FileError(f"{path}: expected a DICOM file or a name that ends in {_choices()}; found neither")


def _choices() -> str:
    return ", ".join(suffix for suffix in FORMATS if suffix) + " or nothing (a folder of frames)"
