"""Self2Self: the network is shown a random part of the pixels and told to find the rest; dropout makes an ensemble.

    loss = ‖(1 - b) (f(b y) - y)‖² over the hidden pixels,     b Bernoulli, 1 with probability 0.7
    prediction = mean over n of f_n(b_n y), with other pixels and other dropped features each time

Y. Quan et al., CVPR 2020, doi 10.1109/CVPR42600.2020.00196, eq. 3, 4 and 8. The paper trains on one picture for hours;
here all frames train one network, as in W. Luo et al., arXiv 2208.14022, eq. 4, whose eq. 5 then teaches what the
ensemble says of noisy frames to a plain network, the `student`, that needs one pass and no chance.

It fails where noise is correlated: the pixels shown tell the noise of those hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from napari_fluorodenoise.denoisers.schemes.single import Single
from napari_fluorodenoise.denoisers.schemes.windows import mean_over, random, seeded

if TYPE_CHECKING:
    from torch import Tensor

    from napari_fluorodenoise.denoisers.schemes import Apply
    from napari_fluorodenoise.denoisers.schemes.windows import Windows

__all__ = ["SHOWN", "Self2Self"]

SHOWN = 0.7
"""Share of the pixels that the network is shown, the paper's."""
CHANCE = Lock()
"""Torch's randomness is one for all threads: an ensemble draws alone."""


@dataclass(frozen=True)
class Self2Self(Single):
    """Hidden pixels told from those shown, by the mean of `passes`; or by a `student` of that mean."""

    passes: int = 24
    student: bool = True
    network: ClassVar[str] = "self2self"
    sizes: ClassVar[Mapping[str, Any]] = MappingProxyType({"channels": 24, "depth": 3, "fold": 2})
    """Of its network: the paper's 48 channels on unfolded pictures take hours without an accelerator."""

    def loss(self, net: Apply, windows: Windows, *, rng: np.random.Generator) -> Tensor:
        """The squared error at hidden pixels, (); features are dropped where `net` is in training."""
        pictures = windows.centre
        shown = random(tuple(pictures.shape), rng, like=pictures) < SHOWN
        errors = net(pictures, shown) - pictures
        return mean_over(errors * errors, ~shown & windows.target)

    def predict(self, net: Apply, frames: Tensor) -> Tensor:
        """The ensemble's mean (N, 1, Y, X), or what the student makes of the frames; always the same for a frame."""
        if self.student:
            return net(frames)
        rng, total = np.random.default_rng(0), torch.zeros_like(frames)
        with CHANCE, seeded(0):
            for _ in range(self.passes):
                shown = random(tuple(frames.shape), rng, like=frames) < SHOWN
                total += net(frames, shown, drops=True)
        return total / self.passes
