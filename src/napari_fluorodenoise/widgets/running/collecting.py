"""Garbage collections that do not hold up the window while work goes on.

A full collection looks at every object there is. napari and torch make half a million of them, which takes a third of
a second in which no thread can do anything.
"""

from __future__ import annotations

import gc

__all__ = ["collect_all_again", "collect_only_new"]

_AT_WORK: set[object] = set()


def collect_only_new(work: object) -> None:
    """Leave what there is now out of all collections, until `work` and all other such work is over."""
    _AT_WORK.add(work)
    gc.freeze()


def collect_all_again(work: object) -> None:
    """`work` is over."""
    _AT_WORK.discard(work)
    if not _AT_WORK:
        gc.unfreeze()
