"""`fluorodenoise info`: what is known of a file, on one screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.cli.errors import naming
from napari_fluorodenoise.io import place
from napari_fluorodenoise.physics.described import container, described
from napari_fluorodenoise.video import Run, Video

if TYPE_CHECKING:
    from napari_fluorodenoise.engine.progress import Progress
    from napari_fluorodenoise.physics.detector import Detector

__all__ = ["info"]

Plot = Annotated[Path | None, typer.Option(metavar="OUT.png", help="Draw what was measured.")]
Calibrate = Annotated[
    Path | None, typer.Option(metavar="OUT.json", help="Keep what was measured, for `denoise --detector`.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace OUT.png and OUT.json where they exist.")]


def info(
    file: Annotated[Any, typer.Argument(metavar="FILE", parser=place, help="A sequence, or its URL.")],
    plot: Plot = None,
    calibrate: Calibrate = None,
    overwrite: Overwrite = False,
) -> None:
    """Print a sequence's shape, timing, spacing and intensities, and what its noise tells of the detector."""
    from napari_fluorodenoise.io import read

    video = read(file)
    _check(video, (plot, ".png"), (calibrate, ".json"), overwrite=overwrite)
    lines = list(_container(video))
    if video.shape[0] < 2:
        lines.append(("noise", "cannot be told from one frame; denoise needs at least two"))
    else:
        with naming(file), bars() as start:
            detector = _measured(video, start("measuring noise"), thorough=calibrate is not None)
            lines.extend([*described(detector, linear=video.intensity == "linear"), *_effort(detector, video)])
            _write(detector, video, plot=plot, calibrate=calibrate, title=file.name)
    lines.extend(("warning", text) for text in video.metadata.get("warnings", ()))
    print(file)
    for title, text in lines:
        print(f"  {title:11} {text}")


def _measured(video: Video, progress: Progress, *, thorough: bool) -> Detector:
    """The detector of `video`, from more of it where a calibration is wanted."""
    from napari_fluorodenoise.physics.calibration import THOROUGH
    from napari_fluorodenoise.physics.detector import measure

    return measure(video, progress=progress, pixels=THOROUGH if thorough else None)


def _check(video: Video, *outputs: tuple[Path | None, str], overwrite: bool) -> None:
    """Raise ValueError where an output cannot be written, before any work."""
    from napari_fluorodenoise.io.files import FileError, vacant

    for path, suffix in outputs:
        if path is None:
            continue
        if path.suffix.lower() != suffix:
            raise FileError(f"{path}: expected a name that ends in {suffix}, found {path.suffix or 'none'}; rename it")
        vacant(path, overwrite=overwrite, folder=False)
        if video.shape[0] < 2:
            raise FileError(f"{path}: expected a sequence to measure, found one frame; nothing is written")


def _write(detector: Detector, video: Video, *, plot: Path | None, calibrate: Path | None, title: str) -> None:
    from napari_fluorodenoise.io.files import saving

    if plot is not None:
        from napari_fluorodenoise.cli.plot import draw

        with saving(plot) as part:
            draw(detector, part, title=title)
    if calibrate is not None:
        from napari_fluorodenoise.physics.calibration import Calibration

        with saving(calibrate) as part:
            part.write_text(Calibration.of(detector, video).to_json(), encoding="utf-8")


def _container(video: Video) -> Iterator[tuple[str, str]]:
    """What the file says, and the values of a few frames."""
    yield from container(video)
    frames = video.shape[0]
    some = [np.asarray(video.data[t]) for t in sorted({0, frames // 2, frames - 1})]
    low, high = min(f.min() for f in some), max(f.max() for f in some)
    yield "intensity", f"{video.intensity}, {low:.6g} to {high:.6g} in {len(some)} frames, {video.photometric}"
    window = video.metadata.get("window")
    yield "window", f"{window[0]:.6g} to {window[1]:.6g}" if window else "not given"


def _effort(detector: Detector, video: Video) -> Iterator[tuple[str, str]]:
    """What recipe `fast` will take, and a warning where there is too little memory."""
    from napari_fluorodenoise.effort import effort
    from napari_fluorodenoise.engine.room import free
    from napari_fluorodenoise.recipe import Recipe

    needed, left = effort(Recipe.named("fast"), Run({"frames": video}, detector=detector)), free()
    rate = video.shape[0] / needed.seconds
    yield "fast", f"{needed} of {left / 1e9:.1f} GB that are free, {rate:.1f} frames/s"
    lacking = needed.lacking(left)
    if lacking is not None:
        yield "warning", lacking
