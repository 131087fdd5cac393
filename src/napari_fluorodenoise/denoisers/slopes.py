"""Weights on their way down a loss: AdamW on one cycle of the rate, and a running mean of the weights. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from math import cos, inf, pi
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from napari_fluorodenoise.engine.progress import checkpoint

__all__ = ["RATE", "Slopes"]

Net = TypeVar("Net", bound=nn.Module)

RATE = 1.5e-3
"""The largest of the cycle's rates; it begins at 1/25 of it, and falls to almost nothing."""
RISE = 0.2
"""Share of the cycle in which the rate rises."""
MOMENTUM = (0.85, 0.95)
"""Of the gradient's running mean: the least where the rate is largest (L. N. Smith, arXiv 1803.09820)."""
STEEPEST = 1.0
"""Norm to which a gradient is clipped: a batch of few hidden pixels can throw a network without normalisation off."""
MEMORY = 0.98
"""Of the running mean of the weights: it errs less than any single step."""
READ = 10
"""Steps between two readings of the loss on an accelerator, which waits for each."""


class Slopes(Generic[Net]):
    """The weights on their way down, and their running mean."""

    def __init__(self, net: Net, *, rate: float) -> None:
        self.net = net.train().requires_grad_(True)
        self.mean = deepcopy(self.net).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=rate)
        self.half = next(net.parameters()).is_cuda
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.half)
        self.rate, self.taken = rate, 0

    def descend(self, loss: Callable[[Net], Tensor], *, fraction: float) -> float:
        """The loss of a batch, after a step at the rate that is due when `fraction` of the cycle is over."""
        height = _height(fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * height
            group["betas"] = (MOMENTUM[1] + (MOMENTUM[0] - MOMENTUM[1]) * height, 0.999)
        self.optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16, enabled=self.half):
            value = loss(self.net)
        checkpoint()  # the way back takes as long again
        self.scaler.scale(value).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), STEEPEST)
        if self.half or norm.isfinite():  # the scaler leaves steps out that are not finite
            self.scaler.step(self.optimizer)
        self.scaler.update()
        self.taken += 1
        self._follow()
        return float(value.detach()) if not self.half or self.taken % READ == 1 else inf

    def state(self) -> dict[str, Any]:
        """What the next step goes on from."""
        return {"taken": self.taken, **{name: part.state_dict() for name, part in self._parts.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.taken = state["taken"]
        for name, part in self._parts.items():
            part.load_state_dict(state[name])

    @property
    def _parts(self) -> dict[str, Any]:
        return {"net": self.net, "mean": self.mean, "optimizer": self.optimizer, "scaler": self.scaler}

    def _follow(self) -> None:
        weight = 1 - min(MEMORY, self.taken / (self.taken + 9))
        with torch.no_grad():
            for slow, fast in zip(self.mean.parameters(), self.net.parameters(), strict=True):
                slow.lerp_(fast, weight)


def _height(fraction: float) -> float:
    """The rate as a share of the largest: up from 1/25 and down to almost 0 along cosines."""
    if fraction < RISE:
        return 1 / 25 + (1 - 1 / 25) * (1 - cos(pi * fraction / RISE)) / 2
    return max((1 + cos(pi * (fraction - RISE) / (1 - RISE))) / 2, 4e-6)
