"""Makes the weights that recipe `best` begins with, from simulated sequences alone.

    python weights/train.py [--sequences 900] [--steps 20000] [--workers 2] [--seed 0] [--out FILE]

A network learns what to add to the pilots of random scenes (`scenes.py`), whose clean frames are known, with noise of
many levels and spectra. A sequence counts by the error of its pilots, so that those which are easy to denoise count as
much as the others. The last sequences are kept from training and tell how well it goes. The same seed, packages and
number of threads give the same weights; the shipped ones took about half an hour on two cores, and 6 GB of memory.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

import napari_fluorodenoise
from napari_fluorodenoise.denoisers.best import WEIGHTS
from napari_fluorodenoise.denoisers.evidence import CHANNELS, Piloted
from napari_fluorodenoise.denoisers.fitted_wiener import FittedWiener
from napari_fluorodenoise.denoisers.model import Model, save
from napari_fluorodenoise.denoisers.nested import smoothed_noise
from napari_fluorodenoise.denoisers.networks import network
from napari_fluorodenoise.denoisers.noise import Noise
from napari_fluorodenoise.denoisers.pilots import NEIGHBOURS, STEP
from napari_fluorodenoise.denoisers.schemes.draws import drawn
from napari_fluorodenoise.denoisers.training import train
from napari_fluorodenoise.denoisers.wiener import SIZE
from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.physics.detector import Detector
from napari_fluorodenoise.primitives.dct import deviation
from scenes import scene

FRAMES, SIDE, KEPT = 28, 144, 8
"""Frames of a sequence, their side in px, and how many of them are learned from."""
BATCH, CROP = 16, 64
TEST = 20
"""Sequences that judge."""
RATE = 2.5e-3
LEAST = 0.02
"""Error of the pilots, in the noise's variance, below which sequences no longer count more."""
REACH = 4
"""Pixels over which the noise may correlate."""
ASTRAY, LOUD = 0.12, 0.02
"""Errors (rms) of offsets while the view moves, in px, and of the noise level, as a share."""


@dataclass(frozen=True, eq=False)
class Example:
    """What a network sees of some frames (N, C, Y, X) float16, and what it should add to the pilots (N, Y, X)."""

    seen: np.ndarray
    target: np.ndarray

    @property
    def weight(self) -> float:
        """How much an error counts."""
        return 1 / (float((self.target**2).mean()) + LEAST)


def example(seed: int) -> Example:
    """A random sequence with random noise."""
    rng = np.random.default_rng(seed)
    cv2.setNumThreads(1)
    made = scene(rng, frames=FRAMES, side=SIDE)
    clean = made.clean - made.clean.mean()
    clean = clean / clean.std() * np.float32(np.exp(rng.uniform(np.log(1.0), np.log(7))))
    clean, autocorrelation = detected(clean, rng)
    loudness = np.float32(rng.normal(1, LOUD))
    noisy = clean + loudness * drawn(clean.shape, rng, autocorrelation=autocorrelation)
    moves = np.abs(np.diff(made.offsets, axis=0, prepend=made.offsets[:1])).sum(axis=1) > 0
    offsets = made.offsets + np.where(moves[:, None], rng.normal(0, ASTRAY, made.offsets.shape), 0)
    wiener = known(autocorrelation)
    whole = tuple(slice(0, n) for n in noisy.shape)
    pilots, left = wiener.filtered(noisy, Block(whole, whole))
    piloted = Piloted(noisy, pilots, left, offsets, np.zeros(FRAMES), autocorrelation)
    times = np.sort(rng.choice(FRAMES, KEPT, replace=False))
    seen = np.stack([piloted.evidence(t) for t in times.tolist()]).astype(np.float16)
    return Example(seen, (clean - pilots)[times])


