"""AVI and MP4 through OpenCV: grey movies in, and a lossy 8-bit export out.

A movie shows one range of values, `metadata["window"]` or else what nearly all values of some frames lie in, in 256
grey levels. Its timing is a rate; nothing else about the sequence is kept. Whoever writes one should be told `NOTE`.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.io.files import FileError
from napari_fluorodenoise.io.frames import blocks, grey, lazy
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DTYPES", "NOTE", "read", "write"]

# both print to the terminal what is raised here as one line
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(0)

DTYPES = None

NOTE = "A movie is a lossy 8-bit export of one range of values; keep DICOM, TIFF or OME-Zarr for measurements."

CODECS = {".avi": "MJPG", ".mp4": "mp4v"}

RATE = 15.0
"""Frames per second of a movie made from a sequence without timing: a usual rate of fluoroscopy."""

AHEAD = 64
"""Frames that are decoded in passing rather than jumped over: a jump decodes from the last key frame anyway."""

KEPT = 128 << 20
"""Bytes of decoded frames kept per movie, so that readers who are some blocks apart share one pass."""


def read(path: Path, *, overlays: bool = False) -> Video:
    """The grey movie at `path`, uint8; its frame interval is 1 / its rate."""
    made = path.stat().st_mtime_ns
    movie = _movie(path, made)
    shape = (movie.count, *movie(0).shape)
    movie(movie.count - 1)
    data = lazy(lambda index: _movie(path, made)(index), path=path, shape=shape, dtype=np.uint8)
    return Video(data=data, frame_interval=1 / movie.rate if movie.rate > 0 else None, intensity="display")


def write(path: Path, video: Video, *, progress: Progress = silent) -> None:
    """Write `video` to `path` as 8-bit grey; MONOCHROME1 is turned, so that it looks as it does on a screen.

    Codecs ask for even sizes: an odd one gets its last row or column twice.
    """
    low, high = _window(video)
    if video.photometric == "MONOCHROME1":
        low, high = high, low
    rows, columns = (n + n % 2 for n in video.shape[1:])
    rate = 1 / video.frame_interval if video.frame_interval else RATE
    codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix.lower()])
    writer = cv2.VideoWriter(str(path), codec, rate, (columns, rows), False)
    if not writer.isOpened():
        raise FileError(f"{path}: expected a codec for {path.suffix}, found none in this OpenCV; write another format")
    try:
        for _, block in blocks(video, progress=progress):
            for frame in block:
                writer.write(_shown(frame, low=low, high=high))
    finally:
        writer.release()
    try:
        _Movie(path)(len(video.data) - 1)
    except FileError as error:
        raise OSError("the movie came out incomplete") from error


class _Movie:
    """Frame by index (Y, X) uint8 from a movie, for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._next = 0
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        self.count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        if not self._capture.isOpened() or self.count < 1:
            raise FileError(f"{path}: expected a movie, found nothing that can be decoded; it may be cut short")

    def __call__(self, index: int) -> NDArray[np.uint8]:
        with self._lock:
            if index not in self._seen and not self._next <= index <= self._next + AHEAD:
                self._capture.set(cv2.CAP_PROP_POS_FRAMES, index)
                self._next = index
            while index not in self._seen:
                self._advance()
            return self._seen[index]

    def _advance(self) -> None:
        """Decode the next frame and keep it, dropping the oldest kept ones."""
        decoded, image = self._capture.read()
        if not decoded:
            expected = f"{self.path}: expected {self.count} frames"
            raise FileError(f"{expected}, found none at {self._next}: the movie is cut short; copy it again")
        self._seen[self._next] = np.asarray(grey(image, path=self.path), np.uint8)
        self._next += 1
        while len(self._seen) > max(1, KEPT // image[..., 0].size):
            self._seen.popitem(last=False)


@lru_cache(maxsize=4)
def _movie(path: Path, made: int) -> _Movie:
    """The open movie at `path` as it was `made` (its modification time in ns)."""
    return _Movie(path)


def _window(video: Video) -> tuple[float, float]:
    """(low, high): the values that become black and white."""
    if "window" in video.metadata:
        low, high = video.metadata["window"]
        return float(low), float(high)
    if video.dtype == np.uint8:
        return 0.0, 255.0
    some = np.asarray(video.data[:: max(1, len(video.data) // 16)], np.float32)
    low, high = np.percentile(some, (0.1, 99.9))
    return float(low), float(high)


def _shown(frame: NDArray[Any], *, low: float, high: float) -> NDArray[np.uint8]:
    """The frame (Y, X) as uint8 with `low` at 0 and `high` at 255, of even size."""
    levels = (frame.astype(np.float32) - low) * (255 / ((high - low) or 1))
    shown = np.clip(np.round(levels), 0, 255).astype(np.uint8)
    return np.pad(shown, [(0, n % 2) for n in shown.shape], mode="edge")
