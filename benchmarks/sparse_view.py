"""Few-angle tomography from raw and from denoised radiographs of a foam: prints the table in docs/benchmarks.md.

    python benchmarks/sparse_view.py [--angles 32] [--size 128] [--rows 64] [--photons 60] [--steps 800] > table.md

A cylinder full of bubbles that do not overlap (after the foam phantoms of D. M. Pelt et al., doi
10.1107/S1600577521011322), seen from a few angles over half a turn in parallel beams: Beer-Lambert's law, quantum
noise, and the point response of `scintillator.py`. The detector is measured on repeated exposures of the first angle,
as for real scanners: neighbouring angles show other pictures, so they tell neither the noise nor when to stop training.
Frames are denoised one by one, then -log, then filtered back projection (FBP) and two rounds of SART. Errors are over
the slices, relative to the cylinder's attenuation; the last row is what the angles allow.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.ndimage import convolve
from skimage.transform import iradon, iradon_sart

import napari_fluorodenoise as fd
from machine import described
from napari_fluorodenoise.physics.detector import measure
from scintillator import response

DEPTH = 1.6
"""Attenuation along the cylinder's diameter, without bubbles."""
RADIUS = 0.46
"""Of the cylinder, as a share of the picture."""
LEAST = 0.5
"""Quanta below which an intensity has no logarithm."""
EVERY = 8
"""Rows from one slice to the next that is reconstructed."""


def foam(options: argparse.Namespace, rng: np.random.Generator) -> np.ndarray:
    """Bubbles (N, 4) that do not overlap, in the cylinder: x, y, z and radius in pixels, x and y from the axis."""
    bubbles = np.zeros((0, 4))
    limit = RADIUS * options.size
    for radius in np.geomspace(0.11, 0.02, 1500) * options.size:
        x, y = rng.uniform(-limit, limit, 2)
        z = rng.uniform(0, options.rows)
        apart = np.linalg.norm(bubbles[:, :3] - (x, y, z), axis=1) > bubbles[:, 3] + radius
        if np.hypot(x, y) + radius < limit and apart.all():
            bubbles = np.vstack([bubbles, (x, y, z, radius)])
    return bubbles


def chords(offsets: np.ndarray, radius: float) -> np.ndarray:
    """Lengths of lines that pass a circle's or a sphere's centre by `offsets`² (any shape, squared)."""
    return 2 * np.sqrt(np.maximum(radius**2 - offsets, 0))


def line_integrals(bubbles: np.ndarray, degrees: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    """The lengths of matter (angles, rows, columns) in pixels along the beams."""
    columns, rows = np.arange(options.size) - options.size // 2, np.arange(options.rows)
    lengths = np.empty((len(degrees), options.rows, options.size))
    for index, angle in enumerate(np.deg2rad(degrees)):
        lengths[index] = chords(columns**2.0, RADIUS * options.size)
        for x, y, z, radius in bubbles:
            across = columns - (x * np.cos(angle) - y * np.sin(angle))
            lengths[index] -= chords(np.add.outer((rows - z) ** 2, across**2), radius)
    return lengths


def truth_of(bubbles: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    """Matter (1) and bubbles (0) in the slices (N, Y, X) that are reconstructed."""
    y, x = np.indices((options.size, options.size)) - options.size // 2
    body = (x**2 + y**2 < (RADIUS * options.size) ** 2).astype(float)
    slices = []
    for z in range(EVERY // 2, options.rows, EVERY):
        inside = [(x - b[0]) ** 2 + (y - b[1]) ** 2 + (z - b[2]) ** 2 < b[3] ** 2 for b in bubbles]
        slices.append(body * ~np.any(inside, axis=0))
    return np.stack(slices)


def errors(intensities: np.ndarray, truth: np.ndarray, degrees: np.ndarray, options: argparse.Namespace) -> list[float]:
    """Rms errors of FBP and of SART from `intensities` (angles, rows, columns) in quanta."""
    unit = DEPTH / (2 * RADIUS * options.size)
    lengths = -np.log(np.maximum(intensities, LEAST) / options.photons) / unit
    found: list[list[np.ndarray]] = [[], []]
    for z in range(EVERY // 2, options.rows, EVERY):
        sinogram = np.ascontiguousarray(lengths[:, z].T)
        found[0].append(iradon(sinogram, theta=degrees))
        twice = iradon_sart(sinogram, theta=degrees)
        found[1].append(iradon_sart(sinogram, theta=degrees, image=twice))
    return [float(np.sqrt(((np.stack(slices) - truth) ** 2).mean())) for slices in found]


def exposed(means: np.ndarray, rng: np.random.Generator) -> fd.Video:
    """Exposures of the mean quanta (T, Y, X), behind the point response."""
    quanta = rng.poisson(means).astype(np.float32)
    return fd.Video(data=np.stack([convolve(frame, response().astype(np.float32), mode="nearest") for frame in quanta]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"angles": 32, "size": 128, "rows": 64, "steps": 800, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--photons", type=float, default=60)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    bubbles, degrees = foam(options, rng), np.arange(options.angles) * 180 / options.angles
    unit, truth = DEPTH / (2 * RADIUS * options.size), truth_of(bubbles, options)
    means = options.photons * np.exp(-unit * line_integrals(bubbles, degrees, options))
    detector = measure(exposed(np.repeat(means[:1], 16, axis=0), rng))
    raw = fd.Run.of(exposed(means, rng)).measured(detector)
    sharp = fd.Decorrelate()(raw)
    alone = {"denoiser": "noise2self", "training_steps": options.steps, "held_out": 0}

    def denoised(run: fd.Run, of: str, **settings: object) -> np.ndarray:
        return fd.Denoise(of=(of,), **settings)(run, rng=np.random.default_rng(options.seed))[f"{of}_denoised"].numpy()

    ways = {
        "raw": lambda: raw["frames"].numpy(),
        "decorrelated": lambda: sharp["frames_decorrelated"].numpy(),
        "raw, Noise2Self": lambda: denoised(raw, "frames", **alone),
        "decorrelated, Noise2Self": lambda: denoised(sharp, "frames_decorrelated", **alone),
        "raw, Wiener filter, each frame alone": lambda: denoised(raw, "frames", radius=0),
        "without noise and blur": lambda: means,
    }
    shape = f"{options.angles} angles of {options.rows} x {options.size}, {options.photons:g} photons"
    print(f"{described()}; seed {options.seed}, {len(bubbles)} bubbles, {shape}, {options.steps} steps\n")
    print("| radiographs | rms error, quanta | FBP rms error | SART rms error | s |\n|---|---|---|---|---|")
    for name, made in ways.items():
        start = time.perf_counter()
        frames = made()
        seconds = time.perf_counter() - start
        off = float(np.sqrt(((frames - means) ** 2).mean()))
        fbp, sart = errors(frames, truth, degrees, options)
        print(f"| {name} | {off:.2f} | {fbp:.3f} | {sart:.3f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
