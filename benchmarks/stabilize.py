"""How far Stabilize's offsets are from a known path; prints the tables.

    python benchmarks/stabilize.py [--estimators dis ilk tvl1 phase] [--cases abc] [--frames 100] [--seed 0] > table.md

(a) A phantom at 30 photons per pixel that pans at 0-6 px per frame, with pauses and reversals. (b) A window that moves
along a known path over one real frame, repeated, with fresh Gaussian noise of variance 0.003 (of the full scale
squared) in every frame, and the same without motion. (c) The same window over clips in which the heart beats and the
table hardly moves, against the path plus what the estimator itself finds on the noise-free clip seen through a window
at rest. Fractions of a pixel are resampled by a Lanczos kernel before the noise is added.

Errors in px: rms of the steps from frame to frame, rms of the offsets, and the distance at the last frame. The real
sequences are public clips that the repository does not contain; FLUORODENOISE_DATA names their folder.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import napari_fluorodenoise as fd
from machine import described
from napari_fluorodenoise.motion.canvas import Canvas
from napari_fluorodenoise.physics.phantom import phantom

DATA = Path(os.environ.get("FLUORODENOISE_DATA", Path(__file__).parents[1] / "../shared/data"))
CLIPS = ("angiodata_p2c3", "angiodata_p3c3", "angiodata_p5c3", "angiodata_p7c1", "angiodata_p7c4")
STILL = ("angiodata_p5c3", "angiodata_p7c4")
VARIANCE = 0.003
WINDOW = 352
"""Side of the moving window, in px, in frames of 512."""


def path(frames: int, *, extent: float) -> NDArray[np.float64]:
    """Offsets (T, 2) px from 0 at 0-6 px per frame: faster, slower, a pause, back again; within +-`extent`."""
    speeds = np.interp(np.arange(frames) % 40, [0, 8, 14, 20, 26, 34, 39], [0, 6, 3, 0, 0, 4.5, 0])
    angles = 0.9 + 0.35 * np.sin(np.arange(frames) / 9) + np.pi * (np.arange(frames) // 20 % 2)
    steps = speeds[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return np.clip(np.cumsum(steps, axis=0) - steps[0], -extent, extent)


def windows(frames: NDArray[np.float32], offsets: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a window (WINDOW, WINDOW) in the middle of `frames` (T, Y, X) shows when it moves by `offsets` (T, 2)."""
    start = (np.array(frames.shape[1:]) - WINDOW) // 2
    canvas = Canvas.around(
        np.concatenate([offsets + start, [[0, 0], np.array(frames.shape[1:]) - WINDOW]]), frame=(WINDOW, WINDOW)
    )
    return np.stack([canvas.view(frame, t).copy() for t, frame in enumerate(frames)])


def noisy(clean: NDArray[np.float32], rng: np.random.Generator) -> fd.Video:
    return fd.Video(data=clean + np.float32(VARIANCE**0.5) * rng.standard_normal(clean.shape, dtype=np.float32))


def offsets_of(video: fd.Video, estimator: str) -> NDArray[np.float64]:
    return fd.Stabilize(estimator=estimator)(video)["offsets"].data[:, :2]


def clip(name: str) -> NDArray[np.float32]:
    frames = fd.read(DATA / name).numpy().astype(np.float32)
    return frames / 255


def cases(frames: int, seed: int) -> Iterator[tuple[str, fd.Video, NDArray[np.float64], fd.Video | None]]:
    """(title, noisy video, true offsets, the noise-free clip through a window at rest where it moves by itself)."""
    for number in range(2):
        rng = np.random.default_rng((seed, number))
        truth = phantom(frames=frames, photons=30, pan=path(frames, extent=100), rng=rng)
        yield f"(a) phantom {number}, 30 photons", truth.noisy, truth.offsets, None
    for name in CLIPS if DATA.is_dir() else ():
        one, rng = clip(name)[20], np.random.default_rng(seed)
        for title, way in (("moves", path(60, extent=70)), ("rests", np.zeros((60, 2)))):
            yield f"(b) {name}, {title}", noisy(windows(np.stack([one] * 60), way), rng), way, None
    for name in STILL if DATA.is_dir() else ():
        frames_of, rng = clip(name), np.random.default_rng(seed)
        way = path(len(frames_of), extent=70)
        rest = fd.Video(data=windows(frames_of, np.zeros_like(way)))
        yield f"(c) {name}, live", noisy(windows(frames_of, way), rng), way, rest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--estimators", nargs="+", default=["dis", "ilk", "tvl1", "phase"])
    parser.add_argument("--cases", default="abc", help="which of (a), (b) and (c)")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{described()}; seed {options.seed}, {options.frames} frames\n")
    print("| sequence | estimator | step, rms px | offset, rms px | last, px | frames/s |\n|---|---|---|---|---|---|")
    for title, video, truth, rest in cases(options.frames, options.seed):
        if title[1] not in options.cases:
            continue
        for estimator in options.estimators:
            start = time.perf_counter()
            found = offsets_of(video, estimator)
            rate = len(found) / (time.perf_counter() - start)
            expected = truth - truth[0] + (0 if rest is None else offsets_of(rest, estimator))
            error = found - found[0] - expected
            step, offset = (np.sqrt((e**2).sum(axis=1).mean()) for e in (np.diff(error, axis=0), error))
            print(
                f"| {title} | {estimator} | {step:.2f} | {offset:.2f} | {np.hypot(*error[-1]):.2f} | {rate:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