def detected(clean: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`clean` as a random detector blurs it, and the autocorrelation (9, 9) of that detector's noise."""
    squared = np.add.outer(np.arange(-REACH, REACH + 1) ** 2, np.arange(-REACH, REACH + 1) ** 2)
    narrow, wide = rng.uniform(0.3, 1.0), rng.uniform(0.9, 1.6)
    share, read = rng.uniform(0, 0.4), max(rng.uniform(-0.4, 0.4), 0.0)
    white = rng.random() < 0.4
    parts = [np.exp(-squared / (2 * sigma**2)) for sigma in (narrow, wide)]
    response = (1 - share) * parts[0] / parts[0].sum() + share * parts[1] / parts[1].sum()
    if not white or rng.random() < 0.3:  # a picture may be soft and its noise not: after binning, say
        blur = partial(cv2.filter2D, ddepth=-1, kernel=response, borderType=cv2.BORDER_REFLECT_101)
        clean = np.stack([blur(frame) for frame in clean])
    none = np.zeros_like(response)
    none[REACH, REACH] = 1
    if white:
        return clean, none
    padded = np.pad(response, REACH)
    spectrum = np.abs(np.fft.fft2(padded)) ** 2
    around = np.fft.fftshift(np.fft.ifft2(spectrum).real)
    middle = len(around) // 2
    own = around[middle - REACH : middle + REACH + 1, middle - REACH : middle + REACH + 1]
    return clean, (1 - read) * own / own[REACH, REACH] + read * none


def known(autocorrelation: np.ndarray) -> FittedWiener:
    """The filter for frames that already have noise of unit variance."""
    one = np.ones((1, 1))
    detector = Detector(
        slope=0.0,
        read_variance=1.0,
        floor=1.0,
        level=0.0,
        autocorrelation=autocorrelation,
        response=one,
        field=np.ones((SIDE, SIDE), bool),
    )
    noise = Noise(detector, autocorrelation)
    spectrum = deviation(autocorrelation, size=SIZE)
    return FittedWiener("frames", noise, spectrum, smoothed_noise(autocorrelation), NEIGHBOURS, 1.0, STEP)


def batch(examples: list[Example], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random crops turned at random: what is seen, what should come out, and how much its error counts."""
    seen, target, weight = [], [], []
    for _ in range(BATCH):
        chosen = examples[int(rng.integers(len(examples)))]
        t, y, x = int(rng.integers(KEPT)), *(int(rng.integers(SIDE - CROP + 1)) for _ in range(2))
        at = (slice(y, y + CROP), slice(x, x + CROP))
        turn = tuple(slice(None, None, -1 if flip else 1) for flip in rng.integers(2, size=2))
        one, wanted = chosen.seen[t, :, *at][:, *turn], chosen.target[t, *at][turn]
        if rng.integers(2):
            one, wanted = one.swapaxes(1, 2), wanted.T
        seen.append(one)
        target.append(wanted[None])
        weight.append(chosen.weight)
    weights = torch.tensor(weight, dtype=torch.float32)[:, None, None, None]
    return torch.from_numpy(np.stack(seen).astype(np.float32)), torch.from_numpy(np.stack(target)), weights


def main() -> None:
    """Make the examples, train, and write the weights."""
    folder = Path(napari_fluorodenoise.__file__).parent / "denoisers" / "weights"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=900)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=folder / WEIGHTS)
    options = parser.parse_args()
    seeds = range(options.seed * 1_000_000, options.seed * 1_000_000 + options.sequences)
    with ProcessPoolExecutor(options.workers) as pool:
        examples = list(pool.map(example, seeds, chunksize=4))
    learned, tests = examples[:-TEST], examples[-TEST:]
    rng = np.random.default_rng(options.seed)

    def loss(net: torch.nn.Module) -> torch.Tensor:
        seen, target, weight = batch(learned, rng)
        return ((net(seen) - target) ** 2 * weight).mean()

    def judge(net: torch.nn.Module) -> float:
        with torch.inference_mode():
            errors = [
                (net(torch.from_numpy(test.seen.astype(np.float32)))[:, 0] - torch.from_numpy(test.target)) ** 2
                for test in tests
            ]
        return float(np.mean([test.weight * error.mean() for test, error in zip(tests, errors, strict=True)]))

    def report(fraction: float, message: str, preview: object = None) -> None:
        if int(message.split()[1]) % 100 == 0:
            print(message, file=sys.stderr, flush=True)

    torch.set_num_threads(1)
    begun = network("refiner", seed=options.seed, inputs=CHANNELS)
    found = train(
        begun, loss=loss, judge=judge, steps=options.steps, rate=RATE, patience=None, device="cpu", progress=report
    )
    training = {"sequences": options.sequences, "seed": options.seed, "losses": [list(part) for part in found.losses]}
    save(options.out, replace(Model("refiner", "best", found.net), training=training), half=True)


if __name__ == "__main__":
    main()
