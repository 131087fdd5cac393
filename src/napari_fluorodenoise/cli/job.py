"""A sequence in, a denoised one out: what `denoise` and `apply` share, from options to what is said at the end."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.cli.errors import naming
from napari_fluorodenoise.engine.progress import Progress
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.video import Image, Item, Run, Table, Video

if TYPE_CHECKING:
    from napari_fluorodenoise.physics.calibration import Calibration

__all__ = [
    "Crop",
    "Detected",
    "Device",
    "Frames",
    "Job",
    "Mask",
    "Overwrite",
    "Rescale",
    "Seed",
    "Source",
    "Stages",
    "Target",
]

Source = Annotated[Path, typer.Argument(metavar="IN", help="The sequence: DICOM, TIFF, OME-Zarr, movie, ...")]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="Where to write; the suffix picks the format.")]
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
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace OUT where it exists.")]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to read and what to write, in the words of the options."""

    source: Path
    target: Path
    frames: str | None
    crop: str | None
    subtract_mask: int | None
    save_stages: Path | None
    rescale: str | None
    detector: Path | None
    seed: int
    overwrite: bool

    def run(self, recipe: Recipe) -> None:
        """Denoise the source by `recipe`, write the target, and say so; what can be refused is, before any work."""
        from napari_fluorodenoise.io import read, write
        from napari_fluorodenoise.physics.subtraction import subtract

        scale = None if self.rescale is None else _rescale(self.rescale)
        with naming(self.source), bars() as start:
            video, first = _part(read(self.source), frames=self.frames, crop=self.crop)
            mask = None if self.subtract_mask is None else _mask(self.subtract_mask, first, video.shape[0])
            name = self._checked(recipe, video, scale)
            began = time.perf_counter()
            rng, title = np.random.default_rng(self.seed), f"recipe {recipe.name}"
            run = recipe.run(_known(video, self.detector), progress=start(title), rng=rng)
            clean = run.video(name) if mask is None else subtract(run.video(name), mask=mask)
            clean = replace(clean, metadata={**clean.metadata, "derivation": _derivation(recipe, mask)})
            writing = start(f"writing {self.target.name}")
            write(self.target, clean, overwrite=self.overwrite, rescale=scale, progress=writing)
            rate = clean.shape[0] / (time.perf_counter() - began)
            if self.save_stages is not None:
                _save(run, self.save_stages, start=start)
        print(f"wrote {self.target}: {clean.shape[0]} frames with recipe {recipe.name}, {rate:.1f} frames/s")
        _print_doubts(run, self.target)

    def _checked(self, recipe: Recipe, video: Video, scale: tuple[float, float] | None) -> str:
        """The name of the result of `recipe`, once everything that can be refused before the work was looked at."""
        from napari_fluorodenoise.io import check_output

        name = recipe.result(video)
        dtype = recipe.check(video)[name].dtype if self.subtract_mask is None else np.dtype(np.float32)
        check_output(self.target, overwrite=self.overwrite, dtype=dtype, rescale=scale)
        if self.save_stages is not None:
            _check_folder(self.save_stages, overwrite=self.overwrite)
        return name


def _print_doubts(run: Run, target: Path) -> None:
    """What to beware of: on stderr what the noise tells, then what the format costs."""
    from napari_fluorodenoise.io import FORMATS

    for warning in () if run.detector is None else run.detector.warnings:
        print(f"fluorodenoise: {warning}", file=sys.stderr)
    if FORMATS[target.suffix.lower()] == "movie":
        from napari_fluorodenoise.io.movie import NOTE

        print(NOTE)


def _known(video: Video, file: Path | None) -> Run:
    """The run that begins with `video`, with the calibrated detector in `file`."""
    return Run.of(video) if file is None else Run({"frames": video}, detector=_calibration(file).detector(video))


def _calibration(file: Path) -> Calibration:
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


def _derivation(recipe: Recipe, mask: int | None) -> str:
    """What was done, for the one who finds the file later."""
    stages = json.dumps(json.loads(recipe.to_json())["stages"])
    subtracted = "" if mask is None else f", log-subtracted against frame {mask}"
    return f"napari-fluorodenoise {version('napari-fluorodenoise')}, recipe {recipe.name} {stages}{subtracted}"


def _part(video: Video, *, frames: str | None, crop: str | None) -> tuple[Video, int]:
    """The asked-for part of `video`, and the number of its first frame."""
    count, rows, columns = video.shape
    t = _range(frames, count, "--frames A:B")
    if crop is not None and crop.count(",") != 1:
        raise ValueError(f"expected --crop Y0:Y1,X0:X1, found {crop!r}")
    y, x = crop.split(",") if crop else (None, None)
    part = video.crop(frames=t, rows=_range(y, rows, "--crop Y0:Y1"), columns=_range(x, columns, "--crop X0:X1"))
    return part, t.start


def _range(text: str | None, length: int, what: str) -> slice:
    """The range `A:B` within `length`; an end that is left out is the sequence's."""
    found = re.fullmatch(r"(\d*):(\d*)", ":" if text is None else text.strip())
    start, stop = (int(found[1] or 0), int(found[2] or length)) if found else (0, 0)
    if not start < stop <= length:
        raise ValueError(f"expected {what} within 0:{length}, found {text!r}")
    return slice(start, stop)


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


def _check_folder(folder: Path, *, overwrite: bool) -> None:
    from napari_fluorodenoise.io.files import FileError, vacant

    if not folder.is_dir():
        vacant(folder, overwrite=False, folder=True)
    elif any(folder.iterdir()) and not overwrite:
        raise FileError(f"{folder}: expected a new or empty folder for the stages, found it in use; give --overwrite")


def _save(run: Run, folder: Path, *, start: Callable[[str], Progress]) -> None:
    """Write all that the stages added to `run`: sequences and pictures as OME-Zarr, tables as CSV; all or nothing."""
    from napari_fluorodenoise.io.files import saving

    new = not folder.exists()
    folder.mkdir(exist_ok=True)
    try:
        with saving(folder / "stages") as part:
            for name, item in run.items():
                if name != "frames":
                    _save_item(item, part.with_name(name), progress=start(f"writing {name}"))
    except BaseException:
        if new:
            folder.rmdir()
        raise


def _save_item(item: Item, path: Path, *, progress: Progress) -> None:
    from napari_fluorodenoise.io import write
    from napari_fluorodenoise.io.table import write_table

    if isinstance(item, Table):
        write_table(path.with_suffix(".csv"), item)
        return
    if isinstance(item, Image):
        item = Video(data=item.data[None], pixel_size=item.pixel_size, origin=item.origin)
    write(path.with_suffix(".ome.zarr"), item, overwrite=True, progress=progress)
