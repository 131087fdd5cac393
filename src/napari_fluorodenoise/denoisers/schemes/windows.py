"""What a scheme is trained on: a batch of windows, and what every loss does with them. This module needs torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = ["Windows", "mean_over", "random", "seeded"]


@dataclass(frozen=True, eq=False)
class Windows:
    """Crops of consecutive frames, (N, 2 radius + 1, Y, X) float32 with noise of variance 1.

    `target` (N, 1, Y, X) bool are the pixels of the middle frame that may be trained on. `draw(shape, rng)` gives
    noise like the measured one, of variance 1 and with its covariance; `truth` (N, 1, Y, X) is the clean middle frame
    where it is known.
    """

    frames: Tensor
    target: Tensor
    draw: Callable[[tuple[int, ...], np.random.Generator], Tensor]
    truth: Tensor | None = None

    @property
    def middle(self) -> int:
        """The channel of the frame that is to be denoised."""
        return int(self.frames.shape[1]) // 2

    @property
    def centre(self) -> Tensor:
        """The noisy frames (N, 1, Y, X) that are to be denoised."""
        return self.frames[:, self.middle : self.middle + 1]

    def with_centre(self, centre: Tensor) -> Tensor:
        """The frames with `centre` (N, 1, Y, X) in the middle."""
        return torch.cat([self.frames[:, : self.middle], centre, self.frames[:, self.middle + 1 :]], dim=1)


def mean_over(values: Tensor, where: Tensor) -> Tensor:
    """The mean () of `values` where it is asked `where` (bool, alike); 0 where nothing is."""
    return (values * where).sum() / where.sum().clamp(min=1)


def random(shape: tuple[int, ...], rng: np.random.Generator, *, like: Tensor) -> Tensor:
    """Uniform numbers in [0, 1), float32 on the device of `like`; the same on every device."""
    return torch.from_numpy(rng.random(shape, dtype="float32")).to(like.device)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """What torch draws inside follows from `seed`; the global random state is left alone."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
