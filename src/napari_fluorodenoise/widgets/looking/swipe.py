"""Before and after in one picture: before to the left of a divider that moves, after to the right of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from numpy.typing import DTypeLike, NDArray

from napari_fluorodenoise.widgets.looking.pair import Pair
from napari_fluorodenoise.widgets.looking.view import view_of
from napari_fluorodenoise.widgets.show import add

__all__ = ["Swipe", "add_swipe", "slide"]


class Swipe:
    """An array (T, Y, X) float32: `before` in the columns left of `divider`, `after` right of it, NaN at it.

    It reads what is asked for, and keeps what was read last: moving the divider reads nothing.
    """

    dtype = np.dtype(np.float32)
    ndim = 3

    def __init__(self, before: Any, after: Any, *, divider: int) -> None:
        if before.shape != after.shape:
            raise ValueError(f"expected two sequences of one shape, found {before.shape} and {after.shape}")
        self.shape: tuple[int, int, int] = before.shape
        self.divider = divider
        self._parts = (before, after)
        self._read: tuple[Any, list[NDArray[np.float32]]] = (None, [])

    @property
    def size(self) -> int:
        """The number of pixels."""
        return int(np.prod(self.shape))

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        asked, parts = self._read
        if asked is None or asked != key:
            parts = [np.asarray(part[key]).astype(np.float32) for part in self._parts]
            self._read = (key, parts)
        columns = np.arange(self.shape[2])
        if isinstance(key, tuple) and len(key) == self.ndim:
            columns = columns[key[2]]
        both = np.where(columns < self.divider, *parts)
        return np.asarray(np.where(columns == self.divider, np.float32(np.nan), both))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype)


def add_swipe(viewer: ViewerModel, pair: Pair) -> Image:
    """The layer, added to `viewer`, of `pair` in one picture, the divider in its middle."""
    before, after = pair.videos()
    values = before.of_other_values()
    _, attributes, kind = view_of(values, pair.before, pair.after, kind="swipe", layers=viewer.layers)
    attributes |= {"contrast_limits": pair.before.contrast_limits, "gamma": pair.before.gamma, "multiscale": False}
    data = Swipe(before.data, after.data, divider=before.shape[2] // 2)
    (layer,) = add(viewer, [(data, attributes, kind)])
    return layer


def slide(layer: Image, column: int) -> None:
    """Move the divider of a layer made by `add_swipe` to `column`."""
    layer.data.divider = column
    layer.refresh(thumbnail=False, highlight=False, extent=False)
