"""The background of a sequence, frame by frame: incremental principal component pursuit on a canvas with unseen pixels.

A frame is a vector of n pixels, d = L + S + rest: L of low rank over a window of frames, S sparse (beyond a threshold
in units of the noise), the rest noise. P. Rodriguez & B. Wohlberg, JMIV 55, 2016, doi 10.1007/s10851-015-0610-z; with
unseen pixels filled after arXiv 2208.14022, eq. (3).

Four things differ from the published recursion, each because simulated chests asked for it. It starts from the first
frames' clipped median instead of from one noisy frame. A frame is appended without the foreground that the model
predicts for it. What of a deviation stays in the background is the caller's choice (`keep`); soft shrinkage, the
published one, lets contrast agent that stays for a window leak into the background by up to the threshold. And a pixel
that was seen fewer times than the window is averaged with weight 1/count instead of 1/window, or the noise of its
first sighting would stay for the length of the window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.primitives.lowrank import (
    LowRank,
    coefficients,
    dwn_svd,
    fill_basis,
    inc_svd,
    orthonormal,
    partial_svd,
    rep_svd,
)
from napari_fluorodenoise.primitives.robust import known_median

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Background", "Pursuit"]

FITS = 2
"""Rounds of least squares and clipping after which a frame's coefficients no longer change by noise."""


@dataclass(frozen=True, eq=False)
class Background:
    """The model of the last frames on the canvas, and how often each of its pixels was seen: `count` (n,) int32."""

    model: LowRank
    count: NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Pursuit:
    """Incremental principal component pursuit: `start` from the first frames, then `step` frame by frame.

    `rank` and `window` (frames) bound the model; `loops` is how often a frame is split and put back without its
    foreground. `keep(deviation, background)`, (n,) each, is what of a frame's deviation is noise and stays in the
    background; the published choice is to clip it to a threshold.
    """

    rank: int
    window: int
    loops: int
    keep: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]

    def start(self, frames: NDArray[np.float32], known: NDArray[np.bool_]) -> Background:
        """The background of the first `frames` (c, n), of which the pixels `known` (c, n) were seen."""
        middle = known_median(frames, known)
        columns = np.empty_like(frames)
        for column, frame, seen in zip(columns, frames, known, strict=True):
            column[:], kept = self.split(frame, seen, middle[:, None])
            column += kept
        count = known.sum(axis=0, dtype=np.int32)
        columns[:, count == 0] = 0
        return Background(partial_svd(columns.T, rank=self.rank), count)

    def split(
        self, frame: NDArray[np.float32], known: NDArray[np.bool_], basis: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The background (n,) of `frame` (n,) in the span of `basis` (n, r), and what it keeps of the deviation.

        The background goes on where the frame is not `known`. Foreground has next to no say in the coefficients. What
        is kept is 0 where there is nothing to compare.
        """
        seen = basis * known[:, None]
        weights = coefficients(seen, frame)
        for _ in range(FITS):
            fitted = basis @ weights.astype(np.float32)
            kept = self.keep((frame - fitted) * known, fitted)
            weights = weights + coefficients(seen, kept)
        return fitted, kept

    def step(self, before: Background, frame: NDArray[np.float32], known: NDArray[np.bool_]) -> Background:
        """The background after one more `frame` (n,), of which the pixels `known` (n,) were seen."""
        new = before.count == 0
        common = known & ~new
        expected, kept = self.split(frame, common, before.model.U)
        model = self._updated(before.model, expected + kept, np.where(common, frame, expected))
        count = before.count + known
        young = known & (count <= self.window)
        if young.any():
            averaged = np.where(new, frame, expected + kept / np.maximum(count, 1).astype(np.float32))
            model = orthonormal(fill_basis(model, averaged, where=young))
        return Background(model, count)

    def _updated(self, model: LowRank, cleaned: NDArray[np.float32], frame: NDArray[np.float32]) -> LowRank:
        model = inc_svd(model, cleaned, rank=self.rank)
        for _ in range(self.loops - 1):
            last = model.last
            model = rep_svd(model, last + self.keep(frame - last, last), rank=self.rank)
        return dwn_svd(model, rank=self.rank) if len(model.V) > self.window else model
