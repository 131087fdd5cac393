"""Neighbor2Neighbor: of every 2 x 2 pixels two neighbours go into two half-size pictures, one to tell the other.

    loss = ‖f(g1(y)) - g2(y)‖² + gamma ‖f(g1(y)) - g2(y) - (g1(f(y)) - g2(f(y)))‖²

T. Huang et al., arXiv 2101.02824, eq. 9, with gamma 2 as for Gaussian noise (section 4.1); no gradient goes through
f(y). The second term takes away what two neighbours differ by in the clean picture. The authors raise gamma from 0
during training; here it stays, so that a loss means the same at every step.

It fails where noise is correlated: a pixel's neighbour tells its noise. Detail of a pixel's size suffers: the network
is trained on a picture half as large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from napari_fluorodenoise.denoisers.schemes.single import Single
from napari_fluorodenoise.denoisers.schemes.windows import mean_over

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_fluorodenoise.denoisers.schemes import Apply
    from napari_fluorodenoise.denoisers.schemes.windows import Windows

__all__ = ["Neighbor2Neighbor", "pairs", "picked"]

GAMMA = 2.0
BESIDE = np.array([(0, 1), (2, 3), (0, 2), (1, 3)])
"""Pairs of neighbours in a cell of 2 x 2 pixels, counted along its rows."""


@dataclass(frozen=True)
class Neighbor2Neighbor(Single):
    """One of two neighbouring pixels told from the other; at the end the network sees the whole frame."""

    noise: ClassVar[float] = 1 + GAMMA
    """The second picture's noise, in either term."""

    def left(self, error: float) -> float:
        """The error in either term: an upper bound, since two neighbours differ in the clean picture as well."""
        return error / self.noise

    def loss(self, net: Apply, windows: Windows, *, rng: np.random.Generator) -> Tensor:
        """Both terms over the cells all of whose pixels may be trained on, ()."""
        pictures = windows.centre
        rows, columns = (n // 2 * 2 for n in pictures.shape[-2:])
        pictures = pictures[..., :rows, :columns]
        first, second = (
            torch.from_numpy(part).to(pictures.device) for part in pairs((len(pictures), rows // 2, columns // 2), rng)
        )
        with torch.no_grad():
            whole = net(pictures)
        error = net(picked(pictures, first)) - picked(pictures, second)
        change = error - (picked(whole, first) - picked(whole, second))
        target = _cells(windows.target[..., :rows, :columns]).all(dim=-1)
        return mean_over(error * error + GAMMA * change * change, target)


def pairs(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of its four pixels each cell (N, Y, X) gives to the first and to the second picture: two neighbours."""
    chosen = BESIDE[rng.integers(len(BESIDE), size=shape)]
    turned = rng.integers(2, size=shape).astype(bool)
    return np.where(turned, chosen[..., 1], chosen[..., 0]), np.where(turned, chosen[..., 0], chosen[..., 1])


def picked(pictures: Tensor, which: Tensor) -> Tensor:
    """The half-size pictures (N, 1, Y / 2, X / 2) of the pixel `which` (N, Y / 2, X / 2), 0 to 3, of every cell."""
    return _cells(pictures).gather(-1, which[:, None, ..., None])[..., 0]


def _cells(pictures: Tensor) -> Tensor:
    """The 2 x 2 cells of `pictures` (N, 1, Y, X), (N, 1, Y / 2, X / 2, 4)."""
    count, _, rows, columns = pictures.shape
    split = pictures.reshape(count, 1, rows // 2, 2, columns // 2, 2)
    return split.transpose(3, 4).reshape(count, 1, rows // 2, columns // 2, 4)
