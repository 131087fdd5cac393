"""SURE: Stein's unbiased estimate of the squared error, with the divergence told by one random push.

    loss = mean (f(y) - y)² - 1 + 2 / epsilon mean w (f(y + epsilon w) - f(y)),     w like y's noise

S. Ramani et al., doi 10.1109/TIP.2008.2001404, theorem 2 and eq. 14, for correlated Gaussian noise: where w has the
noise's covariance C, the last term is the trace of C times f's derivative. Law: E loss = E (f(y) - x)², exactly for
an f that is linear. Neighbouring frames go in as they are and are not pushed: their noise is independent of this one's.

It fails where the noise is not what was measured: what is taken for noise and is none is blurred away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from napari_fluorodenoise.denoisers.schemes.several import Several
from napari_fluorodenoise.denoisers.schemes.windows import mean_over

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from napari_fluorodenoise.denoisers.schemes import Apply
    from napari_fluorodenoise.denoisers.schemes.windows import Windows

__all__ = ["Sure"]

EPSILON = 0.1
"""A push in standard deviations of the noise: small beside it, and large beside float32's rounding."""


@dataclass(frozen=True)
class Sure(Several):
    """The frame held against itself, and charged for how much of its noise it lets through."""

    noise: ClassVar[float] = 0.0

    def loss(self, net: Apply, windows: Windows, *, rng: np.random.Generator) -> Tensor:
        """The estimate of the squared error, (); it can be below 0."""
        pushed = windows.draw(tuple(windows.centre.shape), rng)
        # half precision would round the push away
        with torch.autocast(windows.frames.device.type, enabled=False):
            plain = net(windows.frames)
            moved = net(windows.with_centre(windows.centre + EPSILON * pushed))
        errors = plain - windows.centre
        return mean_over(errors * errors - 1 + 2 / EPSILON * pushed * (moved - plain), windows.target)
