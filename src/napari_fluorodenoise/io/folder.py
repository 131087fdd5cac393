"""A folder of frames in natural order (frame_2 before frame_10), with the facts in `fluorodenoise.json`.

Frames are PNG, JPEG, TIFF or DICOM, one frame to a file, all of one kind and size. Written frames are PNG where 8 or
16 bits without sign suffice, else TIFF.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.io import facts
from napari_fluorodenoise.io.files import FileError, explained
from napari_fluorodenoise.io.frames import assumed_intensity, blocks, grey, lazy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.video import Video

__all__ = ["DTYPES", "read", "write"]

DTYPES = None

SIDECAR = f"{facts.KEY}.json"

KINDS = {
    ".png": "image",
    ".jpg": "image",
    ".jpeg": "image",
    ".bmp": "image",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".dcm": "dicom",
    ".dicom": "dicom",
}
"""How a frame's file is read; files with other suffixes are no frames."""


def read(path: Path, *, overlays: bool = False) -> Video:
    """The sequence whose frames are the files in the folder at `path`; only the first is looked at."""
    frames = _Frames(_files(path))
    first = frames(0)
    data = lazy(frames, path=path, shape=(len(frames.files), *first.shape), dtype=first.dtype)
    with explained(path / SIDECAR, "the facts of the sequence as JSON"):
        known = facts.beside(path / SIDECAR)
    if known is None and frames.kind == "dicom":
        from napari_fluorodenoise.io import dicom

        return dicom.read(frames.files[0], overlays=overlays).with_data(data)
    return (known or facts.Facts(intensity=assumed_intensity(first.dtype), metadata={})).video(data)


def write(path: Path, video: Video, *, progress: Progress = silent) -> None:
    """Write every frame of `video` as a file in a new folder at `path`, and the facts beside them."""
    path.mkdir()
    suffix, save = (".png", _save_png) if video.dtype in (np.uint8, np.uint16) else (".tif", _save_tiff)
    for at, block in blocks(video, progress=progress):
        for index, frame in enumerate(block, start=at.start):
            save(path / f"frame_{index:05d}{suffix}", frame)
    (path / SIDECAR).write_text(json.dumps(facts.dumped(video), indent=1), encoding="utf-8")


@dataclass(frozen=True)
class _Frames:
    """Frame by index from the files, in their order."""

    files: Sequence[Path]

    @property
    def kind(self) -> str:
        return KINDS[self.files[0].suffix.lower()]

    def __call__(self, index: int) -> NDArray[Any]:
        path = self.files[index]
        with explained(path, "one grey frame"):
            frame = {"image": _load_image, "tiff": _load_tiff, "dicom": _load_dicom}[self.kind](path)
        if frame.ndim != 2 or frame.size == 0:
            raise FileError(f"{path}: expected one grey frame (Y, X), found shape {frame.shape}; give one per file")
        return frame


def _files(path: Path) -> list[Path]:
    files = [file for file in path.iterdir() if file.suffix.lower() in KINDS and not file.name.startswith(".")]
    suffixes = sorted({file.suffix.lower() for file in files})
    if len(suffixes) != 1:
        found = f"{' and '.join(suffixes)} together" if suffixes else "no images"
        raise FileError(f"{path}: expected a folder of frames of one kind ({', '.join(KINDS)}), found {found}")
    return sorted(files, key=lambda file: [int(part) if part.isdigit() else part for part in _parts(file.name)])


def _parts(name: str) -> list[str]:
    """Text and numbers in turn: ["frame_", "10", ".png"]."""
    return re.split(r"([0-9]+)", name.lower())


def _load_image(path: Path) -> NDArray[Any]:
    import cv2

    encoded = np.fromfile(path, np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    if image is None:
        raise ValueError("not a picture that can be decoded")
    return grey(image, path=path)


def _load_tiff(path: Path) -> NDArray[Any]:
    import tifffile

    frame = np.squeeze(tifffile.imread(path))
    return np.asarray(frame, frame.dtype.newbyteorder("="))


def _load_dicom(path: Path) -> NDArray[Any]:
    from napari_fluorodenoise.io import dicom

    data = dicom.read(path).data
    return np.asarray(data[0]) if len(data) == 1 else np.asarray(data)


def _save_png(path: Path, frame: NDArray[Any]) -> None:
    import cv2

    path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(frame))[1].tobytes())


def _save_tiff(path: Path, frame: NDArray[Any]) -> None:
    import tifffile

    tifffile.imwrite(path, frame, photometric="minisblack")
