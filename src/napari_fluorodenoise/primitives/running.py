"""The background of a sequence, frame by frame: a running mean that foreground does not enter; of rank 1.

Every pixel is the mean of what was seen of it, each frame brought to one brightness and clipped around the mean so far;
once seen `window` times, a frame enters with weight 1/window. No principal components: the alternative for those whom
the patent notice on incremental principal component pursuit concerns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.primitives.background import DARK, Background, Keep, Window, cleaned, matched, seen_before

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RobustMean"]


@dataclass(frozen=True, kw_only=True)
class RobustMean:
    """A running mean on the canvas: `start` from the first frames, then `step` frame by frame.

    `window` is after how many frames the past is forgotten by 63 %; `keep` is what of a frame's deviation stays.
    """

    window: int
    keep: Keep

    def start(self, frames: NDArray[np.float32], known: NDArray[np.bool_]) -> Background:
        """The background of the first `frames` (c, Y, X), of which the pixels `known` (c, Y, X) were seen."""
        _, columns = cleaned(frames, known, self.keep)
        count = known.sum(axis=0, dtype=np.int32)
        return Background(basis=columns.mean(axis=0)[None], count=count, S=np.ones(1), V=np.ones((1, 1)))

    def step(
        self,
        background: Background,
        frame: NDArray[np.float32],
        at: Window,
        known: NDArray[np.bool_] | None = None,
    ) -> None:
        """Take one more `frame` (y, x) into `background`, which is changed."""
        mean, count = background.basis[0][at], background.count[at]
        new = count == 0
        common = seen_before(new, known)
        weights = matched(frame, mean[None], common, self.keep)
        gain = background.weights[0] if weights is None else weights[0]
        if abs(gain) < DARK:
            return
        background.V = np.array([[gain]])
        expected = mean * np.float32(gain)
        deviation = frame - expected
        if common is not None:
            deviation *= common
        kept = self.keep(deviation, expected, 1)
        count += 1 if known is None else known
        kept /= np.clip(count, 1, self.window).astype(np.float32)
        if new.any():
            np.copyto(kept, frame, where=new if known is None else new & known)
        mean += kept / np.float32(gain)
