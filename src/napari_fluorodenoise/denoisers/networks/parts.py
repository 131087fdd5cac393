"""What all networks promise, and the parts that they share. This module needs torch.

Laws: a picture of any size comes back in its size; a picture does not depend on those beside it in a batch; an input
pixel further away than `reach` has no influence; a part of a picture that starts on a multiple of `multiple` pixels
comes out as in the whole, `reach` pixels away from its cuts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Network", "base", "binomial", "convolution", "padded", "silent", "sized", "smoothed"]

MOST = {"channels": 4096, "depth": 64, "fold": 16}
"""The largest sizes: a file's header must not ask for more than any machine has."""
SLOPE = 0.1
"""Of the leaky rectifiers, below 0."""


class Network(nn.Module, ABC):
    """Pictures (N, inputs, Y, X) to pictures (N, 1, Y, X) float32, in units of the noise's standard deviation.

    `centre` is the channel that is to be denoised: a network adds its change to that channel smoothed, or to the mean
    of all channels where it is None. `offset` and `scale` bring what the layers see near 0 and 1; what goes in and what
    comes out is in the same units. `least` pixels along either side is what the layers need: smaller pictures are
    padded. `settings` are the arguments that make the network again, fit for JSON: those that all have, and a class's
    own `sizes`.
    """

    def __init__(
        self,
        *,
        reach: int,
        multiple: int,
        sizes: Mapping[str, Any],
        inputs: int = 1,
        centre: int | None = None,
        offset: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if inputs < 1 or (centre is not None and not 0 <= centre < inputs):
            raise ValueError(
                f"expected a centre among {inputs} inputs, found {centre}; give one, counted from 0, or None"
            )
        if not scale > 0:
            raise ValueError(f"expected a scale above 0, found {scale}; give the spread of the pictures")
        self.inputs, self.centre, self.offset, self.scale = inputs, centre, offset, scale
        self.reach, self.multiple, self.least = reach, multiple, 2 * multiple
        self.settings = {"inputs": inputs, "centre": centre, "offset": offset, "scale": scale, **sizes}

    def __getstate__(self) -> dict[str, Any]:
        """All that it holds, on the CPU: a pickle may be read where there is no such device, or in another process."""
        at = next(self.parameters()).device
        if at.type == "cpu":
            return vars(self)
        held = {id(values): _on_cpu(values) for values in (*self.parameters(), *self.buffers())}
        return {**deepcopy(vars(self), held), "at": str(at)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The same again, on the device where it was, if that is there."""
        at = torch.device(state.pop("at", "cpu"))
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        if at.type == "cuda" and torch.cuda.is_available():
            self.to(at if (at.index or 0) < torch.cuda.device_count() else "cuda")

    @abstractmethod
    def forward(self, pictures: Tensor) -> Tensor:
        """The pictures (N, 1, Y, X) that the network makes of `pictures` (N, inputs, Y, X)."""

    def seen(self, pictures: Tensor) -> Tensor:
        """`pictures` as the layers see them: shifted and scaled."""
        return (pictures - self.offset) / self.scale


def _on_cpu(values: Tensor) -> Tensor:
    """`values` without their history; a parameter stays one."""
    there = values.detach().cpu()
    return nn.Parameter(there, values.requires_grad) if isinstance(values, nn.Parameter) else there


def sized(**sizes: Any) -> dict[str, Any]:
    """`sizes`, the arguments of one kind of network. Raises ValueError where no machine could make it."""
    for name, most in MOST.items():
        if sizes[name] not in range(name != "depth", most + 1):
            raise ValueError(f"expected {name} up to {most}, found {sizes[name]!r}; give a number in between")
    return sizes


def base(pictures: Tensor, *, centre: int | None) -> Tensor:
    """What a network's change is added to (N, 1, Y, X): the channel `centre` smoothed, or the mean of all."""
    chosen = pictures.mean(dim=1, keepdim=True) if centre is None else pictures[:, centre : centre + 1]
    return smoothed(chosen)


def smoothed(pictures: Tensor) -> Tensor:
    """The means over 5 x 5 pixels."""
    return functional.avg_pool2d(functional.pad(pictures, (2, 2, 2, 2), mode="replicate"), 5, stride=1)


def binomial(pictures: Tensor) -> Tensor:
    """Every second pixel of every second row of `pictures` (N, C, Y, X), after a binomial filter over 3 x 3 pixels."""
    row = pictures.new_tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(row, row).expand(pictures.shape[1], 1, 3, 3)
    around = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(around, kernel, stride=2, groups=pictures.shape[1])


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """A convolution 3 x 3 that mirrors at the edges, and a leaky rectifier; its weights keep the variance (He)."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")
    nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return nn.Sequential(layer, nn.LeakyReLU(SLOPE))


def silent(layer: nn.Conv2d) -> nn.Conv2d:
    """`layer`, its weights set to 0: an untrained network changes nothing."""
    for values in layer.parameters():
        nn.init.zeros_(values)
    return layer


def padded(pictures: Tensor, *, least: int, multiple: int) -> Tensor:
    """`pictures` mirrored below and to the right to sides of at least `least` that `multiple` divides.

    Where a picture is too small to be mirrored its last pixels are repeated.
    """
    rows, columns = (max(least - n, -n % multiple) for n in pictures.shape[-2:])
    if not rows and not columns:
        return pictures
    mode = "reflect" if rows < pictures.shape[-2] and columns < pictures.shape[-1] else "replicate"
    return functional.pad(pictures, (0, columns, 0, rows), mode=mode)
