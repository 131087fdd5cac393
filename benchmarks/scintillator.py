"""Noise2Self on raw, on decorrelated and on truly uncorrelated noise: prints the table in docs/benchmarks.md.

    python benchmarks/scintillator.py [--frames 48] [--size 128] [--photons 100] [--steps 800] [--seed 0] > table.md

The comparison of A. Graas & F. Lucka, doi 10.1088/1361-6501/addc06: one still scene, exposed again and again, with
quantum noise and a 7 x 7 point response that is measured, not told. Raw frames are held against the blurred truth; the
decorrelated and the uncorrelated ones (the same quanta, never blurred) against the sharp one, and, blurred afterwards,
against the blurred one as well. Same network, steps and seed, once stopped in time by held-out frames and once trained
to the end. p is the neighbourhood dependency, how much
of the noise around a pixel is in its result,

    p_i = sum over j of Cov(f(y)_i, y_j) / (sd(y_i) sd(y_j)),

over 7 x 7 neighbours j, on average over the pixels i.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.ndimage import convolve

import napari_fluorodenoise as fd
from machine import described
from napari_fluorodenoise.quality import scores

NEAR = 3
"""Reach of the neighbourhood and of the point response, in pixels."""


def response() -> np.ndarray:
    """A point response (7, 7), sum 1: a narrow core and a broader foot."""
    squared = np.add.outer(np.arange(-NEAR, NEAR + 1) ** 2, np.arange(-NEAR, NEAR + 1) ** 2)
    kernel = 0.75 * np.exp(-squared / (2 * 0.55**2)) / 1.9 + 0.25 * np.exp(-squared / (2 * 1.2**2)) / 9.0
    return kernel / kernel.sum()


def blurred(frames: np.ndarray) -> np.ndarray:
    """Frames (T, Y, X) behind the point response."""
    return np.stack([convolve(frame, response().astype(frame.dtype), mode="mirror") for frame in frames])


def exposed(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sharp truth (Y, X) in quanta, and the exposures (T, Y, X) without and with the detector's blur."""
    scene = fd.phantom(frames=2, shape=(options.size, options.size), rng=options.seed).clean[0].astype(np.float64)
    truth = scene * options.photons / scene.mean()
    rng = np.random.default_rng(options.seed)
    quanta = rng.poisson(truth, (options.frames, *truth.shape)).astype(np.float32)
    return truth, quanta, blurred(quanta)


def dependency(results: np.ndarray, frames: np.ndarray) -> float:
    """The mean of p over the pixels, from results and frames (T, Y, X) of one still scene."""
    results, noise = (values - values.mean(axis=0) for values in (results, frames))
    deviation = noise.std(axis=0)
    noise, results = noise / deviation, results / deviation
    inner = (slice(None), slice(NEAR, -NEAR), slice(NEAR, -NEAR))
    total = 0.0
    for y in range(-NEAR, NEAR + 1):
        for x in range(-NEAR, NEAR + 1):
            total += float((results * np.roll(noise, (-y, -x), (1, 2)))[inner].mean())
    return total


def row(name: str, run: fd.Run, of: str, truth: np.ndarray, options: argparse.Namespace, *, held_out: int) -> None:
    start = time.perf_counter()
    stage = fd.Denoise(of=(of,), denoiser="noise2self", training_steps=options.steps, held_out=held_out)
    clean = stage(run, rng=np.random.default_rng(options.seed))[f"{of}_denoised"].numpy()
    seconds, frames = time.perf_counter() - start, run[of].numpy()
    sharp = np.broadcast_to(truth.astype(np.float32), clean.shape)
    soft = blurred(sharp)
    own, as_soft = (soft, clean) if name.startswith("raw") else (sharp, blurred(clean))
    mse, psnr, noisy = float(((clean - own) ** 2).mean()), scores(clean, truth=own)[0], scores(frames, truth=own)[0]
    stopped = "in time" if held_out else "at the end"
    numbers = (noisy, mse, psnr, scores(as_soft, truth=soft)[0], dependency(clean, frames))
    print(f"| {name} | {stopped} | {' | '.join(f'{number:.2f}' for number in numbers)} | {seconds:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"frames": 48, "size": 128, "steps": 800, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--photons", type=float, default=100)
    options = parser.parse_args()
    truth, quanta, raw_frames = exposed(options)
    shape = f"{options.frames} frames of {options.size}², {options.photons:g} photons, {options.steps} steps"
    print(f"{described()}; seed {options.seed}, {shape}\n")
    print("| noise | stopped | noisy PSNR dB | MSE, quanta² | PSNR dB | blurred PSNR dB | p | s |")
    print("|---|---|---|---|---|---|---|---|")
    raw = fd.Decorrelate()(fd.Video(data=raw_frames))
    white = fd.Run({"frames": fd.Video(data=quanta)})
    for held_out in (3, 0):
        row("raw, correlated", raw, "frames", truth, options, held_out=held_out)
        row("decorrelated", raw, "frames_decorrelated", truth, options, held_out=held_out)
        row("uncorrelated", white, "frames", truth, options, held_out=held_out)


if __name__ == "__main__":
    main()
