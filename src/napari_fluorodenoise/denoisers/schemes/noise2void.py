"""Noise2Void: a few pixels are overwritten with others near them, and the network has to tell what was there.

    loss = mean over hidden pixels i of (f(y with i overwritten)_i - y_i)²

A. Krull et al., arXiv 1811.10980, sections 3.3 and 4.1: one pixel in each box is hidden (stratified sampling), and
takes the value of a pixel of its neighbourhood, drawn uniformly. The neighbourhood leaves the pixel itself out, with
which the network would sometimes see what it has to tell. N2V2 (E. Höck et al., arXiv 2211.08512) takes the
neighbourhood's median instead, and a network that can make no chequerboard: no skip at full resolution, and pooling
that blurs.

It fails where noise is correlated: the neighbours tell the noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_fluorodenoise.denoisers.schemes.single import Single
from napari_fluorodenoise.denoisers.schemes.windows import mean_over

if TYPE_CHECKING:
    from torch import Tensor

    from napari_fluorodenoise.denoisers.schemes import Apply
    from napari_fluorodenoise.denoisers.schemes.windows import Windows

__all__ = ["Noise2Void", "hidden", "near"]

BOX = 4
"""Side in px of the boxes of which each hides a pixel: the paper's 8 takes four times as many steps."""
REACH = 2
"""A neighbourhood has 5 x 5 pixels, as in both papers."""


@dataclass(frozen=True)
class Noise2Void(Single):
    """Pixels overwritten by a neighbour, or with `n2v2` by their neighbourhood's median."""

    n2v2: bool = False

    @property
    def sizes(self) -> Mapping[str, Any]:  # type: ignore[override]
        """A network that makes no chequerboard, with `n2v2`.

        It does not fold pixels: without its first skip a folded one sees a quarter of the rows and columns, and learned
        nothing.
        """
        return {"first_skip": False, "pool": "blur", "fold": 1, "channels": 16} if self.n2v2 else {}

    def loss(self, net: Apply, windows: Windows, *, rng: np.random.Generator) -> Tensor:
        """The squared error at hidden pixels, ()."""
        pictures = windows.centre
        where = torch.from_numpy(hidden(tuple(pictures.shape), rng)).to(pictures.device)
        given = _median(pictures, where) if self.n2v2 else torch.where(where, near(pictures, rng), pictures)
        errors = net(given) - pictures
        return mean_over(errors * errors, where & windows.target)


def hidden(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """True (N, 1, Y, X) at one random pixel of every box of every picture."""
    count, _, rows, columns = shape
    boxes = (-(-rows // BOX), -(-columns // BOX))
    chosen = np.zeros((count, *boxes, BOX * BOX), bool)
    np.put_along_axis(chosen, rng.integers(BOX * BOX, size=(count, *boxes, 1)), True, axis=-1)
    spread = chosen.reshape(count, *boxes, BOX, BOX).transpose(0, 1, 3, 2, 4)
    return spread.reshape(count, 1, boxes[0] * BOX, boxes[1] * BOX)[..., :rows, :columns]


def near(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """`pictures` (N, 1, Y, X) with every pixel replaced by one drawn from its neighbourhood."""
    chosen = rng.integers((2 * REACH + 1) ** 2 - 1, size=tuple(pictures.shape))
    return _neighbourhoods(pictures).gather(1, torch.from_numpy(chosen).to(pictures.device))


def _median(pictures: Tensor, where: Tensor) -> Tensor:
    """`pictures` (N, 1, Y, X) with the median of the neighbourhood `where` (bool, alike) they are hidden."""
    around = _neighbourhoods(pictures).movedim(1, -1)[where[:, 0]]  # (hidden, 24)
    result = pictures.clone()
    result[where] = around.quantile(0.5, dim=-1)
    return result


def _neighbourhoods(pictures: Tensor) -> Tensor:
    """Each pixel's 5 x 5 neighbours without itself (N, 24, Y, X); `pictures` are (N, 1, Y, X) of 5 pixels at least."""
    reach = range(-REACH, REACH + 1)
    rows, columns = ({d: _moved(n, d).to(pictures.device) for d in reach} for n in pictures.shape[-2:])
    shifted = [pictures[..., rows[y], :][..., columns[x]] for y in reach for x in reach if (y, x) != (0, 0)]
    return torch.cat(shifted, dim=1)


def _moved(length: int, by: int) -> Tensor:
    """For each of `length` places the one `by` further; as far the other way where that is outside: never its own."""
    there = torch.arange(length) + by
    return torch.where((there < 0) | (there >= length), there - 2 * by, there)
