"""`fluorodenoise info`: what is known of a file, on one screen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.cli.errors import naming
from napari_fluorodenoise.video import Run, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.detector import Detector

__all__ = ["info"]

TRIED = 8
"""Frames that recipe `fast` is tried on to tell how long it takes."""
BASE, BLOCK = 0.19e9, 770
"""Bytes that a process takes, and that it takes per pixel of a frame: its peak at 512² and 1024² with two workers."""


def info(file: Annotated[Path, typer.Argument(metavar="FILE", help="A sequence.")]) -> None:
    """Print a sequence's shape, timing, spacing and intensities, and what its noise tells of the detector."""
    from napari_fluorodenoise.io import read
    from napari_fluorodenoise.physics.detector import measure

    video = read(file)
    lines = list(_container(video))
    if video.shape[0] < 2:
        lines.append(("noise", "cannot be told from one frame; denoise needs at least two"))
    else:
        with naming(file), bars() as start:
            detector = measure(video, progress=start("measuring noise"))
            lines.extend([*_detector(detector, video), *_effort(detector, video)])
    lines.extend(("warning", text) for text in video.metadata.get("warnings", ()))
    print(file)
    for title, text in lines:
        print(f"  {title:13} {text}")


def _container(video: Video) -> Iterator[tuple[str, str]]:
    """What the file says."""
    frames, rows, columns = video.shape
    megabytes = frames * rows * columns * video.dtype.itemsize / 1e6
    yield "sequence", f"{frames} frames of {rows} x {columns} pixels, {video.dtype}, {megabytes:.1f} MB decoded"
    interval = video.frame_interval
    yield "timing", f"{1e3 * interval:.4g} ms per frame, {1 / interval:.4g} frames/s" if interval else "unknown"
    spacing = video.pixel_size
    yield "spacing", f"{spacing[0]:.4g} x {spacing[1]:.4g} mm (rows, columns)" if spacing else "unknown"
    some = [np.asarray(video.data[t]) for t in sorted({0, frames // 2, frames - 1})]
    low, high = min(f.min() for f in some), max(f.max() for f in some)
    yield "intensity", f"{video.intensity}, {low:.6g} to {high:.6g} in {len(some)} frames, {video.photometric}"
    window = video.metadata.get("window")
    yield "window", f"{window[0]:.6g} to {window[1]:.6g}" if window else "not given"


def _detector(detector: Detector, video: Video) -> Iterator[tuple[str, str]]:
    """What the noise says."""
    deviation = float(np.sqrt(detector.variance(np.array(detector.level))))
    line = f"variance = {detector.slope:.4g} x intensity + {detector.read_variance:.4g}"
    yield "noise", f"{line}; {deviation:.3g} rms at the median, {detector.level:.6g}"
    from napari_fluorodenoise.physics.response import fwhm

    width = fwhm(detector.response)
    size = f" ({width * video.pixel_size[1]:.3g} mm)" if video.pixel_size else ""
    yield "response", f"{width:.2f} pixels{size} full width at half maximum"
    yield "time", f"noise correlation of consecutive frames {detector.temporal_correlation:+.3f}"
    yield "collimator", _field(detector.field)
    for warning in detector.warnings:
        yield "warning", warning


def _effort(detector: Detector, video: Video) -> Iterator[tuple[str, str]]:
    """What recipe `fast` will take, from doing it to a few frames in the middle."""
    from napari_fluorodenoise.recipe import Recipe

    middle = video.shape[0] // 2
    few = video.crop(frames=slice(max(middle - TRIED // 2, 0), middle + TRIED // 2))
    run = Run({"frames": few.with_data(few.numpy())}, detector=detector)
    corner = few.crop(frames=slice(2), rows=slice(32), columns=slice(32))
    recipe = Recipe.named("fast")
    recipe.run(Run({"frames": corner}, detector=detector))  # imports are not part of the rate
    began = time.perf_counter()
    recipe.run(run)
    rate = few.shape[0] / (time.perf_counter() - began)
    memory = BASE + BLOCK * video.shape[1] * video.shape[2]
    yield "fast", f"about {video.shape[0] / rate:.0f} s at {rate:.1f} frames/s, {memory / 1e9:.1f} GB of memory"


def _field(field: NDArray[np.bool_]) -> str:
    if field.all():
        return "none found"
    rows, columns = (np.flatnonzero(field.any(axis=axis)) for axis in (1, 0))
    box = f"rows {rows[0]}:{rows[-1] + 1}, columns {columns[0]}:{columns[-1] + 1}"
    return f"the field is {field.mean():.0%} of the frame, within {box}"
