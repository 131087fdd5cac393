"""A sequence in, a denoised one out: what `denoise` and `apply` share, from options to what is said at the end."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.cli.errors import naming
from napari_fluorodenoise.io import Place, place
from napari_fluorodenoise.part import Part
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.video import Run

if TYPE_CHECKING:
    from napari_fluorodenoise.job.job import Job
    from napari_fluorodenoise.physics.calibration import Calibration

__all__ = [
    "Crop",
    "Detected",
    "Device",
    "Frames",
    "Mask",
    "Order",
    "Overwrite",
    "Rescale",
    "Resume",
    "Scheduler",
    "Seed",
    "Source",
    "Stages",
    "Target",
    "Workers",
    "calibration",
    "keeping",
]

# A `Place`; typer takes no union.
Source = Annotated[
    Any, typer.Argument(metavar="IN", parser=place, help="The sequence: DICOM, TIFF, OME-Zarr, movie, ...; or its URL.")
]
Target = Annotated[
    Any,
    typer.Argument(metavar="OUT", parser=place, help="Where to write, here or at a URL; the suffix picks the format."),
]
Frames = Annotated[str | None, typer.Option(metavar="A:B", help="Only frames A to B-1, counted from 0.")]
Crop = Annotated[str | None, typer.Option(metavar="Y0:Y1,X0:X1", help="Only these rows and columns.")]
Mask = Annotated[
    int | None, typer.Option(metavar="N", help="Write the log-subtraction (DSA) against denoised frame N of IN.")
]
Stages = Annotated[Path | None, typer.Option(metavar="DIR", help="Also write what every stage adds, into DIR.")]
Rescale = Annotated[
    str | None, typer.Option(metavar="SLOPE,INTERCEPT", help="Store floats in DICOM as (value - INTERCEPT) / SLOPE.")
]
Detected = Annotated[
    Path | None,
    typer.Option(metavar="D.json", help="The detector, as `info --calibrate` wrote it; else it is measured."),
]
Device = Annotated[str | None, typer.Option(metavar="NAME", help="Where networks run: auto, cpu or cuda.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed for what is random.")]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace OUT where it exists, and begin an unfinished job again unless it is resumed."
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the job that was interrupted; it replaces OUT if it was to."),
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Work on the cluster of this dask scheduler, as tcp://host:8786.")
]
Workers = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Work in so many processes of this machine, one for each GPU.")
]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to read and what to write, in the words of the options."""

    source: Place
    target: Place
    frames: str | None
    crop: str | None
    subtract_mask: int | None
    save_stages: Path | None
    rescale: str | None
    detector: Path | None
    seed: int
    overwrite: bool
    resume: bool
    scheduler: str | None
    workers: int | None

    def run(self, recipe: Recipe) -> None:
        """Denoise the source by `recipe`, write the target, and say so; what can be refused is, before any work."""
        from napari_fluorodenoise.job.cluster import working

        with naming(self.source), bars() as start, working(scheduler=self.scheduler, workers=self.workers) as cluster:
            job = self._job(recipe)
            if cluster is not None:
                print(cluster)
            with keeping(self.target):
                done = job.run(resume=self.resume, overwrite=self.overwrite, start=start)
        rate = "" if math.isnan(done.seconds) else f", {done.frames / done.seconds:.1f} frames/s"
        print(f"wrote {self.target}: {done.frames} frames with recipe {recipe.name}{rate}")
        _print_doubts(done.run, self.target)

    def _job(self, recipe: Recipe) -> Job:
        """The job of these words."""
        from napari_fluorodenoise.io import read
        from napari_fluorodenoise.job.job import Job

        video = read(self.source)
        part = _part(video.shape, frames=self.frames, crop=self.crop)
        first, last = part.frames or (0, video.shape[0])
        return Job(
            source=self.source,
            target=self.target,
            recipe=recipe,
            part=part,
            mask=None if self.subtract_mask is None else _mask(self.subtract_mask, first, last - first),
            detector=None if self.detector is None else calibration(self.detector),
            rescale=None if self.rescale is None else _rescale(self.rescale),
            save_stages=self.save_stages,
            seed=self.seed,
        )


@contextmanager
def keeping(target: Place) -> Iterator[None]:
    """Say where an interruption leaves the job that writes `target`."""
    from napari_fluorodenoise.job.folder import unfinished

    try:
        yield
    except KeyboardInterrupt:
        kept = unfinished(target)
        if kept is None:
            raise
        raise InterruptedError(f"interrupted; what is finished is kept in {kept}; go on with --resume") from None


def _print_doubts(run: Run, target: Place) -> None:
    """What to beware of: on stderr what the noise tells, then what the format costs."""
    from napari_fluorodenoise.io import FORMATS

    for warning in () if run.detector is None else run.detector.warnings:
        print(f"fluorodenoise: {warning}", file=sys.stderr)
    if FORMATS[target.suffix.lower()] == "movie":
        from napari_fluorodenoise.io.movie import NOTE

        print(NOTE)


def calibration(file: Path) -> Calibration:
    """The calibration in `file`; raises `FileError`."""
    from napari_fluorodenoise.io.files import FileError
    from napari_fluorodenoise.physics.calibration import Calibration

    try:
        return Calibration.from_json(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise FileError(f"{file}: expected a detector as --calibrate writes it, found no text") from None
    except OSError as error:
        raise FileError(f"{file}: expected a detector as --calibrate writes it, found none ({error})") from None
    except ValueError as error:
        raise FileError(f"{file}: {error}") from None


def _part(shape: tuple[int, int, int], *, frames: str | None, crop: str | None) -> Part:
    """The asked-for part of a sequence of `shape` (T, Y, X)."""
    if crop is not None and crop.count(",") != 1:
        raise ValueError(f"expected --crop Y0:Y1,X0:X1, found {crop!r}")
    y, x = crop.split(",") if crop else (None, None)
    return Part(
        frames=_range(frames, shape[0], "--frames A:B"),
        rows=_range(y, shape[1], "--crop Y0:Y1"),
        columns=_range(x, shape[2], "--crop X0:X1"),
    )


def _range(text: str | None, length: int, what: str) -> tuple[int, int] | None:
    """The range `A:B` within `length`, an end that is left out being the sequence's; None for no text."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d*):(\d*)", text.strip())
    start, stop = (int(found[1] or 0), int(found[2] or length)) if found else (0, 0)
    if not start < stop <= length:
        raise ValueError(f"expected {what} within 0:{length}, found {text!r}")
    return start, stop


def _rescale(text: str) -> tuple[float, float]:
    try:
        slope, intercept = map(float, text.split(","))
    except ValueError:
        raise ValueError(f"expected --rescale SLOPE,INTERCEPT as two numbers, found {text!r}") from None
    return slope, intercept


def _mask(number: int, first: int, count: int) -> int:
    """The place of frame `number` of the input among the `count` from `first` on that are denoised."""
    if not first <= number < first + count:
        raise ValueError(f"expected --subtract-mask within {first}:{first + count}, found {number}")
    return number - first
