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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter1d
from skimage.io import imread
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

import napari_fluorodenoise as fd
from machine import described
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.quality import scores

CLIPS = ("p2c3", "p3c3", "p5c3", "p7c1", "p7c4")


@dataclass(frozen=True)
class Case:
    """A noisy sequence (T, Y, X) and its clean one, in the same units; `sigma` is the noise's rms, known to rivals."""

    name: str
    noisy: np.ndarray
    clean: np.ndarray
    sigma: float
    span: float
    wire: np.ndarray | None = None


def phantoms(frames: int, seed: int) -> Iterator[Case]:
    for photons in (30, 100):
        for pan in (0.0, 3.0):
            sample = phantom(frames=frames, photons=photons, pan=pan, rng=seed)
            noisy, clean = sample.noisy.numpy(), sample.clean
            title = f"phantom, {photons} photons, {'pan 3 px/frame' if pan else 'still'}"
            yield Case(title, noisy, clean, float(np.std(noisy - clean)), float(np.ptp(clean)), sample.wire)


def clips(folder: Path, frames: int, seed: int) -> Iterator[Case]:
    for clip in CLIPS:
        files = sorted((folder / f"angiodata_{clip}").glob("*.jpg"))
        files = files[max(0, (len(files) - frames) // 2) :][:frames]
        if files:
            stack = np.stack([imread(file) for file in files]).astype(np.float32) / 255
            clean = stack.reshape(len(stack), stack.shape[1] // 2, 2, stack.shape[2] // 2, 2).mean((2, 4))
            noise = np.random.default_rng(seed).normal(0, np.sqrt(0.003), clean.shape)
            yield Case(f"angiography {clip}, variance .003", (clean + noise).astype(np.float32), clean, 0.003**0.5, 1.0)


def by_frame(denoise: Callable[[np.ndarray], np.ndarray], video: np.ndarray) -> np.ndarray:
    return np.stack([denoise(frame) for frame in video])


def total_variation(video: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    return by_frame(partial(denoise_tv_chambolle, weight=strength * sigma), video)


def non_local_means(video: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    return by_frame(
        partial(denoise_nl_means, h=strength * sigma, sigma=sigma, patch_size=5, patch_distance=6, fast_mode=True),
        video,
    )


def gaussian(video: np.ndarray, sigma: float, strength: tuple[float, float]) -> np.ndarray:
    return gaussian_filter(video, (strength[0], strength[1], strength[1]))


def mean_of_five(video: np.ndarray, sigma: float, strength: None) -> np.ndarray:
    return uniform_filter1d(video, 5, axis=0, mode="nearest")


def recursive(video: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    result = video.copy()
    for t in range(1, len(video)):
        result[t] = strength * video[t] + (1 - strength) * result[t - 1]
    return result


RIVALS: dict[str, tuple[Callable[..., np.ndarray], tuple]] = {
    "TV": (total_variation, (1.0, 1.25, 1.5, 2.0, 2.5, 3.0)),
    "NLM": (non_local_means, (0.6, 0.7, 0.8, 0.9, 1.0, 1.2)),
    "3-D Gaussian": (gaussian, tuple((t, s) for t in (0, 0.4, 0.6, 0.9, 1.3, 2) for s in (0.8, 1.0, 1.25, 1.5, 2))),
    "5-frame mean": (mean_of_five, (None,)),
    "recursive filter": (recursive, (0.15, 0.3, 0.45, 0.6, 0.8)),
}


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
    top = float(case.clean.max())
    scaled, sigma = (case.noisy / top).astype(np.float32), case.sigma / top
    for name, (method, strengths) in RIVALS.items():
        start = time.perf_counter()
        videos = [method(scaled, sigma, strength) * top for strength in strengths]
        rate = len(scaled) * len(strengths) / (time.perf_counter() - start)
        results = [(*near(video), wire(case, video)) for video in videos]
        best = max(range(len(results)), key=lambda index: results[index][0])
        yield (name, *results[best], rate, "" if strengths[best] is None else str(strengths[best]))
    start = time.perf_counter()
    clean = fd.denoise(fd.Video(data=case.noisy), recipe="fast").numpy()
    rate = len(clean) / (time.perf_counter() - start)
    yield ("**fast**", *near(clean), wire(case, clean), rate, "measured")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{described()}; seed {options.seed}, {options.frames} frames\n")
    print("| case | method | PSNR dB | SSIM | wire left | frames/s | best strength |\n|---|---|---|---|---|---|---|")
    fd.denoise(phantom(frames=4, shape=(64, 64)).noisy, recipe="fast")  # what is imported late is not part of the rate
    won = []
    for case in (*phantoms(options.frames, options.seed), *clips(options.data, options.frames, options.seed)):
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
