"""Workers in processes of this machine: they share its cores, or have a GPU each."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which
from socket import socket
from typing import Any

__all__ = ["devices", "workers_here"]

DASHBOARD = 8787
"""The port of the dashboard, or another one where that is taken."""

LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What a worker runs first: Ctrl-C is for the process that waits for it, which then ends it."""


@contextmanager
def workers_here(count: int) -> Iterator[Any]:
    """A cluster of `count` workers on this machine, each a process that another one starts again should it die.

    Where there are GPUs each worker has one to itself, and a single thread, so that its network is there once.
    """
    import dask
    from distributed import Nanny, Scheduler, SpecCluster

    gpus = devices()
    threads = 1 if gpus else max((os.cpu_count() or 1) // count, 1)
    scheduler = {"host": "127.0.0.1", "dashboard": True, "dashboard_address": f"127.0.0.1:{_free(DASHBOARD)}"}
    quiet = {"silence_logs": logging.CRITICAL}
    with (
        dask.config.set(
            {
                "distributed.admin.large-graph-warning-threshold": "1 GB",
                # What dask sets here also stops glibc from keeping memory for arrays: every one would be mapped anew,
                # which takes four times as long as the work.
                "distributed.nanny.pre-spawn-environ": dict.fromkeys(LIMITS, threads),
            }
        ),
        SpecCluster(
            scheduler={"cls": Scheduler, "options": scheduler},
            workers={
                number: {
                    "cls": Nanny,
                    "options": {**quiet, "nthreads": threads, "env": _sees(gpus, number), "preload": [DEAF]},
                }
                for number in range(count)
            },
            **quiet,
        ) as cluster,
    ):
        yield cluster


def devices() -> list[str]:
    """The GPUs of this machine that may be used, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [device for device in named.split(",") if device not in ("", "-1")]
    if which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout.splitlines()
    return [str(number) for number, _ in enumerate(line for line in listed if line.startswith("GPU "))]


def _free(port: int) -> int:
    """`port` where nobody has it, else 0, for any other."""
    with socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def _sees(gpus: list[str], number: int) -> dict[str, str]:
    """The environment in which worker `number` has one of `gpus` to itself."""
    return {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {}
