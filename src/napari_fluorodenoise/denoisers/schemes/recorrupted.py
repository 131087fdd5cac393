"""Recorrupted: noise is added to the frame that goes in, and taken, the other way round, from what it is held against.

    loss = mean (f(y + alpha w) - (y - w / alpha))²,     w like y's noise

T. Pang et al., doi 10.1109/CVPR46437.2021.00208, eq. 8 and 9 with D = alpha times the identity: the noise of what goes
in, n + alpha w, and of the target, n - w / alpha, have the covariance C - C = 0 where w has the covariance C of n,
correlated or not. The law of the loss holds at the raised noise, (1 + alpha²) C:

    E loss = E (f(y + alpha w) - x)² + 1 + 1 / alpha².

Neighbouring frames go in as they are: their noise is independent of this one's. At the end the network sees the frame
as it is, where the paper averages over recorrupted ones: to first order in alpha w the two are the same.

It fails where the noise is not what was measured: noise taken 12 % too large cost 2 dB. A small alpha makes the target
noisy, a large one the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluorodenoise.denoisers.schemes.several import Several
from napari_fluorodenoise.denoisers.schemes.windows import mean_over

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from napari_fluorodenoise.denoisers.schemes import Apply
    from napari_fluorodenoise.denoisers.schemes.windows import Windows

__all__ = ["Recorrupted"]


@dataclass(frozen=True)
class Recorrupted(Several):
    """A noisier frame held against an independently noisier one."""

    alpha: float = 0.7

    @property
    def noise(self) -> float:
        """The target's."""
        return 1 + 1 / self.alpha**2

    def loss(self, net: Apply, windows: Windows, *, rng: np.random.Generator) -> Tensor:
        """The squared error, ()."""
        frames = windows.centre
        added = windows.draw(tuple(frames.shape), rng)
        errors = net(windows.with_centre(frames + self.alpha * added)) - (frames - added / self.alpha)
        return mean_over(errors * errors, windows.target)
