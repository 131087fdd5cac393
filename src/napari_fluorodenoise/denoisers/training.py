"""A network trained for so many steps, of which the state is kept that was best on held-out data. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from napari_fluorodenoise.engine.progress import Progress, silent

__all__ = ["Trained", "train"]

Net = TypeVar("Net", bound=nn.Module)

RATE = 1.5e-3
STEEPEST = 1.0
"""Norm to which a gradient is clipped: a batch of few hidden pixels can throw a network without normalisation off."""
CHECKS = 15
"""Times that the held-out loss is asked for."""
MEMORY = 0.98
"""Of the running mean of the weights, which is what is judged and kept: it errs less than any single step."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A network at the step where its held-out loss was least; `losses` are (step, held-out loss)."""

    net: nn.Module
    step: int
    losses: tuple[tuple[int, float], ...]


def train(
    net: nn.Module,
    *,
    loss: Callable[[nn.Module], Tensor],
    judge: Callable[[nn.Module], float],
    steps: int,
    progress: Progress = silent,
) -> Trained:
    """A copy of `net` trained by `steps` steps down `loss`, a batch each; kept where `judge` was last least.

    AdamW on one cycle (L. N. Smith, arXiv 1803.09820). `progress` hears of every step and may raise `Cancelled`.
    """
    net = deepcopy(net).train()
    mean = deepcopy(net).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=max(steps, 9) + 1, pct_start=0.2)
    best = Trained(deepcopy(mean), 0, ((0, judge(mean)),))
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        value = loss(net)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), STEEPEST)
        optimizer.step()
        schedule.step()
        _approach(mean, net, weight=1 - min(MEMORY, step / (step + 9)))
        if step % max(1, steps // CHECKS) == 0 or step == steps:
            best = _better(best, mean, step, judge(mean))
        progress(step / steps, f"step {step} of {steps}, loss {value.item():.4f}, held out {best.losses[-1][1]:.4f}")
    return best


def _approach(mean: nn.Module, net: nn.Module, *, weight: float) -> None:
    with torch.no_grad():
        for slow, fast in zip(mean.parameters(), net.parameters(), strict=True):
            slow.lerp_(fast, weight)


def _better(best: Trained, net: nn.Module, step: int, loss: float) -> Trained:
    losses = (*best.losses, (step, loss))
    if loss <= min(earlier for _, earlier in best.losses):
        return Trained(deepcopy(net), step, losses)
    return Trained(best.net, best.step, losses)
