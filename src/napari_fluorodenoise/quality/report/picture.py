"""Pictures inside a page: frames as grey PNG, maps as colour over them, all as data URIs."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.finite import refuse_infinite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.detector import Detector
    from napari_fluorodenoise.quality.checks import Map
    from napari_fluorodenoise.video import Video

__all__ = ["NOISE", "Shown", "overlay", "shown"]

FRAMES = 6
"""Frames on the page: each weighs three pictures."""
LARGEST = 640
"""Pixels along a side from which on a frame is shown smaller."""
NOISE = 4
"""Noise deviations from middle grey to black or white in a residual."""
COLOUR = (196, 48, 24)
UNKNOWN = (128, 128, 128, 90)


@dataclass(frozen=True, eq=False)
class Shown:
    """One frame of the page: its number from 0, and data URIs of before, after and their difference."""

    frame: int
    before: str
    after: str
    residual: str


def shown(noisy: Video, denoised: Video, *, detector: Detector) -> tuple[list[Shown], int]:
    """Some frames spread over the sequences (T, Y, X), and by which factor they are shown smaller.

    Both have the window of what is inside the field before; the residual is in noise deviations, grey at 0.
    """
    count, rows, columns = noisy.shape
    factor = -(-max(rows, columns) // LARGEST)
    chosen = np.unique(np.linspace(0, count - 1, min(count, FRAMES) + 2).round().astype(int)[1:-1]).tolist() or [0]
    pairs = [[_frame(video, t, name) for video, name in ((noisy, "IN"), (denoised, "OUT"))] for t in chosen]
    low, high = np.percentile(np.stack([before[detector.field] for before, _ in pairs]), (0.5, 99.5))
    dark, bright = (high, low) if noisy.photometric == "MONOCHROME1" else (low, high)
    found = []
    for t, (before, after) in zip(chosen, pairs, strict=True):
        change = (before - after) / np.sqrt(detector.variance(after))
        pictures = (before, dark, bright), (after, dark, bright), (change, -NOISE, NOISE)
        found.append(Shown(t, *(_png(_grey(_smaller(picture, factor), a, b)) for picture, a, b in pictures)))
    return found, factor


def overlay(found: Map) -> str:
    """A map of tiles as a data URI: clear at 0, red from twice its limit on, grey where nothing is known."""
    strength = np.clip(np.nan_to_num(found.values) / (2 * found.limit), 0, 1)
    picture = np.empty((*strength.shape, 4), np.uint8)
    picture[..., :3] = COLOUR
    picture[..., 3] = np.rint(210 * strength)
    picture[np.isnan(found.values)] = UNKNOWN
    return _png(picture[..., [2, 1, 0, 3]])


def _frame(video: Video, t: int, name: str) -> NDArray[np.float32]:
    frames = np.asarray(video.data[t : t + 1])
    refuse_infinite(frames, name=name, first=t)
    return np.asarray(frames[0], np.float32)


def _smaller(picture: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    if factor == 1:
        return picture
    import cv2

    rows, columns = (max(n // factor, 1) for n in picture.shape)
    return np.asarray(cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA))


def _grey(picture: NDArray[np.float32], dark: float, bright: float) -> NDArray[np.uint8]:
    scaled = (picture - dark) / ((bright - dark) or 1.0)
    return np.asarray(np.rint(255 * scaled.clip(0, 1)), np.uint8)


def _png(picture: NDArray[Any]) -> str:
    import cv2

    _, encoded = cv2.imencode(".png", picture)
    return "data:image/png;base64," + b64encode(encoded.tobytes()).decode("ascii")
