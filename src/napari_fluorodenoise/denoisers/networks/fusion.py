"""Frames fused like measurements of one state, and a small correction. This module needs torch.

The state predicted from its neighbours in time is a mean that trusts a frame where it agrees with the one in the
middle, the innovation is what the middle adds, and a gain says how much of it is signal: the update of a Kalman filter,
with a gain that is learned.

    mu = sum_t w_t x_t,  w = softmax(-|x_t - x| / temperature),    y = mu + K (x - mu),    out = y + change(y, ...)
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_fluorodenoise.denoisers.networks.parts import Network, convolution, padded, silent, sized, smoothed

__all__ = ["Fusion"]

GAIN = -2.0
"""The gain's logit before training: an eighth of the innovation is taken for signal."""
TEMPERATURE = 0.5
"""Of the softmax before training: in noise deviations, half of what two means of 5 x 5 pixels differ by at most."""


class Fusion(Network):
    """Pictures (N, inputs, Y, X), frames of a short sequence, to (N, 1, Y, X): a fused frame and a small correction.

    `depth` convolutions, `channels` wide, see the fused frame, the innovation and how much frames disagree, folded by
    `fold`. Differences are smoothed over 5 x 5 pixels before they are trusted: those of single pixels are noise. Where
    `centre` is None the mean of all frames stands in for the middle one. Without training it weighs and fuses.
    """

    def __init__(
        self,
        *,
        channels: int = 32,
        depth: int = 4,
        fold: int = 2,
        **common: Any,
    ) -> None:
        sizes = sized(channels=channels, depth=depth, fold=fold)
        reach = 4 + (depth + 1) * fold + fold - 1
        super().__init__(reach=reach, multiple=fold, sizes=sizes, **common)
        self.fold = fold
        self.temperature = nn.Parameter(torch.tensor(TEMPERATURE).log())
        self.gain = nn.Conv2d(2, 1, 1)
        nn.init.zeros_(self.gain.weight)
        nn.init.constant_(self.gain.bias, GAIN)  # type: ignore[arg-type]
        widths = [4 * fold**2, *[channels] * max(depth, 1)]
        self.layers = nn.Sequential(*(convolution(a, b) for a, b in pairwise(widths)))
        self.last = silent(nn.Conv2d(channels, fold**2, 3, padding=1, padding_mode="reflect"))

    def forward(self, pictures: Tensor) -> Tensor:
        """The pictures (N, 1, Y, X) that the network makes of `pictures` (N, inputs, Y, X)."""
        rows, columns = pictures.shape[-2:]
        whole = padded(pictures, least=self.least, multiple=self.multiple)
        middle = whole.mean(1, keepdim=True) if self.centre is None else whole[:, self.centre : self.centre + 1]
        apart = _over_channels(whole - middle).abs()  # (N, inputs, Y, X)
        predicted = (functional.softmax(-apart / self.temperature.exp(), dim=1) * whole).sum(1, keepdim=True)
        innovation, disagreement = middle - predicted, apart.mean(1, keepdim=True)
        doubts = torch.cat([disagreement, smoothed(innovation.abs())], dim=1)
        fused = predicted + torch.sigmoid(self.gain(doubts)) * innovation
        seen = torch.cat([self.seen(fused), innovation, doubts], dim=1)
        change = self.last(self.layers(functional.pixel_unshuffle(seen, self.fold)))
        return (fused + functional.pixel_shuffle(change, self.fold))[..., :rows, :columns]


def _over_channels(pictures: Tensor) -> Tensor:
    """Every channel smoothed by itself."""
    count, channels = pictures.shape[:2]
    return smoothed(pictures.flatten(0, 1)[:, None]).reshape(count, channels, *pictures.shape[2:])
