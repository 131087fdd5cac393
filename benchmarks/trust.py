"""How often the trust report is wrong, and how often right: prints the table in docs/report.md.

    python benchmarks/trust.py [--seeds 12]

Every check on results with one fault each, of six kinds of phantom; seed 100 of some of them settled the limits, so
seeds from 0 on judge. Doubtful + fail, of all sequences.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter1d

import napari_fluorodenoise as fd
from machine import described
from napari_fluorodenoise.physics.chain import ImagingChain, Lag
from napari_fluorodenoise.physics.detector import measure
from napari_fluorodenoise.physics.phantom import Phantom, phantom
from napari_fluorodenoise.quality.trust import trust

LAGGING = ImagingChain(lag=Lag(time_constants=(-1000 * ImagingChain().frame_interval / np.log(0.1),)))
SCENES = {
    "beating, 60 photons": {},
    "pan 3 px/frame, 30": {"pan": 3.0, "photons": 30},
    "still, 10": {"still": True, "photons": 10},
    "still, 100": {"still": True, "photons": 100},
    "pan 1 px/frame, 100, lag 10 %": {"pan": 1.0, "photons": 100, "chain": LAGGING},
    "white noise, 300, collimated": {"photons": 300, "collimated": True, "chain": ImagingChain(scintillator=None)},
}
CHECKS = ("Removed structure", "Invented structure", "Lag", "Texture", "Bias")


def results(made: Phantom) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Results with one fault each, by name."""
    frames, clean = made.noisy.numpy().astype(np.float32), made.clean
    fast = fd.denoise(made.noisy, recipe="fast").numpy().astype(np.float32)
    sigma = np.sqrt(made.slope * clean + made.read_variance)
    rows, columns = np.indices(clean.shape[1:])
    line = np.exp(-0.5 * ((rows - 70 - 0.4 * columns) / 1.2) ** 2)
    dots = gaussian_filter(((rows % 24 == 8) & (columns % 24 == 8)).astype(float), 1.5)
    yield "the truth", clean
    yield "the input itself", frames
    for blur in (1, 2, 3):
        yield f"Gaussian blur, {blur} pixel{'s' * (blur > 1)}", gaussian_filter(frames, (0, blur, blur))
    yield "recursive filter that keeps 60 %", recursive(frames, keep=0.6)
    yield "the truth, lagging by 40 %", recursive(clean, keep=0.4)
    yield "mean of 5 frames", uniform_filter1d(frames, 5, axis=0, mode="nearest")
    yield "the truth with a line of 2.5 deviations put in", clean - 2.5 * sigma * line
    yield "`fast` with that line", fast - 2.5 * sigma * line
    yield "`fast` with dots of 2.5 deviations", fast - 2.5 * sigma * dots / dots.max()
    yield "the truth x 1.03", 1.03 * clean
    yield "`fast` x 1.03", 1.03 * fast
    yield "`fast` + 0.5 deviations", fast + 0.5 * sigma
    yield "`fast`", fast


def recursive(frames: NDArray[np.float32], *, keep: float) -> NDArray[np.float32]:
    result = frames.astype(np.float32)
    for t in range(1, len(result)):
        result[t] = (1 - keep) * result[t] + keep * result[t - 1]
    return result


def told(verdicts: Counter[str]) -> str:
    """Doubtful + fail; 0 where there are neither."""
    doubtful, fail = verdicts["doubtful"], verdicts["fail"]
    return f"{doubtful} + {fail}" if doubtful or fail else "0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=12)
    options = parser.parse_args()
    verdicts: dict[str, dict[str, Counter[str]]] = {}
    for scene in SCENES.values():
        for seed in range(options.seeds):
            made = phantom(frames=24, shape=(256, 256), rng=seed, **scene)
            detector = measure(made.noisy)
            for name, frames in results(made):
                found = trust(made.noisy, made.noisy.with_data(np.float32(frames)), detector=detector)
                row = verdicts.setdefault(name, {check: Counter() for check in CHECKS})
                for check in found.checks:
                    row[check.name][check.verdict] += 1
    print(f"{described()}; {options.seeds} seeds of {len(SCENES)} phantoms\n")
    print(f"| result | {' | '.join(CHECKS)} |\n|---{'|---' * len(CHECKS)}|")
    for name, row in verdicts.items():
        print(f"| {name} | {' | '.join(told(row[check]) for check in CHECKS)} |")


if __name__ == "__main__":
    main()
