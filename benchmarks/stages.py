"""How fast the stages of `sdd` are at 1024², one by one and together; prints the table.

    python benchmarks/stages.py [--frames 48] [--size 1024] [--seed 0] > table.md

A phantom that pans at 2 px per frame, in memory, its detector measured before. Rates are frames per second, also as
ratios to two rivals in the same run: scikit-image's phase correlation of consecutive frames (a tenth of a pixel) for
what finds motion, and its non-local means for what denoises. Ratios are of single runs after a short one that loads
what is imported late.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
from skimage.registration import phase_cross_correlation
from skimage.restoration import denoise_nl_means

import napari_fluorodenoise as fd
from machine import described
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.stages import name_of
from napari_fluorodenoise.video import Run


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rivals(frames: np.ndarray) -> dict[str, float]:
    """Frames per second of scikit-image's on some of the `frames`."""
    few = frames[:6].astype(np.float32)
    sigma = float(np.std(few[1] - few[0])) / 2**0.5
    means = {"h": 0.8 * sigma, "sigma": sigma, "patch_size": 5, "patch_distance": 6, "fast_mode": True}
    shifts = seconds(lambda: [phase_cross_correlation(a, b, upsample_factor=10) for a, b in pairwise(few)])
    return {
        "phase correlation, scikit-image": (len(few) - 1) / shifts,
        "NLM, scikit-image": 2 / seconds(lambda: [denoise_nl_means(frame, **means) for frame in few[:2]]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    recipe = fd.Recipe.named("sdd")
    recipe(phantom(frames=6, shape=(64, 64), rng=0).noisy)
    video = phantom(
        frames=options.frames, shape=(options.size, options.size), photons=60, pan=2.0, rng=options.seed
    ).noisy
    rates = rivals(video.numpy())
    shifts, means = rates.values()
    run, spent = measured(Run.of(video)), {}
    for number, stage in enumerate(recipe.stages, 1):
        start, before = time.perf_counter(), run
        run = stage(run)
        of = f" of {', '.join(stage.of)}" if isinstance(stage, fd.Denoise) else ""
        spent[f"{number}. {name_of(stage).capitalize()}{of}"] = time.perf_counter() - start
    rates |= {name: options.frames / time_ for name, time_ in spent.items()}
    rates["**`sdd`, all of it**"] = options.frames / sum(spent.values())
    rates["Fuse with two neighbours"] = options.frames / seconds(partial(fd.Fuse(neighbours=2), before))
    print(f"{described()}; seed {options.seed}, {options.frames} frames of {options.size}²\n")
    print("| | frames/s | in phase correlation's | in NLM's |\n|---|---|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {rate:.2f} | {rate / shifts:.2f} | {rate / means:.1f} |")


if __name__ == "__main__":
    main()
