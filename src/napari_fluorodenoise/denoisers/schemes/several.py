"""What the schemes have in common that see neighbouring frames, or the frame itself with all its noise."""

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

__all__ = ["Several"]


@dataclass(frozen=True)
class Several(ABC):
    """A scheme whose network sees a frame in the middle of its neighbours, `radius` on either side."""

    radius: int = 2
    independent: ClassVar[bool] = False
    network: ClassVar[str] = "unshuffled"
    sizes: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    @property
    def inputs(self) -> int:
        """The frame and its neighbours."""
        return 2 * self.radius + 1

    @property
    def centre(self) -> int | None:
        """The frame lies in the middle."""
        return self.radius

    @abstractmethod
    def loss(self, net: Apply, windows: Windows, *, rng: np.random.Generator) -> Tensor:
        """The mean over the pixels that may be trained on, ()."""

    def predict(self, net: Apply, frames: Tensor) -> Tensor:
        """What `net` makes of the frames as they are, (N, 1, Y, X)."""
        return net(frames)

    def left(self, error: float) -> float:
        """The error as it is."""
        return error
