"""What Decompose leaves in the background and takes out of the foreground, by the phantom's truth; prints the tables.

    python benchmarks/decompose.py [--frames 64] [--seed 0] > table.md

Background: rms of its error in units of the noise's rms at each pixel, over the pixels whose true background is still
(its own deviation over time on the canvas is below a tenth of the noise) and over all of them: the heart's shadow and
the diaphragm move by themselves, and belong to the foreground by the method's definition. Foreground: the share of
the wire's and of the vessels' contrast in it, by least squares on both at once. Where the detector pans, Decompose
gets Stabilize's offsets, whose rms error is against the truth.
"""

from __future__ import annotations

import argparse

import numpy as np

import napari_fluorodenoise as fd
from machine import described
from napari_fluorodenoise.motion.canvas import Canvas
from napari_fluorodenoise.physics.phantom import Phantom, phantom
from napari_fluorodenoise.video import Run

STILL = 0.1
"""Deviation of the true background over time, in the noise's rms, below which a pixel counts as still."""


def noise_of(truth: Phantom) -> np.ndarray:
    """The noise's rms (T, Y, X)."""
    return np.sqrt(truth.slope * truth.clean + truth.read_variance)


def still(truth: Phantom) -> np.ndarray:
    """Where the true background is still on the canvas, seen in every frame (T, Y, X)."""
    canvas = Canvas.around(truth.offsets, frame=truth.clean.shape[1:])
    moments = np.zeros((3, *canvas.shape))
    for t, frame in enumerate(truth.background):
        placed, known = canvas.place(frame, t)
        moments += known * np.stack([np.ones_like(placed), placed, placed.astype(float) ** 2])
    mean, square = moments[1:] / np.maximum(moments[0], 1)
    deviation = np.sqrt(np.maximum(square - mean**2, 0)).astype(np.float32)
    seen = np.stack([canvas.view(deviation, t) for t in range(len(truth.background))])
    return seen < STILL * noise_of(truth)


def background_errors(truth: Phantom, run: Run) -> tuple[float, float]:
    """Rms in the noise's rms over the still pixels, and over all."""
    error = (run["background"].numpy() - truth.background) / noise_of(truth)
    return float(np.sqrt((error[still(truth)] ** 2).mean())), float(np.sqrt((error**2).mean()))


def shares(truth: Phantom, run: Run) -> tuple[float, float]:
    """The shares of the wire's and of the vessels' contrast that are in the foreground."""
    parts = np.stack([truth.wire, truth.clean - truth.background - truth.wire])
    there = (parts < -0.5 * noise_of(truth)).any(axis=0)
    found, *_ = np.linalg.lstsq(parts[:, there].T, run["foreground"].numpy()[there], rcond=None)
    return float(found[0]), float(found[1])


def accuracy(frames: int, seed: int) -> None:
    print("| phantom | method | offsets, px rms | background, still | background, all | wire | vessels |")
    print("|---|---|---|---|---|---|---|")
    for photons in (30, 100):
        for pan in (0.0, 2.0):
            truth = phantom(frames=frames, photons=photons, pan=pan, rng=seed)
            run = fd.Stabilize()(truth.noisy)
            missed = float(np.sqrt(((run["offsets"].data[:, :2] - truth.offsets) ** 2).mean()))
            title = f"{photons} photons, {f'pan {pan:.0f} px/frame' if pan else 'still'}"
            for method in ("pcp", "robust-mean"):
                split = fd.Decompose(method=method)(run if pan else truth.noisy)
                numbers = (missed, *background_errors(truth, split), *shares(truth, split))
                print(f"| {title} | {method} | {' | '.join(f'{number:.2f}' for number in numbers)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{described()}; seed {options.seed}, {options.frames} frames\n")
    accuracy(options.frames, options.seed)


if __name__ == "__main__":
    main()
