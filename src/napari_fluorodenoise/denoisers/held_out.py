"""Frames with independent noise to judge a denoiser by, on the blocks that stand still.

Of five consecutive frames the middle one is denoised, and held against the two at the ends, whose noise is independent
also where a detector lags by a frame. How much a block moves is told by the two in between: their noise is independent
of the other three, so choosing still blocks chooses no low noise. Laws, for noise independent between frames,

    E (f - later)² = error² + noise²,      E (f - later)(f - earlier) = error²,

for any f made of the middle frame: the first orders denoisers, the second measures one, and neither needs to know the
noise. Motion that is left adds to the first, and takes from the second where it is steady.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.primitives.unbiased import tiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.video import Video

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


def places(count: int, *, most: int) -> Places:
    """At most `most` places in a sequence of `count` frames, fewer where less than two thirds were left to train on."""
    if not most:
        return Places((), 2, count)
    if count < 5:
        return Places((min(1, count - 2),), 1, count)
    number = int(np.clip(count // 6, 1, most))
    middles = np.clip(np.linspace(0, count - 1, number + 2)[1:-1].round().astype(int), 2, count - 3)
    return Places(tuple(np.unique(middles).tolist()), 2, count)


def held_out(video: Video, at: Places, *, stabilize: Callable[[NDArray[Any]], NDArray[np.float32]]) -> list[HeldOut]:
    """What to judge by at each of the places of `video`; `stabilize` brings frames to noise of unit variance."""
    middle = tuple(slice((n - min(n, LARGEST)) // 2, (n + min(n, LARGEST)) // 2) for n in video.shape[1:])
    found = []
    for t in at.middles:
        around = {t + step: t + step for step in range(-at.gap, at.gap + 1) if 0 <= t + step < at.count}
        frames = {k: np.asarray(video.data[k])[middle] for k in around}
        later = frames[t + at.gap]
        still = np.ones(later.shape, bool)
        if at.gap == 2:
            still = _still(stabilize(frames[t + 1]) - stabilize(frames[t - 1]))
        found.append(HeldOut(frames[t], later, frames.get(t - at.gap, later), still))
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
