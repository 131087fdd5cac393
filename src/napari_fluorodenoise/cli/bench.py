"""`fluorodenoise bench`: tables of what all this is worth, as Markdown on the screen, and as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluorodenoise.cli.bar import bars

if TYPE_CHECKING:
    from napari_fluorodenoise.bench.cases import Scene
    from napari_fluorodenoise.bench.result import Row, Table

__all__ = ["bench"]

Frames = Annotated[int, typer.Option(min=4, help="Frames of every sequence.")]
Size = Annotated[int, typer.Option(min=64, help="Rows and columns, at most, to which they are cropped.")]
Steps = Annotated[int, typer.Option(min=1, help="Steps of every training: more for a table that is to last.")]
Photons = Annotated[str, typer.Option(help="Quanta per pixel, on average.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the noise, of the simulation and of trainings.")]
Data = Annotated[
    list[Path] | None,
    typer.Option(envvar="FLUORODENOISE_DATA", help="Sequences, or folders of them, beside the phantom; repeatable."),
]
Quick = Annotated[bool, typer.Option("--quick", help="Small and short, to see that it works: its numbers say nothing.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE.json", help="Also write the table for a program.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", metavar="FILE.md", help="Also write it for a reader.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace these files where they exist.")]
Careamics = Annotated[
    Path | None, typer.Option(metavar="PYTHON", help="An interpreter that has CAREamics, whose Noise2Void is a peer.")
]

TINY, SMALL, FEW = 6, 64, 2
"""Frames, pixels along a side, and steps of --quick."""

bench = typer.Typer(help="Print a table of what all this is worth, on sequences whose truth is known.")


@bench.command()
def sdd(
    frames: Frames = 16,
    size: Size = 96,
    pan: Annotated[str, typer.Option(help="Speeds of the phantom's view in px per frame, by comma.")] = "3",
    variance: Annotated[str, typer.Option(help="Variances of the noise, by comma, for values in [0, 1].")] = ".003",
    denoiser: Annotated[
        str, typer.Option(help="Denoisers, by comma: wiener is that of fast.")
    ] = "wiener,noise2void,noise2self,self2self,best",
    steps: Steps = 20,
    seed: Seed = 0,
    data: Data = None,
    quick: Quick = False,
    json: Json = None,
    markdown: Markdown = None,
    overwrite: Overwrite = False,
) -> None:
    """What Stabilize and Decompose add to denoisers alone."""
    from napari_fluorodenoise.bench.sdd import sdd as table

    frames, size, steps = (TINY, SMALL, FEW) if quick else (frames, size, steps)
    variances = _numbers(variance, "--variance", least=0, most=1, such=".001,.003")
    pans = _numbers(pan, "--pan", least=-1, most=16, such="3,0")
    scenes = _scenes(frames=frames, size=size, pans=pans, seed=seed, data=data)
    _make(
        table(scenes, variances=variances, denoisers=_words(denoiser), steps=steps, seed=seed),
        json=json,
        markdown=markdown,
        overwrite=overwrite,
    )


@bench.command()
def scintillator(
    frames: Frames = 48,
    size: Size = 128,
    photons: Annotated[float, typer.Option(min=1, help="Quanta per pixel, on average.")] = 100,
    steps: Steps = 200,
    seed: Seed = 0,
    quick: Quick = False,
    json: Json = None,
    markdown: Markdown = None,
    overwrite: Overwrite = False,
) -> None:
    """Noise2Self on correlated, decorrelated and uncorrelated noise."""
    from napari_fluorodenoise.bench.scintillator import scintillator as table

    # fewer frames do not tell the detector's blur
    frames, size, steps = (2 * TINY, 2 * SMALL, FEW) if quick else (frames, size, steps)
    made = table(frames=frames, size=size, photons=photons, steps=steps, seed=seed)
    _make(made, json=json, markdown=markdown, overwrite=overwrite)


@bench.command()
def befoi(
    frames: Frames = 24,
    size: Size = 192,
    photons: Photons = "30,100",
    steps: Steps = 100,
    seed: Seed = 0,
    data: Data = None,
    recipe: Annotated[str, typer.Option(help="Recipes, or denoisers, by comma.")] = "noise2self,fast,best",
    careamics_python: Careamics = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of CAREamics' training.")] = 20,
    quick: Quick = False,
    json: Json = None,
    markdown: Markdown = None,
    overwrite: Overwrite = False,
) -> None:
    """SNR, CNR, Reblur, PSNR and SSIM against peers; without PSNR and SSIM on your own sequences."""
    from napari_fluorodenoise.bench.befoi import befoi as table

    frames, size, steps, epochs = (TINY, SMALL, FEW, 1) if quick else (frames, size, steps, epochs)
    made = table(
        frames=frames,
        size=size,
        photons=_numbers(photons, "--photons", least=0, most=1e6, such="30,100"),
        data=data or (),
        careamics=careamics_python,
        epochs=epochs,
        recipes=_words(recipe),
        steps=steps,
        seed=seed,
    )
    _make(made, json=json, markdown=markdown, overwrite=overwrite)


@bench.command()
def pwm(
    frames: Frames = 32,
    size: Size = 128,
    photons: Annotated[float, typer.Option(min=1, help="Quanta per pixel where the picture is brightest.")] = 200,
    samples: Annotated[int, typer.Option(min=1, help="Samples of each tier.")] = 3,
    seed: Seed = 0,
    challenge: Annotated[
        Path | None, typer.Option(metavar="IN.h5", help="Reconstruct this challenge file; no table is made.")
    ] = None,
    submission: Annotated[Path | None, typer.Option(metavar="OUT.h5", help="Where to, for --challenge.")] = None,
    quick: Quick = False,
    json: Json = None,
    markdown: Markdown = None,
    overwrite: Overwrite = False,
) -> None:
    """Motion blur, lag and gain drift undone, scored by the Physics World Model challenge's formulas."""
    from napari_fluorodenoise.bench.pwm import pwm as table

    if challenge is not None or submission is not None:
        _submit(challenge, submission, overwrite=overwrite)
        return
    frames, size, samples = (2 * TINY, SMALL, 1) if quick else (frames, size, samples)
    made = table(frames=frames, size=size, photons=photons, samples=samples, seed=seed)
    _make(made, json=json, markdown=markdown, overwrite=overwrite)


