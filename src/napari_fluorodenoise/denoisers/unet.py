"""A small 2-D U-Net for pictures of any size. This module needs torch: import it where a network is made."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["UNet"]


class UNet(nn.Module):
    """A picture of the same size: pictures (N, 1, Y, X) to (N, 1, Y, X), whatever Y and X are.

    The picture is folded by `fold` into channels first: convolutions on a quarter of the pixels cost a quarter. No
    batch normalisation, which would tie a frame's result to the frames beside it. The last layer starts at 0, so that
    an untrained network returns the picture smoothed.
    """

    def __init__(self, *, channels: int = 16, depth: int = 2, fold: int = 2) -> None:
        super().__init__()
        self.fold, self.multiple = fold, fold * 2**depth
        self.least = 2 * self.multiple  # the coarsest features need two pixels to be mirrored
        widths = [channels * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(_pair(a, b) for a, b in zip([fold**2, *widths[:-1]], widths, strict=True))
        self.up = nn.ModuleList(_pair(a + b, a) for a, b in zip(widths[-2::-1], widths[:0:-1], strict=True))
        self.last = nn.Conv2d(channels, fold**2, 1)
        for values in self.last.parameters():
            nn.init.zeros_(values)

    def forward(self, pictures: Tensor) -> Tensor:
        """The pictures (N, 1, Y, X) that the network makes of `pictures` (N, 1, Y, X)."""
        rows, columns = pictures.shape[-2:]
        padded = _padded(pictures, *(max(self.least - n, -n % self.multiple) for n in (rows, columns)))
        change = functional.pixel_shuffle(self._through(functional.pixel_unshuffle(padded, self.fold)), self.fold)
        return (_smoothed(padded) + change)[..., :rows, :columns]

    def _through(self, features: Tensor) -> Tensor:
        skipped: list[Tensor] = []
        for level, block in enumerate(self.down):
            features = block(functional.avg_pool2d(features, 2) if level else features)
            skipped.append(features)
        features = skipped.pop()
        for block in self.up:
            upper = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = block(torch.cat([skipped.pop(), upper], dim=1))
        result: Tensor = self.last(features)
        return result


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions 3 x 3 that mirror at the edges."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect"),
        nn.LeakyReLU(0.1),
        nn.Conv2d(outputs, outputs, 3, padding=1, padding_mode="reflect"),
        nn.LeakyReLU(0.1),
    )


def _padded(pictures: Tensor, rows: int, columns: int) -> Tensor:
    """`pictures` with as many more rows and columns, mirrored; repeated where a picture is too small to be mirrored."""
    mode = "reflect" if rows < pictures.shape[-2] and columns < pictures.shape[-1] else "replicate"
    return functional.pad(pictures, (0, columns, 0, rows), mode=mode)


def _smoothed(pictures: Tensor) -> Tensor:
    """The means over 5 x 5 pixels."""
    return functional.avg_pool2d(functional.pad(pictures, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
