"""Frames per second and peak memory from file to file, by recipe, by length and by size, and how both grow.

Each row is a process of its own that reads an OME-Zarr of uint16, denoises it and writes another: everything counts
but the interpreter's start. A recipe runs on a first sequence, on longer ones, and on one of larger frames; what a
further frame and a further pixel of a frame cost in memory is told by comparison with the recipe's first row. Where
memory is bounded the first is next to nothing, whatever the length. The peak of one run varies by some MB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from napari_fluorodenoise.bench.cases import sequences
from napari_fluorodenoise.bench.result import Column, Row, Table
from napari_fluorodenoise.bench.systems import called
from napari_fluorodenoise.engine.progress import Progress
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.video import Video

__all__ = ["COLUMNS", "speed"]

LONGER, LARGER = 4, 2
"""How many times longer, and wider and higher, than the first sequence the others are."""
SAMPLE = 16
"""Frames that are simulated; a longer sequence repeats them."""
COLUMNS = (
    Column("sequence"),
    Column("recipe"),
    Column("frames", "d"),
    Column("side, px", "d"),
    Column("s", ".1f"),
    Column("frames/s", ".1f"),
    Column("Mpx/s", ".1f"),
    Column("peak, MB", ".0f"),
    Column("a further frame, MB", ".2f"),
    Column("a further pixel of a frame, bytes", ".0f"),
)
PHANTOM = "phantom"
SETTING = (
    "From file to OME-Zarr; the phantom pans and is an OME-Zarr of uint16; a frame's side is the root of its pixels; a "
    "network trains for {steps} steps"
)


@dataclass(frozen=True)
class _Spent:
    """What a run on `frames` frames of `side`² pixels took: seconds, and bytes at the peak."""

    frames: int
    side: int
    seconds: float
    peak: int

    def by_frame(self, first: _Spent) -> float | None:
        """Megabytes for each frame more than in the `first` run; None where there are no more, or larger ones."""
        more = self.frames - first.frames
        return (self.peak - first.peak) / 1e6 / more if more and self.side == first.side else None

    def by_pixel(self, first: _Spent) -> float | None:
        """Bytes for each pixel of a frame more than in the `first` run."""
        more = self.side**2 - first.side**2
        return (self.peak - first.peak) / more if more and self.frames == first.frames else None


def speed(
    *, recipes: Sequence[str], frames: int, size: int, data: Sequence[Path] = (), steps: int, seed: int = 0
) -> Table:
    """The table for the named `recipes`, from `frames` frames of `size` x `size` pixels on, and on those at `data`.

    Raises ValueError for a recipe that there is not, and where `data` holds no sequence.
    """
    chosen, given = [called(name, steps=steps) for name in recipes], sequences(data)
    return Table(
        title="Speed and memory, and how they grow",
        setting=f"{SETTING.format(steps=steps)}.",
        columns=COLUMNS,
        seed=seed,
        rows=partial(_rows, chosen, frames, size, given, seed),
    )


def _rows(
    recipes: Sequence[Recipe], frames: int, size: int, given: Sequence[Path], seed: int, progress: Progress
) -> Iterator[Row]:
    shapes = ((frames, size), (LONGER * frames, size), (frames, LARGER * size))
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        sources = [(PHANTOM, _source(here, *shape, seed), *shape) for shape in shapes]
        sources += [(path.stem, path, *_shape(path)) for path in given]
        for index, recipe in enumerate(recipes):
            first: dict[str, _Spent] = {}
            for number, (name, source, *shape) in enumerate(sources, start=index * len(sources)):
                progress(number / (len(recipes) * len(sources)), f"{recipe.name}, {name}, {shape[0]} frames")
                spent = _spent(recipe, source, *shape, folder=here)
                yield _row(name, recipe.name, spent, first.setdefault(name, spent))
    progress(1.0, "")


def _row(sequence: str, recipe: str, spent: _Spent, first: _Spent) -> Row:
    rate, pixels = spent.frames / spent.seconds, spent.frames * spent.side**2
    growth = (spent.by_frame(first), spent.by_pixel(first))
    taken = (spent.seconds, rate, pixels / 1e6 / spent.seconds, spent.peak / 1e6)
    return (sequence, recipe, spent.frames, spent.side, *taken, *growth)


def _shape(path: Path) -> tuple[int, int]:
    """The frames of the sequence at `path`, and the root of their pixels."""
    from napari_fluorodenoise.io import read

    frames, rows, columns = read(path).shape
    return frames, round((rows * columns) ** 0.5)


def _source(folder: Path, frames: int, size: int, seed: int) -> Path:
    """An OME-Zarr of so many frames of `size` x `size` pixels in `folder`."""
    import dask.array as da

    from napari_fluorodenoise.io import write
    from napari_fluorodenoise.physics.phantom import phantom

    sample: Video = phantom(frames=min(frames, SAMPLE), shape=(size, size), pan=1.0, rng=seed).noisy
    some = da.from_array(np.asarray(sample.data), chunks=(1, size, size))
    repeated = da.concatenate([some] * -(-frames // len(some)))[:frames]
    path = folder / f"{frames}-{size}.ome.zarr"
    write(path, sample.with_data(repeated))
    return path


def _spent(recipe: Recipe, source: Path, frames: int, side: int, *, folder: Path) -> _Spent:
    """What `recipe` takes on `source`, in a process of its own. Raises ValueError with the last line it said."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        words = (sys.executable, "-m", "napari_fluorodenoise.bench.one_run", recipe.to_json(), str(source))
        done = subprocess.run((*words, str(Path(own, "out.ome.zarr"))), capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise ValueError(f"expected recipe {recipe.name} to run on {frames} frames of {side}², found: {said}")
    told = json.loads(done.stdout.splitlines()[-1])
    return _Spent(frames, side, told["seconds"], told["peak"])
