"""What the schemes have in common that see one frame, and ask for noise independent from pixel to pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from napari_fluorodenoise.denoisers.schemes import Apply
    from napari_fluorodenoise.denoisers.schemes.windows import Windows

__all__ = ["Single"]


@dataclass(frozen=True)
class Single(ABC):
    """A scheme whose network sees the frame alone, and at the end all of it."""

    radius: ClassVar[int] = 0
    independent: ClassVar[bool] = True
    network: ClassVar[str] = "unshuffled"
    sizes: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    inputs: ClassVar[int] = 1
    centre: ClassVar[int | None] = 0
    noise: ClassVar[float] = 1.0

    @abstractmethod
    def loss(self, net: Apply, windows: Windows, *, rng: np.random.Generator) -> Tensor:
        """The mean over the pixels that may be trained on, ()."""

    def predict(self, net: Apply, frames: Tensor) -> Tensor:
        """What `net` makes of the frames, (N, 1, Y, X), with nothing hidden."""
        return net(frames)

    def left(self, error: float) -> float:
        """The error as it is: that of pixels which were hidden is an upper bound."""
        return error
