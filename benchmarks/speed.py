"""Speed and memory of whole commands, as a user sees them: prints the tables in docs/benchmarks.md.

    python benchmarks/speed.py [--data FOLDER] [--frames 2000] > table.md

Start-up: the best of five runs of a command. Frames per second: recipe `fast` from file to file, everything counted
(start-up, reading, measuring the noise, writing), as a ratio to scikit-image's non-local means on frames of the same
size that are already in memory. Memory: the peak of the process over `--frames` frames of 512² uint16 from OME-Zarr
to OME-Zarr, and over a tenth of them, to see whether it grows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dask.array as da
import numpy as np
from skimage.restoration import denoise_nl_means

import napari_fluorodenoise as fd
from machine import described
from napari_fluorodenoise.physics.phantom import phantom

COMMAND = (sys.executable, "-c", "import sys; from napari_fluorodenoise.cli import main; sys.exit(main())")


def measured(*command: str) -> tuple[float, float]:
    """Wall seconds and peak memory in MB of a command that has to succeed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def start_up() -> None:
    print("| start-up | best of 5, s | loads torch or Qt |\n|---|---|---|")
    look = "import sys, {0}; print(any(name.split('.')[0] in ('torch', 'qtpy', 'PyQt6') for name in sys.modules))"
    imports = look.format("napari_fluorodenoise")
    loads = subprocess.run([sys.executable, "-c", imports], capture_output=True, text=True, check=True).stdout.strip()
    bare = min(measured(sys.executable, "-c", "pass")[0] for _ in range(5))
    whole = min(measured(sys.executable, "-c", "import napari_fluorodenoise")[0] for _ in range(5))
    print(f"| `import napari_fluorodenoise` | {whole - bare:.2f} | {'yes' if loads == 'True' else 'no'} |")
    for words in (("--help",), ("recipe", "fast")):
        seconds = min(measured(*COMMAND, *words)[0] for _ in range(5))
        print(f"| `fluorodenoise {' '.join(words)}` | {seconds:.2f} | |")


def throughput(source: Path, folder: Path) -> None:
    frames = fd.read(source)
    stack = frames.crop(frames=slice(0, 4)).numpy().astype(np.float32) / 255
    start = time.perf_counter()
    for frame in stack:
        denoise_nl_means(frame, h=0.05, sigma=0.05, patch_size=5, patch_distance=6, fast_mode=True)
    rival = len(stack) / (time.perf_counter() - start)
    print(f"\n| {' x '.join(map(str, frames.shape))} DICOM, JPEG | frames/s | in NLM's ({rival:.1f}) | peak, MB |")
    print("|---|---|---|---|")
    for suffix in (".dcm", ".tif", ".zarr"):
        out = folder / f"out{suffix}"
        seconds, peak = measured(*COMMAND, "denoise", str(source), str(out), "--recipe", "fast")
        rate = frames.shape[0] / seconds
        print(f"| to `{suffix}` | {rate:.1f} | {rate / rival:.1f} | {peak:.0f} |", flush=True)


def memory(folder: Path, frames: int) -> None:
    sample = phantom(frames=40, shape=(512, 512), photons=60, pan=1.0, rng=0).noisy
    print("\n| OME-Zarr to OME-Zarr, 512² uint16 | peak, MB | frames/s | sequence, MB |\n|---|---|---|---|")
    for count in (frames // 10, frames):
        source = folder / f"long-{count}.ome.zarr"
        repeats = -(-count // sample.shape[0])
        data = da.concatenate([da.from_array(sample.data, chunks=(1, 512, 512))] * repeats)[:count]
        fd.write(source, sample.with_data(data))
        out = folder / f"clean-{count}.ome.zarr"
        seconds, peak = measured(*COMMAND, "denoise", str(source), str(out), "--recipe", "fast")
        print(
            f"| {count} frames | {peak:.0f} | {count / seconds:.1f} | {count * 512 * 512 * 2 / 1e6:.0f} |", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--frames", type=int, default=2000)
    options = parser.parse_args()
    print(f"{described()}\n")
    start_up()
    with tempfile.TemporaryDirectory() as folder:
        source = options.data / "xa_rubo0002" / "HasFragmentSequence.dcm"
        if source.exists():
            throughput(source, Path(folder))
        memory(Path(folder), options.frames)


if __name__ == "__main__":
    main()
