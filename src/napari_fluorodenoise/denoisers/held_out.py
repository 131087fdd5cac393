"""Frames with independent noise to judge a denoiser by, on the blocks that stand still.

Of five consecutive frames the middle one is denoised, and held against the two at the ends, whose noise is independent
also where a detector lags by a frame. How much a block moves is told by the two in between: their noise is independent
of the other three, so choosing still blocks chooses no low noise. Laws, for noise independent between frames,

    E (f - (earlier + later) / 2)² = error² + noise² / 2,

for any f made of the middle frame. Motion that is left and steady cancels in the mean of the two ends; what is not
steady adds to the error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.primitives.unbiased import tiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HeldOut", "Places", "held_out", "places"]

BLOCK = 16
"""Pixels along the side of a block that stands still or not."""
STILL = 0.25
"""Share of the blocks that counts as still."""
LARGEST = 256
"""Pixels along either axis of a frame's middle, which is all that is looked at."""


@dataclass(frozen=True)
class Places:
    """The frames `middles` of a sequence of `count`, which are denoised, and how far off those to compare with are."""

    middles: tuple[int, ...]
    gap: int
    count: int

    @property
    def kept_back(self) -> set[int]:
        """The frames that are compared with, which no training may have seen."""
        return {t + step for t in self.middles for step in (-self.gap, self.gap) if 0 <= t + step < self.count}


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One place: the `given` frame (Y, X), the same pixels `later` and `earlier`, and where they stand `still`.

    With two frames there is nothing earlier: then it is the later one.
    """

    given: NDArray[Any]
    later: NDArray[Any]
    earlier: NDArray[Any]
    still: NDArray[np.bool_]

    @property
    def target(self) -> NDArray[Any]:
        """What a prediction (Y, X) is held against."""
        return np.asarray((self.later + self.earlier) / 2)

    @property
    def share(self) -> float:
        """The noise variance of the target as a share of a frame's."""
        return 1.0 if self.later is self.earlier else 0.5


def places(count: int, *, most: int) -> Places:
    """At most `most` places in a sequence of `count` frames, fewer where less than two thirds were left to train on."""
    if not most:
        return Places((), 2, count)
    if count < 5:
        return Places((min(1, count - 2),), 1, count)
    number = int(np.clip(count // 6, 1, most))
    middles = np.clip(np.linspace(0, count - 1, number + 2)[1:-1].round().astype(int), 2, count - 3)
    return Places(tuple(np.unique(middles).tolist()), 2, count)


def held_out(frames: Any, at: Places, *, stabilize: Callable[[NDArray[Any]], NDArray[np.float32]]) -> list[HeldOut]:
    """What to judge by at each of the places of `frames` (T, Y, X), an array or what is read like one.

    `stabilize` brings frames to noise of unit variance.
    """
    middle = tuple(slice((n - min(n, LARGEST)) // 2, (n + min(n, LARGEST)) // 2) for n in frames.shape[1:])
    found = []
    for t in at.middles:
        around = {t + step: t + step for step in range(-at.gap, at.gap + 1) if 0 <= t + step < at.count}
        near = {k: np.asarray(frames[k])[middle] for k in around}
        later = near[t + at.gap]
        still = np.ones(later.shape, bool)
        if at.gap == 2:
            still = _still(stabilize(near[t + 1]) - stabilize(near[t - 1]))
        found.append(HeldOut(near[t], later, near.get(t - at.gap, later), still))
    return found


def _still(difference: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The quarter of the blocks in which a `difference` (Y, X) of frames is least, as a picture (Y, X).

    The means of 4 x 4 pixels tell: motion stands out from noise there.
    """
    rows, columns = (n // BLOCK for n in difference.shape)
    if not rows * columns:
        return np.ones(difference.shape, bool)
    coarse = tiled(difference[: rows * BLOCK, : columns * BLOCK], side=4).reshape(rows * BLOCK // 4, -1)
    energy = tiled(coarse**2, side=BLOCK // 4).reshape(rows, columns)
    still = np.zeros(difference.shape, bool)
    still[: rows * BLOCK, : columns * BLOCK] = np.kron(energy <= np.quantile(energy, STILL), np.ones((BLOCK, BLOCK)))
    return still
