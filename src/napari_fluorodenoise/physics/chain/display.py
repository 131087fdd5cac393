"""What a console makes of frames before it stores them: values for the eye, no longer proportional to X-rays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le, Lt

from napari_fluorodenoise.primitives.declaration import STRICT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Display"]


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Display:
    """A recursive filter in time, a curve, edge enhancement, and 8 bits, in this order."""

    curve: Literal["log", "gamma"] = "log"
    """How counts between `low` and `high` become grey levels: by their logarithm, or by a power."""
    gamma: Annotated[float, Gt(0), Le(4)] = 0.5
    """The power, for the curve "gamma"."""
    low: Annotated[float, Gt(0)] = 32.0
    """Counts that become black."""
    high: Annotated[float, Gt(0)] = 4096.0
    """Counts that become white."""
    recursion: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of the filtered frame before that stays in a frame: a vendor's temporal filter."""
    edges: Annotated[float, Ge(0), Le(10)] = 0.0
    """How much of the fine detail is added once more: an unsharp mask."""
    edge_width: Annotated[float, Gt(0)] = 0.6
    """Standard deviation of the blur below which detail is fine, in mm."""

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"expected low below high, found {self.low:g} and {self.high:g}")

    def filtered(self, counts: NDArray[Any], *, before: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Counts (Y, X) after the temporal filter, given those of the frame `before`."""
        now = np.asarray(counts, np.float32)
        return now if before is None else now + np.float32(self.recursion) * (before - now)

    def shown(self, counts: NDArray[np.float32], *, pixel_size: float) -> NDArray[np.uint8]:
        """Grey levels (Y, X) uint8 of filtered `counts`; `pixel_size` in mm."""
        import cv2

        within = np.clip(counts, self.low, self.high)
        if self.curve == "log":
            grey = np.log(within / np.float32(self.low)) / np.float32(np.log(self.high / self.low))
        else:
            grey = ((within - np.float32(self.low)) / np.float32(self.high - self.low)) ** np.float32(self.gamma)
        if self.edges:
            smooth = cv2.GaussianBlur(grey, (0, 0), self.edge_width / pixel_size, borderType=cv2.BORDER_REFLECT_101)
            grey = grey + np.float32(self.edges) * (grey - smooth)
        return np.asarray(np.clip(np.rint(255 * grey), 0, 255), np.uint8)
