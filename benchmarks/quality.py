"""Recipe `fast` against what a user has at hand, each rival tuned by the truth: prints the table in docs/benchmarks.md.

    python benchmarks/quality.py [--data FOLDER] [--frames 24] [--seed 0] > table.md

Phantom: photon noise behind a point response, read noise, with and without pan; the clean frames are the detector's
own, blurred. Real clips, where FOLDER has them: 2x2-binned to [0, 1] and taken as clean, Gaussian noise of variance
0.003 added. PSNR and SSIM are over the range of the phantom's clean frames, and over 1 on the clips. Every rival gets
the same frames, scaled to [0, 1], and the best of its strengths by PSNR against the truth; `fast` gets no truth at
all. Frames per second are for one strength. The first row is the noisy input.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

import napari_fluorodenoise as fd
from cases import CLIPS, DATA, Case, named
from machine import described
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.quality import scores
from rivals import TUNED, tuned


def cases(data: Path, frames: int, seed: int) -> Iterator[Case]:
    clips = [clip for clip in CLIPS if (data / f"angiodata_{clip}").is_dir()]
    for name in ("still-30", "pan-30", "still-100", "pan-100", *(f"{clip}-.003" for clip in clips)):
        yield named(name, frames=frames, size=256, seed=seed, data=data)


def wire(case: Case, video: np.ndarray) -> float:
    """The share of the wire's contrast that is left, by least squares where it is dark; NaN where there is none."""
    if case.wire is None:
        return float("nan")
    dark = case.wire < 0.3 * case.wire.min()
    depth = case.wire[dark]
    return float((video - (case.clean - case.wire))[dark] @ depth / (depth @ depth))


def rows(case: Case) -> Iterator[tuple[str, float, float, float, float, str]]:
    """(method, PSNR, SSIM, wire left, frames/s, strength) for the noisy input, every rival at its best, and `fast`."""
    near = partial(scores, truth=case.clean, data_range=case.span)
    yield ("noisy", *near(case.noisy), wire(case, case.noisy), float("nan"), "")
    for name in TUNED:
        best = tuned(case, name)
        strength = "" if best.strength is None else str(best.strength)
        yield (name, *near(best.video), wire(case, best.video), len(case.noisy) / best.seconds, strength)
    start = time.perf_counter()
    clean = fd.denoise(fd.Video(data=case.noisy), recipe="fast").numpy()
    rate = len(clean) / (time.perf_counter() - start)
    yield ("**fast**", *near(clean), wire(case, clean), rate, "measured")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{described()}; seed {options.seed}, {options.frames} frames\n")
    print("| case | method | PSNR dB | SSIM | wire left | frames/s | best strength |\n|---|---|---|---|---|---|---|")
    fd.denoise(phantom(frames=4, shape=(64, 64)).noisy, recipe="fast")  # what is imported late is not part of the rate
    won = []
    for case in cases(options.data, options.frames, options.seed):
        table = list(rows(case))
        for name, psnr, ssim, left, rate, strength in table:
            contrast = "" if np.isnan(left) else f"{left:.2f}"
            speed = "" if np.isnan(rate) else f"{rate:.1f}"
            print(f"| {case.name} | {name} | {psnr:.2f} | {ssim:.3f} | {contrast} | {speed} | {strength} |", flush=True)
        rival = max(table[1:-1], key=lambda row: row[1])
        nlm = next(row for row in table if row[0] == "NLM")
        won.append((case.name, table[-1][1] - rival[1], rival[0], table[-1][4] / nlm[4]))
    print("\n| case | gain over the best rival, dB | which | speed, in NLM's |\n|---|---|---|---|")
    for name, gain, rival_name, ratio in won:
        print(f"| {name} | {gain:+.2f} | {rival_name} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
