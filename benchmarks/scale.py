"""Memory and time over the number of frames: prints the table in docs/scale.md.

    python benchmarks/scale.py [--frames 500 2000 8000] [--recipes fast sdd model] [--large]

Every case is a command of its own, `fluorodenoise denoise`, from a file to OME-Zarr. Memory: the peak of the process,
and what of it is its own, pages of files that the system may drop at any time left out. Time: seconds and frames/s
in all; and milliseconds per frame that a sequence is longer than the one before, on the clock and of the cores, so that
start-up and what a fit costs once do not count. `model` applies a network that is trained here first, for
a few steps: noise2self. The sequences are a phantom of 100 frames to and fro, with fresh noise.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from machine import described

COMMAND = (sys.executable, "-c", "import sys; from napari_fluorodenoise.cli import main; sys.exit(main())")
SUFFIXES = {"OME-Zarr": ".ome.zarr", "TIFF": ".tif", "DICOM": ".dcm"}
PERIOD, SEED = 100, 0
"""Frames of the phantom, which go to and fro, and its seed."""
TICK = 0.05
"""Seconds between two looks at a process's memory."""
LARGE = ((2000, 512), (60, 2048))
"""Frames and side of what is run once, with `fast`."""


@dataclass(frozen=True)
class Case:
    """A command: a recipe or `model` on so many frames of `side`², in a container."""

    recipe: str
    frames: int
    side: int
    container: str = "OME-Zarr"


@dataclass(frozen=True)
class Cost:
    """Seconds, those of all cores, and bytes at the peak: `resident`, and `own` without what is mapped from files."""

    seconds: float
    cores: float
    resident: float
    own: float


def cost(*command: str) -> Cost:
    """What a command took that has to succeed.

    This process has to stay smaller than its children: Linux counts what a child shared before it began.
    """
    began, own = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watched = psutil.Process(process.pid)
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        memory = watched.memory_info()
        own = max(own, memory.rss - getattr(memory, "shared", 0))
        time.sleep(TICK)
    if status != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, own)


def make(path: Path, frames: int, side: int) -> None:
    """Write a sequence: the phantom to and fro, with noise of its own in every frame."""
    import dask.array as da
    import numpy as np

    import napari_fluorodenoise as fd

    photons = 60
    sample = fd.phantom(frames=min(PERIOD, frames), shape=(side, side), photons=photons, pan=0.5, rng=SEED)
    clean = np.asarray(sample.clean, np.float32)
    fresh = np.float32(max(float(np.var(sample.noisy.numpy()[0] - clean[0])) / float(clean.mean()), 0))

    turn = max(2 * len(clean) - 2, 1)

    def frame(block_id: tuple[int, int, int]) -> np.ndarray:
        t = block_id[0]
        noise = np.random.default_rng((SEED, t)).standard_normal((side, side), dtype=np.float32)
        values = clean[min(t % turn, turn - t % turn)]
        return np.clip(np.rint(values + noise * np.sqrt(fresh * values)), 0, 4095).astype(np.uint16)[None]

    chunks = ((1,) * frames, (side,), (side,))
    data = da.map_blocks(frame, chunks=chunks, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16))
    fd.write(path, sample.noisy.with_data(data), overwrite=True)


def source(folder: Path, case: Case) -> Path:
    """The case's sequence, made in another process where it is not there."""
    path = folder / f"{case.frames} x {case.side}{SUFFIXES[case.container]}"
    if not path.exists():
        this = (sys.executable, __file__, "--make", str(path), str(case.frames), str(case.side))
        subprocess.run(this, check=True)
    return path


def chosen(folder: Path, recipe: str) -> tuple[str, ...]:
    """The options that name the recipe; the model is trained where it is not there."""
    if recipe != "model":
        return ("--recipe", recipe)
    model = folder / "model.safetensors"
    if not model.exists():
        sample = source(folder, Case("model", PERIOD, 128))
        words = ("--recipe", "scintillator", "--steps", "20", "--set", "denoise.radius=0")
        subprocess.run((*COMMAND, "train", str(sample), "--out", str(model), *words), check=True)
    return ("--model", str(model))


def rows(folder: Path, cases: Sequence[Case]) -> Iterator[str]:
    """A line of the table for each case."""
    before: tuple[Case, Cost] | None = None
    for case in cases:
        path, words = source(folder, case), chosen(folder, case.recipe)
        took = cost(*COMMAND, "denoise", str(path), str(folder / "out.ome.zarr"), "--overwrite", *words)
        same = before is not None and (before[0].recipe, before[0].container) == (case.recipe, case.container)
        rate = f"{case.frames / took.seconds:.1f}"
        more = ""
        if before is not None and same and case.frames > before[0].frames:
            added = 1e-3 * (case.frames - before[0].frames)
            clock, cores = (took.seconds - before[1].seconds) / added, (took.cores - before[1].cores) / added
            more = f"{clock:.1f} ({cores:.1f})"
        memory = f"{took.resident / 1e6:.0f} | {took.own / 1e6:.0f}"
        what = f"{case.recipe} | {case.container} | {case.frames} x {case.side}²"
        yield f"| {what} | {memory} | {took.seconds:.1f} | {rate} | {more} |"
        before = case, took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="*", default=[500, 2000, 8000])
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--recipes", nargs="*", default=["fast", "sdd", "model"])
    parser.add_argument("--containers", nargs="*", default=["OME-Zarr"], choices=list(SUFFIXES))
    parser.add_argument("--large", action="store_true", help="Also the large ones, with fast.")
    parser.add_argument("--folder", type=Path, help="Where to keep sequences for the next time.")
    parser.add_argument("--make", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(Path(options.make[0]), *map(int, options.make[1:]))
        return
    cases = [Case(r, n, options.side, c) for r in options.recipes for c in options.containers for n in options.frames]
    cases += [Case("fast", *size) for size in LARGE if options.large]
    with tempfile.TemporaryDirectory() as temporary:
        print(f"{described()}; seed {SEED}\n")
        print("| recipe | from | frames | peak, MB | its own, MB | s | frames/s | ms per frame more (of cores) |")
        print("|---|---|---|---|---|---|---|---|")
        for row in rows(options.folder or Path(temporary), cases):
            print(row, flush=True)


if __name__ == "__main__":
    main()
