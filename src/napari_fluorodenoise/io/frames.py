"""Frames one at a time: lazy on the way in, in bounded blocks on the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.blocks import stream
from napari_fluorodenoise.engine.progress import Progress
from napari_fluorodenoise.io.files import FileError, explained

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import DTypeLike, NDArray

    from napari_fluorodenoise.io.remote import Place
    from napari_fluorodenoise.video import Intensity, Video

__all__ = ["assumed_intensity", "blocks", "grey", "lazy", "sequence"]

SPREAD = 24
"""Grey values by which the channels of a grey picture may differ: what chroma compression leaves behind."""

COLOURED = 0.01
"""The part of a picture that may be more coloured than that, such as a vendor's label."""


def lazy(load: Callable[[int], NDArray[Any]], *, path: Path, shape: tuple[int, int, int], dtype: DTypeLike) -> da.Array:
    """A dask array (T, Y, X) of one chunk per frame, each made by `load(index)` when it is asked for.

    A frame that cannot be loaded, or differs in size or dtype from the rest, raises `FileError` about `path`.
    """
    import dask.array as da

    def block(block_id: tuple[int, int, int]) -> NDArray[Any]:
        index = block_id[0]
        with explained(path, f"frame {index} to be readable"):
            frame = load(index)
        if frame.shape != shape[1:] or frame.dtype != dtype:
            expected = f"{shape[1]} x {shape[2]} {np.dtype(dtype)}"
            found = f"{' x '.join(map(str, frame.shape))} {frame.dtype}"
            raise FileError(f"{path}: expected frame {index} to be {expected} like the first, found {found}")
        return frame[np.newaxis]

    chunks = ((1,) * shape[0], shape[1:2], shape[2:3])
    return da.map_blocks(block, chunks=chunks, dtype=dtype, meta=np.empty((0, 0, 0), dtype))


def blocks(video: Video, *, progress: Progress) -> Iterator[tuple[slice, NDArray[Any]]]:
    """The frames of `video` in order, as (range of frames, block (n, Y, X)); reports progress after each."""
    for at, block in stream({"frames": video.data}, progress=progress):
        yield at, block["frames"]


def sequence(axes: Sequence[str], shape: Sequence[int], *, path: Place) -> list[int]:
    """The places of the axes that make one sequence: frames, if there are any, then y and x.

    `axes` are lower-case names. Any axis but channels (c) and samples (s) may count the frames; all others must have
    length 1, or `FileError` is raised.
    """
    long = [axis for axis, name in enumerate(axes) if name not in ("y", "x") and shape[axis] > 1]
    frames = long or [axis for axis, name in enumerate(axes) if name == "t"]
    keep = [*frames, *(axis for name in "yx" for axis, other in enumerate(axes) if other == name)]
    coloured = any(axes[axis] in ("c", "s") for axis in long)
    ordered = keep == sorted(keep) and len(keep) == len(frames) + 2 and len(axes) == len(shape)
    if coloured or not ordered or len(frames) > 1 or 0 in shape:
        found = f"{' x '.join(map(str, shape))} pixels ({', '.join(axes)})"
        advice = "convert colour to grey, or pick one channel" if coloured else "pick one sequence from it"
        raise FileError(f"{path}: expected one grey sequence (t, y, x), found {found}; {advice}")
    return keep


def grey(image: NDArray[Any], *, path: Path) -> NDArray[Any]:
    """The picture (Y, X) in `image` (Y, X) or (Y, X, channels, blue first), where it is grey but for compression."""
    if image.ndim == 2:
        return image
    import cv2

    colours = image[..., :3]
    some = colours[::4, ::4].astype(np.int32)  # every pixel would take longer than decoding them
    spread = some.max(axis=-1) - some.min(axis=-1)
    limit = SPREAD << 8 * (image.dtype.itemsize - 1)
    if np.mean(spread > limit) > COLOURED:
        raise FileError(f"{path}: expected a grey sequence, found colour; convert it to grey first")
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY))


def assumed_intensity(dtype: DTypeLike) -> Intensity:
    """What values mean where the file does not say: 8 bits were made for display, more are the detector's own."""
    return "display" if np.dtype(dtype).itemsize == 1 else "linear"
