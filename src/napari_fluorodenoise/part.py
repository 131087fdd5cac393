"""Which part of a sequence is worked on: some frames, a rectangle, and what in it is covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.video import Video

__all__ = ["WHOLE", "Box", "Part"]

Range = tuple[int, int]
Box = tuple[int, int, int, int]
"""First and last row, first and last column of a rectangle, in pixels; the last ones are outside."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Ranges of frames, rows and columns, counted from 0, their ends outside; None is all there are.

    `covered` are boxes of the whole frame, such as burnt-in text, which nobody is to see or to learn from.
    """

    frames: Range | None = None
    rows: Range | None = None
    columns: Range | None = None
    covered: tuple[Box, ...] = ()

    def of(self, video: Video) -> Video:
        """This part of `video`, lazy where it is, its `origin` where it lies; what is covered has its darkest value.

        Raises ValueError for a range that is not within the video. Boxes may reach outside.
        """
        named = {"frames": self.frames, "rows": self.rows, "columns": self.columns}
        ranges = {
            name: _slice(given, length, name) for (name, given), length in zip(named.items(), video.shape, strict=True)
        }
        part = video.crop(**ranges)
        mask = self._mask(video.shape[1:])[ranges["rows"], ranges["columns"]]
        return part.with_data(_covered(part.data, mask)) if mask.any() else part

    def _mask(self, frame: tuple[int, int]) -> NDArray[np.bool_]:
        mask = np.zeros(frame, bool)
        for top, bottom, left, right in self.covered:
            mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
        return mask


WHOLE = Part()
"""All there is."""


def _slice(given: Range | None, length: int, name: str) -> slice:
    if given is None:
        return slice(0, length)
    if not 0 <= given[0] < given[1] <= length:
        raise ValueError(f"expected {name} within 0 to {length}, found {given[0]} to {given[1]}; choose others")
    return slice(*given)


def _covered(data: Any, mask: NDArray[np.bool_]) -> Any:
    """`data` (T, Y, X), lazy where it is, with the darkest value of its first frame where `mask` (Y, X) is."""
    first = np.asarray(data[0])
    value = first[~mask].min() if not mask.all() else first.min()
    if isinstance(data, np.ndarray):
        return np.where(mask, value, data)
    frames = data.rechunk({1: -1, 2: -1})
    return frames.map_blocks(lambda block: np.where(mask, value, block), dtype=data.dtype, meta=data._meta)
