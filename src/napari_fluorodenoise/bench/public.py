"""The public sequences of the low-dose protocol, as their owners give them out, and its splits.

| set | from | laid out as |
|---|---|---|
| `weiss` | M. Gherardini et al., doi 10.1016/j.cmpb.2020.105420 | T1T2.hdf5 (train_img), T3-T6.hdf5 (test) |
| `jhu` | R. B. Grupp et al., doi 10.7281/T1/C304HZ | cadaver_*/.../preview/*.png |
| `coronary` | I. Kruzhilov et al., doi 10.1038/s41597-025-04676-8 | (Left, Right)_Dominance/*/(LCA, RCA)/*.npz |

Frames come in [0, 1], as the protocol sizes them, without black borders. It published no list of studies for
CoronaryDominance, but a seeded shuffle, which is done again here; its own rule for borders adapts to each frame, ours
takes one for a sequence.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.bench.cases import Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frames = NDArray[np.float32]

__all__ = ["SETS", "SPLITS", "public_scenes"]

SPLITS = ("training", "validation", "test")
WEISS_FILES = {"T1T2": ("T1T2.hdf5", "train_img"), "T3T6": ("T3-T6.hdf5", "test")}
WEISS = {
    "training": (("T3T6", 0, 199), ("T1T2", 286, 435)),
    "validation": (("T3T6", 543, 770),),
    "test": (("T3T6", 400, 542), ("T3T6", 200, 399), ("T1T2", 166, 175), ("T1T2", 221, 230), ("T1T2", 276, 285)),
}
"""File, first and last frame of every sequence."""
WEISS_SIDE = CORONARY_SIDE = 256
JHU_PATIENTS = {"cadaver_18-2799": "validation", "cadaver_17-1905": "test"}
"""All others are for training."""
JHU_LARGE, JHU_SMALL = 384, 192
"""The side of frames that are made smaller, and to what."""
CORONARY_SEED, CORONARY_SHARES = 2026, (0.7, 0.15)
BLACK, FEWEST, LEAST = 0.02, 3, 32
"""The mean up to which a row is a border, the fewest that are taken off, and the pixels that have to be left."""


def public_scenes(name: str, folder: Path, *, split: str = "test", most: int | None = None) -> list[Scene]:
    """The sequences of a `split` of the set `name` below `folder`, read when they are asked for.

    `most` bounds the frames of each, from its start. Raises ValueError for a set or a split that there is not, and for
    a folder that does not hold it.
    """
    if name not in SETS or split not in SPLITS:
        raise ValueError(
            f"expected a set of {', '.join(SETS)} and a split of {', '.join(SPLITS)}, found {name!r} and {split!r}"
        )
    found = SETS[name](folder, split, slice(most))
    if not found:
        raise ValueError(f"{folder}: expected {name}'s {split} sequences, found none; lay them out as its owners do")
    return found


def _weiss(folder: Path, split: str, frames: slice) -> list[Scene]:
    there = {key: folder / name for key, (name, _) in WEISS_FILES.items() if (folder / name).is_file()}
    lacking = {WEISS_FILES[key][0] for key, _, _ in WEISS[split] if key not in there}
    if there and lacking:  # a part of a split would pass for all of it
        raise ValueError(f"{folder}: expected {' and '.join(sorted(lacking))} for weiss's {split} split, found none")
    return [
        Scene(f"weiss {key} {at}-{end}", partial(_weiss_frames, there[key], WEISS_FILES[key][1], at, end, frames))
        for key, at, end in WEISS[split]
        if there
    ]


def _weiss_frames(path: Path, dataset: str, first: int, last: int, frames: slice) -> Frames:
    import h5py

    with h5py.File(path) as file:
        if dataset not in file or file[dataset].shape[0] <= last:
            shape = file[dataset].shape if dataset in file else None
            raise ValueError(f"{path}: expected {last + 1} frames in {dataset}, found {shape}; is it the whole file?")
        stack = file[dataset][slice(first, last + 1)][frames]
    return _prepared(_grey(stack), side=WEISS_SIDE)


def _jhu(folder: Path, split: str, frames: slice) -> list[Scene]:
    patients = [path for path in sorted(folder.glob("cadaver_*")) if path.is_dir()]
    own = [path for path in patients if JHU_PATIENTS.get(path.name, "training") == split]
    views = [view for path in own for view in sorted(path.rglob("preview")) if view.is_dir()]
    return [Scene(f"jhu {view.parent.relative_to(folder)}", partial(_jhu_frames, view, frames)) for view in views]


def _jhu_frames(view: Path, frames: slice) -> Frames:
    from napari_fluorodenoise.io import read

    stack = np.asarray(read(view).data[frames])
    large = stack.shape[1:] == (JHU_LARGE, JHU_LARGE)
    return _prepared(stack, side=JHU_SMALL if large else None)


def _coronary(folder: Path, split: str, frames: slice) -> list[Scene]:
    found = (path.parent.parent for path in folder.glob("*_Dominance/*/[LR]CA/*.npz"))
    studies = sorted(set(found))
    random.Random(CORONARY_SEED).shuffle(studies)
    ends = np.cumsum([max(1, int(len(studies) * share)) for share in CORONARY_SHARES]).tolist()
    parts = dict(zip(SPLITS, (studies[: ends[0]], studies[ends[0] : ends[1]], studies[ends[1] :]), strict=True))
    paths = [path for study in parts[split] for path in sorted(study.glob("[LR]CA/*.npz"))]
    return [
        Scene(f"coronary {path.relative_to(folder).with_suffix('')}", partial(_coronary_frames, path, frames))
        for path in sorted(paths)
    ]


def _coronary_frames(path: Path, frames: slice) -> Frames:
    with np.load(path) as file:
        if "pixel_array" not in file:
            raise ValueError(f"{path}: expected an array pixel_array, found {', '.join(file) or 'none'}")
        stack = file["pixel_array"]
    return _prepared((stack if stack.ndim == 3 else stack[np.newaxis])[frames], side=CORONARY_SIDE)


def _grey(stack: NDArray[Any]) -> NDArray[Any]:
    """Frames (T, Y, X) of a stack that may have channels, first or last."""
    if stack.ndim == 3:
        return stack
    if stack.ndim == 4 and min(stack.shape[1], stack.shape[3]) <= 4:
        return np.stack([_channel(np.moveaxis(frame, 0, -1) if frame.shape[0] <= 4 else frame) for frame in stack])
    raise ValueError(f"expected frames (T, Y, X) with or without channels, found shape {stack.shape}")


def _channel(picture: NDArray[Any]) -> NDArray[Any]:
    """The picture (Y, X), or the middle one of its channels, which come last."""
    return picture if picture.ndim == 2 else picture[..., min(1, picture.shape[-1] - 1)]


def _prepared(stack: NDArray[Any], *, side: int | None) -> Frames:
    """`stack` (T, Y, X) in [0, 1], of `side` x `side` pixels, without what is black around it."""
    import cv2

    frames = np.asarray(stack, np.float32)
    if not frames.max(initial=0) <= 255:
        raise ValueError(f"expected pixels of 8 bits, or in [0, 1], found {frames.max():g}; scale them to either")
    if frames.max(initial=0) > 1.5:
        frames = frames / np.float32(255)
    if side is not None and frames.shape[1:] != (side, side):
        frames = np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_LINEAR) for frame in frames])
    rows, columns = (_bright(frames.mean(axes)) for axes in ((0, 2), (0, 1)))
    return np.ascontiguousarray(frames[:, rows, columns])


def _bright(means: NDArray[np.float32]) -> slice:
    """From the first row to the last that is no border; all where hardly any would be left."""
    lit = np.flatnonzero(means > BLACK)
    if not len(lit):
        return slice(None)
    first, last = int(lit[0]), int(lit[-1]) + 1
    first = first if first >= FEWEST else 0
    last = last if len(means) - last >= FEWEST else len(means)
    return slice(first, last) if last - first >= LEAST else slice(None)


SETS: dict[str, Callable[[Path, str, slice], list[Scene]]] = {
    "weiss": _weiss,
    "jhu": _jhu,
    "coronary": _coronary,
}
