"""How large a block of frames is, and how many workers take one at a time: as many as the free memory has room for.

A sequence never takes more memory because it is longer: only blocks do, by their frames, their pixels and the workers.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Room", "crew", "fitting", "free", "give_back", "room"]

PIXELS = 2**18
"""Pixels in a block's core where its frames are small: with fewer, time goes into neighbours that blocks share."""
FEWEST, LONGEST = 4, 16
"""Frames in a block: about as many as its neighbours, and so few that one frame is soon looked at."""
MOST = 4
"""Workers at the most: memory must not grow with the number of cores."""
PER_FRAME, PER_WORKER = 60, 390
"""Bytes per pixel that a block takes, for each frame of its core and beside: the hungriest stage's but networks'."""
LEAST = 160
"""Bytes per pixel that the thriftiest stage takes for a block of one frame: with less, nothing can be done."""
SHARE = 0.9
"""The part of the free memory that blocks may take."""
GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Where Linux says what the limits of control groups are, and in which ones this process is."""


@dataclass(frozen=True)
class Room:
    """So many `frames` in a block, so many `workers` with a block each."""

    frames: int
    workers: int

    def takes(self, pixels: int) -> int:
        """Bytes, for frames of so many pixels."""
        return self.workers * pixels * (PER_FRAME * self.frames + PER_WORKER)


def room(frame: tuple[int, int]) -> Room:
    """The blocks of frames (Y, X) that fit into the free memory; no result depends on them.

    Raises ValueError where not even one frame on one worker fits, whatever the stage.
    """
    needed, there = LEAST * frame[0] * frame[1], free()
    if needed > SHARE * there:
        raise ValueError(
            f"expected {needed / SHARE / 1e9:.3g} GB of free memory for a frame of {frame[0]} x {frame[1]} pixels, "
            f"found {there / 1e9:.3g} GB; close other programs, or crop the frames"
        )
    return fitting(frame)


def fitting(frame: tuple[int, int]) -> Room:
    """As `room`: fewer frames where they do not fit, then fewer workers; one of one where that does not fit either."""
    pixels, there = frame[0] * frame[1], SHARE * free()
    usual = Room(max(FEWEST, min(LONGEST, PIXELS // max(pixels, 1))), crew())
    return next((place for place in _smaller(usual) if place.takes(pixels) <= there), Room(1, 1))


def _smaller(usual: Room) -> Iterator[Room]:
    """`usual`, and what takes less and less memory: half the frames each time, then a worker fewer."""
    frames = usual.frames
    while frames > 1:
        yield Room(frames, usual.workers)
        frames //= 2
    for workers in range(usual.workers, 0, -1):
        yield Room(1, workers)


def crew() -> int:
    """Workers where there is room for them: one per core, a few at the most."""
    return min(os.cpu_count() or 1, MOST)


def free() -> int:
    """Bytes that this process may still take: what the system has, or what a container leaves where that is less."""
    import psutil

    return max(min([int(psutil.virtual_memory().available), *_left_by_groups()]), 0)


def give_back() -> None:
    """Give the system what this process has freed: glibc keeps it in case it is asked for again, on top of the peak."""
    with suppress(OSError, AttributeError):  # other systems have another library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _left_by_groups() -> Iterator[int]:
    """Bytes left of each memory limit on this process, from its own control group up, in version 2 or 1."""
    for line in _lines(OWN):
        _, kinds, path = line.split(":", 2)
        if kinds not in ("", "memory"):
            continue
        names = ("memory.max", "memory.current") if not kinds else ("memory.limit_in_bytes", "memory.usage_in_bytes")
        place = (GROUPS / kinds / path.lstrip("/")) if kinds else GROUPS / path.lstrip("/")
        top = GROUPS / kinds
        for group in dict.fromkeys((place, *(p for p in place.parents if p.is_relative_to(top)), top)):
            limit, used = (_number(group / name) for name in names)
            if limit is not None and used is not None:
                yield limit - used + _droppable(group)


def _droppable(group: Path) -> int:
    """Bytes of files that a group holds and the system drops when it needs room."""
    for line in _lines(group / "memory.stat"):
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def _number(file: Path) -> int | None:
    """The number in a file; None where there is no file, or "max"."""
    text = "".join(_lines(file))
    return int(text) if text.isdigit() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
