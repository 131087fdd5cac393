"""A plain chain of convolutions. This module needs torch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from napari_fluorodenoise.denoisers.networks.parts import Network, base, convolution, padded, silent, sized

__all__ = ["DnCNN"]


class DnCNN(Network):
    """Pictures (N, inputs, Y, X) to (N, 1, Y, X): `depth` convolutions, `channels` wide, whose sum is what changes.

    DnCNN (K. Zhang et al., arXiv 1608.03981, section III) without batch normalisation; 17 and 64 are the paper's
    depth and width, eight times the work of what stands here. It sees `reach` pixels: what a U-Net tells from afar it
    cannot. `fold` puts squares of pixels into channels first (K. Zhang et al., arXiv 1710.04026), a quarter of the work
    for twice the reach.
    """

    def __init__(
        self,
        *,
        channels: int = 32,
        depth: int = 10,
        fold: int = 1,
        **common: Any,
    ) -> None:
        if depth < 2:
            raise ValueError(f"expected at least 2 convolutions, found {depth}; give more")
        sizes = sized(channels=channels, depth=depth, fold=fold)
        reach = max(depth * fold + fold - 1, 2)
        super().__init__(reach=reach, multiple=fold, sizes=sizes, **common)
        self.fold = fold
        widths = [self.inputs * fold**2, *[channels] * (depth - 1)]
        self.layers = nn.Sequential(*(convolution(a, b) for a, b in pairwise(widths)))
        self.last = silent(nn.Conv2d(channels, fold**2, 3, padding=1, padding_mode="reflect"))

    def forward(self, pictures: Tensor) -> Tensor:
        """The pictures (N, 1, Y, X) that the network makes of `pictures` (N, inputs, Y, X)."""
        rows, columns = pictures.shape[-2:]
        whole = padded(pictures, least=self.least, multiple=self.multiple)
        change = self.last(self.layers(functional.pixel_unshuffle(self.seen(whole), self.fold)))
        return (base(whole, centre=self.centre) + functional.pixel_shuffle(change, self.fold))[..., :rows, :columns]
