"""How right the measured detector is, and how long that takes: prints the tables in docs/benchmarks.md.

    python benchmarks/detector.py [--seeds 3] > tables.md

Phantoms whose truth is known, static, with a beating heart, or panning at 3 px per frame. Errors are means over the
seeds, with the worst in brackets: slope and read noise (rms) relative to the truth's, the point response as its largest
difference, lag in shares of a signal and drift in % per frame, also in the standard errors that were told. Summed
correlation with the 7 x 7 neighbours is that of frames that the measurement never saw, before and after the inverse of
the whitening kernel, as Decorrelate applies it. Seconds and memory are for a sequence read from disk, beside
scikit-image's phase correlation (a tenth of a pixel) of all its consecutive frames in the same run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage.registration import phase_cross_correlation

from machine import described
from napari_fluorodenoise.io import read, write
from napari_fluorodenoise.physics.chain import GainDrift, ImagingChain, Lag, Scintillator
from napari_fluorodenoise.physics.detector import Detector, measure
from napari_fluorodenoise.physics.phantom import Phantom, phantom
from napari_fluorodenoise.primitives.spectra import filtered
from napari_fluorodenoise.stages.decorrelate import PAD, Decorrelate, blurring
from napari_fluorodenoise.video import Video

KINDS = {"static": {"still": True}, "beating": {}, "panning": {"pan": 3.0}}
RESPONSES = {
    "of the phantom, 1.2 px": Scintillator(),
    "Gaussian, 2 px": Scintillator(weights=(1.0,), widths=(0.255,)),
    # exp(-r / 0.52 px) on 7 x 7 to within 0.004: without read noise its neighbours' correlations sum to 294 %
    "Laplacian, 7 x 7": Scintillator(weights=(0.4, 0.6), widths=(0.1084, 0.2727)),
}


def case(kind: str, seed: int, *, frames: int = 40, size: int = 256, **options: object) -> Phantom:
    return phantom(frames=frames, shape=(size, size), rng=seed, **KINDS[kind], **options)


def lagging(lag: float) -> ImagingChain:
    return ImagingChain(lag=Lag(time_constants=(-1000 * ImagingChain().frame_interval / np.log(lag),)))


def response_error(found: Detector, truth: Phantom) -> float:
    size = max(len(found.response), len(truth.response))
    a, b = (np.pad(kernel, (size - len(kernel)) // 2) for kernel in (found.response, truth.response))
    return float(np.abs(a - b).max())


def line_errors(found: Detector, truth: Phantom) -> tuple[float, float]:
    """Relative errors of the slope without lag and of the read noise, in %."""
    read_noise = np.sqrt(max(found.read_variance, 0) / truth.read_variance)
    return 100 * (found.quantum_slope / truth.slope - 1), 100 * (float(read_noise) - 1)


def cells(errors: list[tuple[float, ...]], form: str) -> str:
    """Mean and, in brackets, worst of each column of errors."""
    columns = np.array(errors).T
    return " | ".join(f"{c.mean():{form}} ({c[np.abs(c).argmax()]:{form}})" for c in columns)


def lines(seeds: range) -> None:
    print("| photons | | slope % | read noise % | in its standard errors: slope | read variance |", end=" ")
    print("response, 64 x 384² | 40 x 256² |\n|---|---|---|---|---|---|---|---|")
    for photons in (10, 30, 100, 300):
        for kind in KINDS:
            line, sure, blur = [], [], []
            for seed in seeds:
                truth = case(kind, seed, frames=64, size=384, photons=photons)
                found = measure(truth.noisy)
                part = truth.noisy.crop(frames=slice(40), rows=slice(256), columns=slice(256))
                line.append(line_errors(found, truth))
                off = found.read_variance - truth.read_variance
                sure.append(((found.slope - truth.slope) / found.slope_error, off / found.read_variance_error))
                blur.append((response_error(found, truth), response_error(measure(part), truth)))
            print(
                f"| {photons} | {kind} | {cells(line, '+.1f')} | {cells(sure, '+.1f')} | {cells(blur, '.3f')} |",
                flush=True,
            )


def lags_and_drifts(seeds: range) -> None:
    columns = ("lag found", "in its standard errors", "drift found, %", "in its standard errors", "slope %")
    print(f"\n| in the phantom | | {' | '.join(columns)} | read noise % |")
    print("|---|---|---|---|---|---|---|---|")
    chains = {f"lag {lag:g}": (lagging(lag), lag, 0.0) for lag in (0.03, 0.1)}
    chains |= {f"drift {g:+g} %": (ImagingChain(drift=GainDrift(percent=g)), 0.0, g) for g in (-0.3, 0.5)}
    chains = {"neither": (ImagingChain(), 0.0, 0.0), **chains}
    for name, (chain, lag, percent) in chains.items():
        for kind in KINDS:
            held, drifts, line = [], [], []
            for seed in seeds:
                truth = case(kind, seed, chain=chain)
                found = measure(truth.noisy)
                held.append((found.lag[0], (found.lag[0] - lag) / found.lag[1]))
                off = 100 * found.gain_drift - percent
                drifts.append((100 * found.gain_drift, off / (100 * found.gain_drift_error)))
                middle = 1 + percent / 100 * (truth.noisy.shape[0] - 1) / 2  # the line is that of the middle of the run
                slope, read_noise = line_errors(found, truth)
                line.append(((100 + slope) / middle - 100, read_noise))
            told = f"{cells(held, '+.3f')} | {cells(drifts, '+.3f')}"
            print(f"| {name} | {kind} | {told} | {cells(line, '+.1f')} |", flush=True)


def neighbours(noise: np.ndarray) -> float:
    """The summed correlation, in %, of a pixel with the 7 x 7 around it, over noise (T, Y, X)."""
    lags = np.fft.irfft2((np.abs(np.fft.rfft2(noise)) ** 2).mean(axis=0), noise.shape[1:])
    near = np.arange(-3, 4)
    return float(100 * (lags[np.ix_(near, near)].sum() / lags[0, 0] - 1))


def whitened(truth: Phantom, *, seen: int) -> tuple[float, float]:
    """Summed correlation before and after, on the frames from `seen` on, which are not measured."""
    found = measure(truth.noisy.crop(frames=slice(seen)))
    inverse = np.reciprocal(blurring(found.whitening, truth.noisy.shape[1:], floor=Decorrelate().floor))
    clean, unseen = truth.clean[seen:], truth.noisy.numpy()[seen:].astype(np.float32)
    scale = np.sqrt(truth.slope * clean + truth.read_variance)
    after = filtered(unseen, inverse, pad=PAD) - filtered(clean, inverse, pad=PAD)
    return neighbours((unseen - clean) / scale), neighbours(after / scale)


def decorrelation(seeds: range) -> None:
    print("\n| point response | | neighbours before, % | after, % |\n|---|---|---|---|")
    for name, scintillator in RESPONSES.items():
        for kind in KINDS:
            chain = ImagingChain(scintillator=scintillator)
            found = [whitened(case(kind, seed, frames=52, photons=100, chain=chain), seen=40) for seed in seeds]
            print(f"| {name} | {kind} | {cells(found, '+.1f')} |", flush=True)


def phase_correlated(video: Video) -> None:
    for t in range(video.shape[0] - 1):
        phase_cross_correlation(*np.asarray(video.data[t : t + 2], np.float32), upsample_factor=10)


def cost(work: Callable[[Video], object], path: Path) -> tuple[float, float]:
    """Seconds of `work` on the sequence at `path`, and, in a second go, the most memory it held, in MB."""
    start = time.perf_counter()
    work(read(path))
    seconds = time.perf_counter() - start
    tracemalloc.start()
    work(read(path))
    held = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return seconds, held


def speed() -> None:
    print("\n| 96 frames of 512², uint16, from OME-Zarr | s | in the rival's | peak of its arrays, MB |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.ome.zarr"
        write(path, case("panning", 0, frames=96, size=512).noisy)
        rivals = {"measure": measure, "phase correlation, scikit-image": phase_correlated}
        found = {name: cost(work, path) for name, work in rivals.items()}
    rival = found["phase correlation, scikit-image"][0]
    for name, (seconds, held) in found.items():
        print(f"| {name} | {seconds:.2f} | {seconds / rival:.2f} | {held:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(f"{described()}; seeds 0 to {options.seeds - 1}\n")
    for table in (lines, lags_and_drifts, decorrelation):
        table(range(options.seeds))
    speed()


if __name__ == "__main__":
    main()