@bench.command()
def low_dose(
    frames: Frames = 24,
    size: Size = 128,
    dose: Annotated[float, typer.Option(min=0.001, max=1, help="The part of the dose that is left.")] = 0.5,
    peak: Annotated[
        float, typer.Option(min=1, help="Counts of the phantom where it is brightest, at full dose.")
    ] = 200,
    seeds: Annotated[int, typer.Option(min=1, help="Draws of the noise.")] = 2,
    steps: Steps = 100,
    public: Annotated[str | None, typer.Option(help="A public set instead: weiss, jhu or coronary.")] = None,
    split: Annotated[str, typer.Option(help="Its part: training, validation or test.")] = "test",
    data: Annotated[Path | None, typer.Option(help="The folder of --public, laid out as its owners do.")] = None,
    quick: Quick = False,
    json: Json = None,
    markdown: Markdown = None,
    overwrite: Overwrite = False,
) -> None:
    """Half the dose simulated on sequences for display: the protocol of the public sets, or on the phantom."""
    from napari_fluorodenoise.bench.low_dose import DisplayNoise
    from napari_fluorodenoise.bench.low_dose import low_dose as table
    from napari_fluorodenoise.bench.public import public_scenes

    frames, size, seeds, steps = (TINY, SMALL, 1, FEW) if quick else (frames, size, seeds, steps)
    if (public is None) != (data is None):
        raise ValueError("expected --public NAME together with --data FOLDER, found one of them; give both")
    if public is None or data is None:
        scenes, noise = _scenes(frames=frames, size=size, pans=[0.0, 3.0], seed=0, data=None), DisplayNoise(peak, 0.0)
        made = table(scenes, dose=dose, noise=noise, seeds=seeds, steps=steps)
    else:
        made = table(public_scenes(public, data, split=split), dose=dose, seeds=seeds, steps=steps)
    _make(made, json=json, markdown=markdown, overwrite=overwrite)


@bench.command()
def speed(
    frames: Frames = 32,
    size: Size = 256,
    recipe: Annotated[str, typer.Option(help="Recipes, by comma.")] = "fast,sdd,best",
    steps: Steps = 50,
    seed: Seed = 0,
    data: Data = None,
    quick: Quick = False,
    json: Json = None,
    markdown: Markdown = None,
    overwrite: Overwrite = False,
) -> None:
    """Frames per second and peak memory from file to file, and how they grow."""
    from napari_fluorodenoise.bench.speed import speed as table

    frames, size, steps = (TINY, SMALL, FEW) if quick else (frames, size, steps)
    made = table(recipes=_words(recipe), frames=frames, size=size, data=data or (), steps=steps, seed=seed)
    _make(made, json=json, markdown=markdown, overwrite=overwrite)


def _make(table: Table, *, json: Path | None, markdown: Path | None, overwrite: bool) -> None:
    """Print the table row by row, and write the files that were asked for; what can be refused is, before any work."""
    from napari_fluorodenoise.bench.result import made
    from napari_fluorodenoise.io.files import saving, vacant

    for path in (json, markdown):
        if path is not None:
            vacant(path, overwrite=overwrite, folder=False)
    begun = False

    def show(row: Row) -> None:
        nonlocal begun
        print(table.line(row) if begun else f"{table.head()}\n{table.line(row)}", flush=True)
        begun = True

    with bars() as start:
        result = made(table, progress=start("bench"), each=show)
    print(f"\n{result.footnote()}")
    for path, text in ((json, result.json), (markdown, result.markdown)):
        if path is not None:
            with saving(path) as part:
                part.write_text(text(), encoding="utf-8")


def _submit(challenge: Path | None, submission: Path | None, *, overwrite: bool) -> None:
    from napari_fluorodenoise.bench.pwm import submission as reconstruct
    from napari_fluorodenoise.io.files import saving, vacant
    from napari_fluorodenoise.quality.challenge import read_challenge, write_submission

    if challenge is None or submission is None:
        raise ValueError("expected --challenge IN.h5 together with --submission OUT.h5, found one of them; give both")
    vacant(submission, overwrite=overwrite, folder=False)
    samples = read_challenge(challenge)
    with bars() as start:
        done = reconstruct(samples, progress=start("challenge"))
    with saving(submission) as part:
        write_submission(part, done)
    print(f"wrote {submission}: {len(done)} samples")


def _scenes(*, frames: int, size: int, pans: list[float], seed: int, data: list[Path] | None) -> list[Scene]:
    from napari_fluorodenoise.bench.cases import clips, phantoms

    simulated = phantoms(frames=frames, size=size, seed=seed, pans=pans)
    return [*simulated, *clips(data or (), frames=frames, size=size)]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _numbers(text: str, option: str, *, least: float, most: float, such: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(least < value < most for value in found):
        raise ValueError(f"expected {option} as numbers between {least:g} and {most:g}, such as {such}, found {text!r}")
    return found
