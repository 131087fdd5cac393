"""A cluster's cost beside threads, and the plan for a hundred workers: prints the tables in docs/scale.md.

    python benchmarks/cluster.py [--frames 600] [--side 256] [--workers 1 2] [--plan 100]

Runs: `fluorodenoise denoise --recipe fast` on threads and on local clusters, each twice; the second time the system has
the sequence in memory, and that is told. The client's peak and every byte of the output are compared with the threads'.
Calls: how long a call that does nothing takes from the client to a worker and back, and what goes over the wire for it.
Plan: as many workers as a cluster may have, in one process here, do blocks that only take time; the share of it that
they are busy tells what client and scheduler cost them, on less than one core.
"""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from machine import described
from scale import COMMAND, cost

CALLS = 2000
BLOCK_SECONDS = 2.0
"""About what `fast` takes on one core for a call with 16 frames of 512²."""
STUDY = 100_000
"""Frames of the plan."""


def runs(folder: Path, frames: int, side: int, counts: list[int]) -> None:
    """Print frames per second, the client's memory, and whether the output is the same."""
    source = folder / "in.ome.zarr"
    script = str(Path(__file__).with_name("scale.py"))
    subprocess.run((sys.executable, script, "--make", str(source), str(frames), str(side)), check=True)
    print(f"\n{frames} frames of {side}², fast:\n")
    print("| on | s | frames/s | the client's own MB | output |\n|---|---|---|---|---|")
    first = folder / "threads.ome.zarr"
    for words in ((), *(("--workers", str(count)) for count in counts)):
        target = first if not words else folder / f"{words[1]}.ome.zarr"
        for _ in range(2):
            took = cost(*COMMAND, "denoise", str(source), str(target), "--recipe", "fast", "--overwrite", *words)
        on = "threads" if not words else f"{words[1]} worker{'s' * (words[1] != '1')}"
        same = "" if not words else "the same" if alike(first, target) else "other"
        print(
            f"| {on} | {took.seconds:.1f} | {frames / took.seconds:.1f} | {took.own / 1e6:.0f} | {same} |", flush=True
        )


def alike(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files with the same bytes."""
    names = [{path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in (one, other)]
    matching, *_ = filecmp.cmpfiles(one, other, map(str, names[0]), shallow=False)
    return names[0] == names[1] and len(matching) == len(names[0])


def nothing(number: int) -> None:
    """Do nothing."""


def calls(counts: list[int]) -> float:
    """Print the seconds per call on clusters of so many workers, and return the most."""
    import cloudpickle

    from napari_fluorodenoise.engine.filing import TOGETHER, _filed
    from napari_fluorodenoise.job.cluster import working

    plan = Path("/data/study/.run.ome.zarr.job/pieces/result.blocks/plan")
    size = len(cloudpickle.dumps(partial(_filed, plan, [slice(t, t + 4) for t in range(0, 4 * TOGETHER, 4)])))
    print(f"\nA call goes out as {size} bytes and comes back as None.\n")
    print("| workers | ms per call |\n|---|---|")
    most = 0.0
    for count in counts:
        with working(workers=count) as cluster:
            list(cluster.each([partial(nothing, n) for n in range(100)], report=lambda: None))
            began = time.perf_counter()
            list(cluster.each([partial(nothing, n) for n in range(CALLS)], report=lambda: None))
            each = (time.perf_counter() - began) / CALLS
        most = max(most, each)
        print(f"| {count} | {1e3 * each:.2f} |", flush=True)
    return most


def plan(workers: int, each: float) -> None:
    """Print what so many workers are busy with, and what that makes of a study."""
    from distributed import Client, LocalCluster

    from napari_fluorodenoise.engine.filing import TOGETHER
    from napari_fluorodenoise.engine.room import room
    from napari_fluorodenoise.job.cluster import Cluster

    blocks = -(-STUDY // (TOGETHER * room((512, 512)).frames))
    rounds = 5
    print(f"\n{STUDY} frames of 512² are {blocks} calls, which cost client and scheduler {blocks * each:.0f} s in all:")
    print(f"{1e3 * blocks * each / STUDY:.2f} ms per frame.")
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=False, dashboard_address=None) as local,
        Client(local, set_as_default=False) as client,
    ):
        cluster = Cluster(client)
        began = time.perf_counter()
        list(cluster.each([partial(time.sleep, BLOCK_SECONDS)] * (rounds * workers), report=lambda: None))
        took = time.perf_counter() - began
    busy = rounds * BLOCK_SECONDS / took
    print(f"{workers} workers in one process, blocks of {BLOCK_SECONDS:g} s: busy {busy:.0%} of {took:.1f} s.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--plan", type=int, default=100)
    options = parser.parse_args()
    print(described())
    with tempfile.TemporaryDirectory() as folder:
        runs(Path(folder), options.frames, options.side, options.workers)
    plan(options.plan, calls(options.workers))


if __name__ == "__main__":
    main()
