"""`fluorodenoise bench`: tables of what the stages are worth, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluorodenoise.cli.bar import bars

if TYPE_CHECKING:
    from napari_fluorodenoise.bench.sdd import Row

__all__ = ["bench"]

NOISE = """White Gaussian noise on
values in [0, 1], not clipped; PSNR and SSIM over a range of 1; entropy over 256 levels, mean of the frames."""
HEAD = """| case | variance | system | PSNR dB | SSIM | entropy of background, bits | of result | frames/s |
|---|---|---|---|---|---|---|---|"""

bench = typer.Typer(help="Print a table of what the stages are worth, on sequences whose truth is known.")


@bench.callback()
def _tables() -> None:
    """Keeps `sdd` a word of its own: typer merges the only command of a group into the group."""


@bench.command()
def sdd(
    frames: Annotated[int, typer.Option(min=4, help="Frames of every sequence.")] = 32,
    size: Annotated[int, typer.Option(min=64, help="Rows and columns, at most, to which they are cropped.")] = 192,
    variance: Annotated[str, typer.Option(help="Variances of the noise, for values in [0, 1].")] = ".001,.003,.005",
    denoiser: Annotated[str, typer.Option(help="The recipe whose denoiser is tried.")] = "fast",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise and of the simulation.")] = 0,
    data: Annotated[
        Path | None, typer.Option(envvar="FLUORODENOISE_DATA", help="A folder of real clips, beside the phantom.")
    ] = None,
) -> None:
    """What Stabilize and Decompose add to a denoiser alone."""
    from napari_fluorodenoise.bench.sdd import ablation, cases

    chosen, variances = cases(frames=frames, size=size, seed=seed, data=data), _variances(variance)
    setting = f"Seed {seed}, {frames} frames of at most {size} x {size} px, denoiser of `{denoiser}`. {NOISE}"
    rows: list[Row] = []
    with bars() as start:
        for row in ablation(chosen, variances=variances, denoiser=denoiser, seed=seed, progress=start("bench sdd")):
            print(_line(row) if rows else f"{setting}\n\n{HEAD}\n{_line(row)}", flush=True)
            rows.append(row)
    _print_gains(rows)


def _variances(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < value < 1 for value in found):
        raise ValueError(f"expected --variance as numbers between 0 and 1, such as .001,.003, found {text!r}")
    return found


def _line(row: Row) -> str:
    background = "" if row.background is None else f"{row.background:.2f}"
    rate = "" if row.rate is None else f"{row.rate:.1f}"
    scores = f"{row.psnr:.2f} | {row.ssim:.3f} | {background} | {row.entropy:.2f} | {rate}"
    return f"| {row.case.name} | {row.variance:g} | {row.system} | {scores} |"


def _print_gains(rows: Iterable[Row]) -> None:
    from napari_fluorodenoise.bench.sdd import ALONE, FULL, gains

    print(f"\n| panning case | variance | {FULL} - {ALONE}, dB |\n|---|---|---|")
    for (case, variance), gain in gains(rows).items():
        print(f"| {case} | {variance:g} | {gain:+.2f} |")
