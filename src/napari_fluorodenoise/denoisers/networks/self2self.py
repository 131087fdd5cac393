"""A U-Net that is told which pixels it sees, and forgets some of what it knows each time. This module needs torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_fluorodenoise.denoisers.networks.parts import SLOPE, Network, convolution, padded, silent, sized, smoothed

__all__ = ["Self2Self"]

DROPPED = 0.1
"""Share of the decoder's features that are dropped. The paper's 0.3 keeps a wide network from learning one picture by
heart; of a narrow one that learns many frames it takes what it could tell: 0.5 dB after 800 steps."""


class Self2Self(Network):
    """Pictures (N, inputs, Y, X), of which `mask` pixels are seen, to (N, 1, Y, X).

    Partial convolutions on the way down, dropout before every convolution on the way up (Y. Quan et al., Self2Self,
    CVPR 2020, section 3.1, doi 10.1109/CVPR42600.2020.00196; partial convolutions by G. Liu et al., arXiv 1804.07723,
    eq. (1) and (2)). 48 `channels` and `depth` 5 are the paper's. A result comes from seen pixels alone, also in what
    the change is added to: their mean over 5 x 5 pixels, the base. The layers see the base, and what seen pixels hold
    beyond it in units of the noise: a hole then says nothing, where in the picture itself it would be a mark far larger
    than noise. The paper ends in a sigmoid, which intensities without a largest value have no use for.

    `fold` puts squares of pixels into channels first; each keeps its own mask.
    """

    def __init__(
        self,
        *,
        channels: int = 48,
        depth: int = 5,
        fold: int = 1,
        **common: Any,
    ) -> None:
        if depth < 1:
            raise ValueError(f"expected a depth of at least 1, found {depth}; give more")
        sizes = sized(channels=channels, depth=depth, fold=fold)
        reach, multiple = 2 + _reach(depth, fold), fold << depth  # the base reaches two pixels
        super().__init__(reach=reach, multiple=multiple, sizes=sizes, **common)
        self.fold, seen, wide = fold, (self.inputs + 1) * fold**2, 2 * channels
        self.down = nn.ModuleList([_Partial(seen, channels), *(_Partial(channels, channels) for _ in range(depth + 1))])
        skipped = [channels] * (depth - 1)
        below = [channels, *[wide] * (depth - 1)]
        self.up = nn.ModuleList(
            nn.Sequential(*convolution(a + b, wide), *convolution(wide, wide))
            for a, b in zip(below[:-1], skipped, strict=True)
        )
        first, second = max(4 * channels // 3, 1), max(2 * channels // 3, 1)
        self.full = nn.Sequential(*convolution(below[-1] + seen, first), *convolution(first, second))
        self.last = silent(nn.Conv2d(second, fold**2, 3, padding=1, padding_mode="reflect"))

    def forward(self, pictures: Tensor, mask: Tensor | None = None, *, drops: bool | None = None) -> Tensor:
        """The pictures (N, 1, Y, X) that the network makes of what is seen of `pictures` (N, inputs, Y, X).

        `mask` (N, inputs or 1, Y, X) bool is True at pixels that are seen, all where it is None. `drops` says whether
        features are dropped, by torch's own randomness; where it is None they are in training.
        """
        rows, columns = pictures.shape[-2:]
        seen = torch.ones_like(pictures) if mask is None else mask.to(pictures.dtype).expand_as(pictures)
        seen = padded(seen, least=self.least, multiple=self.multiple)
        whole = padded(pictures, least=self.least, multiple=self.multiple)
        drops = self.training if drops is None else drops
        base = self._base(whole, seen)
        shown = torch.cat([(whole - base) * seen, self.seen(base)], dim=1)  # (N, inputs + 1, Y, X)
        change = self._through(shown, torch.cat([seen, torch.ones_like(base)], dim=1), drops=drops)
        return (base + functional.pixel_shuffle(change, self.fold))[..., :rows, :columns]

    def _base(self, whole: Tensor, seen: Tensor) -> Tensor:
        """The mean over the seen pixels of 5 x 5; where there is none, what pictures are about."""
        at = slice(None) if self.centre is None else slice(self.centre, self.centre + 1)
        share = smoothed(seen[:, at].mean(dim=1, keepdim=True))
        total = smoothed(((whole - self.offset) * seen)[:, at].mean(dim=1, keepdim=True))
        return total / share.clamp(min=1e-3) + self.offset

    def _through(self, pictures: Tensor, seen: Tensor, *, drops: bool) -> Tensor:
        features, known = functional.pixel_unshuffle(pictures, self.fold), functional.pixel_unshuffle(seen, self.fold)
        kept = [features]
        for index, layer in enumerate(self.down):
            if index > 1:  # the finest level has two convolutions, all others one
                features, known = functional.max_pool2d(features, 2), functional.max_pool2d(known, 2)
                kept.append(features)
            features, known = layer(features, known)
        kept.pop()
        for block in [*self.up, self.full]:
            features = torch.cat([functional.interpolate(features, scale_factor=2.0, mode="nearest"), kept.pop()], 1)
            for layer in block:
                dropped = drops and isinstance(layer, nn.Conv2d)
                features = layer(functional.dropout(features, DROPPED) if dropped else features)
        result: Tensor = self.last(functional.dropout(features, DROPPED) if drops else features)
        return result


class _Partial(nn.Module):
    """A convolution of the features that are known, weighed up for those that are not, and where any was known."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect", bias=False)
        nn.init.kaiming_normal_(self.layer.weight, a=SLOPE)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))

    def forward(self, features: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        around = functional.pad(known.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="reflect")
        share = functional.avg_pool2d(around, 3, stride=1)  # (N, 1, Y, X), of the window's values
        found = self.layer(features * known) / share.clamp(min=1e-6) + self.bias
        some = (share > 0).to(features.dtype)
        return functional.leaky_relu(found, SLOPE) * some, some


def _reach(depth: int, fold: int) -> int:
    """Pixels that the convolutions reach, and to the far end of the coarsest cell."""
    cells = [fold << level for level in range(depth + 1)]
    return 2 * cells[0] + sum(cells[1:]) + 2 * sum(cells[1:-1]) + 3 * cells[0] + cells[-1] - 1
