"""One recipe on one file in a process of its own: python -m napari_fluorodenoise.bench.one_run RECIPE IN OUT.

It prints a line of JSON: the seconds from file to file, and the process's peak memory in bytes.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from napari_fluorodenoise.io import read, write
from napari_fluorodenoise.recipe import Recipe

__all__ = ["main", "peak_memory"]


def main(recipe: str, source: str, target: str) -> None:
    """Denoise the file `source` by `recipe` (JSON) to the file `target`, and say what it took."""
    began, chosen, video = time.perf_counter(), Recipe.from_json(recipe), read(source)
    run = chosen.run(video)
    write(target, run.video(chosen.result(video)))
    print(json.dumps({"seconds": time.perf_counter() - began, "peak": peak_memory()}))


def peak_memory() -> int:
    """The most memory, in bytes, that this process has held at once.

    Linux's own account begins with the process: that of getrusage begins with the memory of the one it came from.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
        if found:
            return 1024 * int(found[1])
    if sys.platform == "win32":
        import psutil

        memory: Any = psutil.Process().memory_info()
        return int(memory.peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main(*sys.argv[1:])
