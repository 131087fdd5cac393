"""`fluorodenoise compare`: results beside each other and their reference, as a table in Markdown."""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from napari_fluorodenoise.quality.comparison import Comparison, Rectangle

__all__ = ["compare"]

UNKNOWN = (
    "no --noisy FILE: the rows of the noisy input and its 5-frame mean are missing, and without them no number above "
    "says what the denoising was worth"
)

Files = Annotated[
    list[Path], typer.Argument(metavar="REFERENCE FILE...", help="The noise-free sequence, then the results.")
]
Noisy = Annotated[Path | None, typer.Option(metavar="FILE", help="What was denoised: adds it and its 5-frame mean.")]
Alone = Annotated[bool, typer.Option("--no-reference", help="All files are results: measure each by itself.")]
Region = Annotated[str | None, typer.Option(metavar="Y0:Y1,X0:X1", help="Where to measure SNR.")]
Background = Annotated[str | None, typer.Option(metavar="Y0:Y1,X0:X1", help="What CNR sets the region against.")]
Limits = Annotated[
    str | None,
    typer.Option("--range", metavar="LOW:HIGH", help="The range of values; by default that of the reference."),
]
Kept = Annotated[Path | None, typer.Option("--json", metavar="OUT.json", help="Also write the numbers.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace OUT.json where it exists.")]


def compare(
    files: Files,
    noisy: Noisy = None,
    no_reference: Alone = False,
    region: Region = None,
    background: Background = None,
    limits: Limits = None,
    json_file: Kept = None,
    overwrite: Overwrite = False,
) -> None:
    """Print PSNR, SSIM and more of results against their noise-free reference, or of each by itself."""
    from napari_fluorodenoise.io import read
    from napari_fluorodenoise.quality.comparison import compare as compared

    regions = {"region": _rectangle(region, "--region"), "background": _rectangle(background, "--background")}
    if background is not None and region is None:
        raise ValueError("expected --region beside --background, found none; give the region that CNR is of")
    _check(json_file, overwrite=overwrite)
    results = files if no_reference else files[1:]
    if not results:
        raise ValueError("expected a REFERENCE and at least one FILE, found one; or give --no-reference")
    videos = _videos(noisy, results)
    reference = None if no_reference else read(files[0])
    with bars() as start:
        found = compared(videos, reference=reference, limits=_limits(limits), **regions, progress=start("comparing"))
    if json_file is not None:
        _write(found, json_file, reference=None if no_reference else files[0])
    _print(found, noisy=noisy)


def _videos(noisy: Path | None, results: list[Path]) -> dict[str, Video]:
    """The sequences by the name of their row: the noisy input and its mean, then the results."""
    from napari_fluorodenoise.io import read
    from napari_fluorodenoise.quality.comparison import MEAN, temporal_mean

    videos: dict[str, Video] = {}
    if noisy is not None:
        source = read(noisy)
        videos = {f"noisy input ({noisy})": source, f"its {MEAN}-frame mean": temporal_mean(source)}
    for path in results:
        if str(path) in videos:
            raise ValueError(f"{path}: expected every result once, found it twice; leave one out")
        videos[str(path)] = read(path)
    return videos


def _print(found: Comparison, *, noisy: Path | None) -> None:
    from napari_fluorodenoise.quality.comparison import markdown

    low, high = found.limits
    print(markdown(found))
    print(f"\nRange of values {low:.6g} to {high:.6g}; SSIM with a Gaussian window of standard deviation 1.5 px.")
    if noisy is None:
        print(UNKNOWN)
    for warning in found.warnings:
        print(f"fluorodenoise: {warning}", file=sys.stderr)


def _rectangle(text: str | None, option: str) -> Rectangle | None:
    """The rows and columns that `Y0:Y1,X0:X1` names."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+):(\d+),(\d+):(\d+)", text.strip())
    if found is None:
        raise ValueError(f"expected {option} Y0:Y1,X0:X1 as whole numbers, found {text!r}")
    top, bottom, left, right = map(int, found.groups())
    return slice(top, bottom), slice(left, right)


def _limits(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        low, high = 0.0, 0.0
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"expected --range LOW:HIGH as two numbers, the lower one first, found {text!r}")
    return low, high


def _check(path: Path | None, *, overwrite: bool) -> None:
    """Raise ValueError where the numbers cannot be written, before any work."""
    from napari_fluorodenoise.io.files import FileError, vacant

    if path is None:
        return
    if path.suffix.lower() != ".json":
        raise FileError(f"{path}: expected a name that ends in .json, found {path.suffix or 'none'}; rename it")
    vacant(path, overwrite=overwrite, folder=False)


def _write(found: Comparison, path: Path, *, reference: Path | None) -> None:
    """Write the numbers as JSON; what is infinite or no number, which JSON does not know, as a word."""
    from napari_fluorodenoise.io.files import saving

    document: dict[str, Any] = {
        "reference": None if reference is None else str(reference),
        "limits": found.limits,
        "ssim": "Gaussian window, standard deviation 1.5 px",
        "rows": [{key: _plain(value) for key, value in asdict(row).items()} for row in found.rows],
        "warnings": found.warnings,
    }
    with saving(path) as part:
        part.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: str | float | None) -> str | float | None:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
