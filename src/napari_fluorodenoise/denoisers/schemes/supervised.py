"""Supervised: the network is held against the clean frame. A bound for what the same network can learn otherwise.

    loss = mean (f(y) - x)²

It needs the truth, so it is of use where frames are simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from napari_fluorodenoise.denoisers.schemes.several import Several
from napari_fluorodenoise.denoisers.schemes.windows import mean_over

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from napari_fluorodenoise.denoisers.schemes import Apply
    from napari_fluorodenoise.denoisers.schemes.windows import Windows

__all__ = ["Supervised"]


@dataclass(frozen=True)
class Supervised(Several):
    """The clean frame told from the noisy one and its neighbours."""

    noise: ClassVar[float] = 0.0

    def loss(self, net: Apply, windows: Windows, *, rng: np.random.Generator) -> Tensor:
        """The squared error, (); raises ValueError where the truth is not known."""
        if windows.truth is None:
            raise ValueError("expected clean frames for supervised, found none; add them to the run as video 'truth'")
        errors = net(windows.frames) - windows.truth
        return mean_over(errors * errors, windows.target)
