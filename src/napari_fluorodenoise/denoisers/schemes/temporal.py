"""Temporal: a frame is told from its neighbours alone; what only the frame itself knows is returned afterwards.

    loss = mean (f(y without frame t) - y_t)²

Noise is independent from frame to frame also where it is correlated from pixel to pixel, so every pixel is a fair
target, and training only gains (J. Lecoq et al., doi 10.1038/s41592-021-01285-2, for the prediction from neighbours).
What the prediction lacks is in its difference to the frame, with the frame's noise, whose spectrum is measured: a
Wiener filter returns it (`posterior`).

It fails where frames do not tell each other, as in fast motion: then the filter has to return nearly all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from napari_fluorodenoise.denoisers.schemes.posterior import posterior
from napari_fluorodenoise.denoisers.schemes.several import Several
from napari_fluorodenoise.denoisers.schemes.windows import mean_over

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_fluorodenoise.denoisers.schemes import Apply
    from napari_fluorodenoise.denoisers.schemes.windows import Windows

__all__ = ["Temporal"]


@dataclass(frozen=True, eq=False)
class Temporal(Several):
    """A frame told from its neighbours, and what it holds beyond that returned."""

    radius: int = 3
    noise_autocorrelation: NDArray[np.float64] = field(default_factory=lambda: np.ones((1, 1)))
    noise: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        if self.radius < 1:
            raise ValueError(f"expected a radius of at least 1 frame for temporal, found {self.radius}; raise it")

    @property
    def inputs(self) -> int:
        """The neighbours."""
        return 2 * self.radius

    @property
    def centre(self) -> int | None:
        """None: the frame itself is not shown."""
        return None

    def loss(self, net: Apply, windows: Windows, *, rng: np.random.Generator) -> Tensor:
        """The squared error of the prediction, ()."""
        errors = net(self.without(windows.frames)) - windows.centre
        return mean_over(errors * errors, windows.target)

    def predict(self, net: Apply, frames: Tensor) -> Tensor:
        """The prediction with what the frame itself holds beyond it and its noise, (N, 1, Y, X)."""
        predictions = net(self.without(frames)).float().cpu().numpy()
        own = frames[:, self.radius].cpu().numpy()
        both = zip(predictions[:, 0], own, strict=True)
        results = [posterior(*pair, autocorrelation=self.noise_autocorrelation) for pair in both]
        return torch.from_numpy(np.stack(results)[:, None]).to(frames.device)

    def without(self, frames: Tensor) -> Tensor:
        """The neighbours (N, 2 radius, Y, X) in windows `frames` (N, 2 radius + 1, Y, X)."""
        return torch.cat([frames[:, : self.radius], frames[:, self.radius + 1 :]], dim=1)

    def left(self, error: float) -> float:
        """What remains of a prediction's `error` when a frame with noise 1 is weighed in: error / (1 + error)."""
        return error / (1 + error) if error > 0 else error
