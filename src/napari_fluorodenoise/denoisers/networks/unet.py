"""A 2-D U-Net for pictures of any size, as it is or on pictures folded into channels. This module needs torch."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_fluorodenoise.denoisers.networks.parts import Network, base, binomial, convolution, padded, silent, sized

__all__ = ["UNet"]

Pool = Literal["mean", "blur"]


class UNet(Network):
    """A picture of the same size: pictures (N, inputs, Y, X) to (N, 1, Y, X), whatever Y and X are.

    U-Net (O. Ronneberger et al., arXiv 1505.04597) with two convolutions a level, `channels` wide at the finest and
    twice as wide at each of `depth` coarser ones. The pictures are folded by `fold` into channels first: convolutions
    on a quarter of the pixels cost a quarter. No batch normalisation, which would tie a frame's result to the frames
    beside it. The last layer starts at 0. `change_only` returns what the layers make, which is not added to anything.

    Against the chequerboard that hidden pixels teach (E. Höck et al., arXiv 2211.08512): `first_skip` False leaves
    the finest features out where the picture is put together, and `pool` "blur" takes maxima over 2 x 2 pixels that
    overlap, blurred before every second is dropped.
    """

    def __init__(
        self,
        *,
        channels: int = 16,
        depth: int = 2,
        fold: int = 2,
        first_skip: bool = True,
        pool: Pool = "mean",
        change_only: bool = False,
        **common: Any,
    ) -> None:
        sizes = sized(
            channels=channels, depth=depth, fold=fold, first_skip=first_skip, pool=pool, change_only=change_only
        )
        reach, multiple = _reach(depth, fold, pool), fold << depth
        super().__init__(reach=reach, multiple=multiple, sizes=sizes, **common)
        self.fold, self.pool, self.change_only = fold, pool, change_only
        self.skips = [first_skip, *[True] * (depth - 1)][:depth]
        widths = [channels * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            _pair(a, b) for a, b in zip([self.inputs * fold**2, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            _pair(widths[level] * self.skips[level] + widths[level + 1], widths[level])
            for level in reversed(range(depth))
        )
        self.last = silent(nn.Conv2d(channels, fold**2, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """The pictures (N, 1, Y, X) that the network makes of `pictures` (N, inputs, Y, X)."""
        rows, columns = pictures.shape[-2:]
        whole = padded(pictures, least=self.least, multiple=self.multiple)
        made = functional.pixel_shuffle(
            self._through(functional.pixel_unshuffle(self.seen(whole), self.fold)), self.fold
        )
        if not self.change_only:
            made = base(whole, centre=self.centre) + made
        return made[..., :rows, :columns]

    def _through(self, features: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for level, block in enumerate(self.down):
            features = block(_halved(features, self.pool) if level else features)
            kept.append(features)
        features = kept.pop()
        for block, skip in zip(self.up, reversed(self.skips), strict=True):
            upper, finer = functional.interpolate(features, scale_factor=2.0, mode="nearest"), kept.pop()
            features = block(torch.cat([finer, upper], dim=1) if skip else upper)
        result: Tensor = self.last(features)
        return result


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*convolution(inputs, outputs), *convolution(outputs, outputs))


def _halved(features: Tensor, pool: Pool) -> Tensor:
    if pool == "mean":
        return functional.avg_pool2d(features, 2)
    return binomial(functional.max_pool2d(functional.pad(features, (0, 1, 0, 1), mode="replicate"), 2, stride=1))


def _reach(depth: int, fold: int, pool: Pool) -> int:
    """Pixels that the convolutions reach, two a level on either way, and to the far end of the coarsest cell.

    The base reaches two pixels.
    """
    cells = [fold << level for level in range(depth + 1)]
    blurs = 2 * sum(cells[:-1]) if pool == "blur" else 0
    return max(2 * sum(cells) + 2 * sum(cells[:-1]) + blurs + cells[-1] - 1, 2)
