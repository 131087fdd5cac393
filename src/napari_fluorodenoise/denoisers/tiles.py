"""A frame denoised in tiles that overlap, so that memory stays bounded and no seam is to be seen.

Law: tiles equal the whole to round-off, where what is applied reaches no further than is said.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.engine.progress import checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_fluorodenoise.denoisers.networks.parts import Network

    Frame = NDArray[np.float32]

__all__ = ["applied", "tiled"]

TILE = 1024
"""Side in px of a tile without its overlap, at the most: a larger frame's features would fill a gigabyte."""


def tiled(
    apply: Callable[[Frame], Frame], frame: Frame, *, tile: int = TILE, reach: int, multiple: int = 1, least: int = 1
) -> Frame:
    """The picture (Y, X) float32 that `apply`, (C, y, x) to (y, x), makes of `frame` (C, Y, X) tile by tile.

    Tiles start on multiples of `multiple` and see `reach` pixels more on every side, and at least `least` in all.
    Where `apply` pads a picture to a multiple it has to do so after its last row and column.
    """
    if tile < 1 or reach < 0:
        raise ValueError(f"expected tiles of at least a pixel and a reach of 0 or more, found {tile} and {reach}")
    step = -(-tile // multiple) * multiple
    result: Frame = np.empty(frame.shape[1:], np.float32)
    ranges = [_ranges(n, step, reach=reach, multiple=multiple, least=least) for n in result.shape]
    for (rows, outer_rows), (columns, outer_columns) in product(*ranges):
        checkpoint()
        part = apply(frame[:, outer_rows, outer_columns])
        y, x = rows.start - outer_rows.start, columns.start - outer_columns.start
        result[rows, columns] = part[y : y + rows.stop - rows.start, x : x + columns.stop - columns.start]
    return result


def applied(
    net: Network, frame: Frame, *, predict: Callable[[Network, Tensor], Tensor] | None = None, tile: int = TILE
) -> Frame:
    """The picture (Y, X) float32 that `net`, or a scheme's `predict` with it, makes of `frame` (C, Y, X), in tiles.

    `predict(net, frames)` turns (1, C, y, x) into (1, 1, y, x) and reaches no further than `net`. Needs torch.
    """
    import torch

    from napari_fluorodenoise.denoisers.training import device_of

    at = device_of(net)

    def apply(part: Frame) -> Frame:
        pictures = torch.from_numpy(np.ascontiguousarray(part, np.float32))[None].to(at)
        with torch.inference_mode(), torch.autocast("cuda", dtype=torch.float16, enabled=at.type == "cuda"):
            found = predict(net, pictures) if predict else net(pictures)
        result: Frame = found[0, 0].float().cpu().numpy()
        return result

    return tiled(apply, frame, tile=tile, reach=net.reach, multiple=net.multiple, least=net.least)


def _ranges(length: int, step: int, *, reach: int, multiple: int, least: int) -> list[tuple[slice, slice]]:
    """(core, outer) ranges along one axis; an outer range starts on a multiple, and is `least` long where it can be."""
    found = []
    for start in range(0, length, step):
        stop = min(start + step, length)
        last = min(stop + reach, length)
        first = max(min(start - reach, last - least), 0) // multiple * multiple
        found.append((slice(start, stop), slice(first, min(max(last, first + least), length))))
    return found
