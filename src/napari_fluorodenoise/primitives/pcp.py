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

All updates of a frame are linear in the basis U and in what the frame keeps, K: they are made in the coordinates of
span [U K], a handful of numbers, and the canvas is touched once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.primitives.background import (
    DARK,
    Background,
    Keep,
    Window,
    cleaned,
    combined,
    matched,
    seen_before,
    strips,
)
from napari_fluorodenoise.primitives.lowrank import (
    LowRank,
    Span,
    dwn_svd,
    inc_svd,
    orthonormal,
    partial_svd,
    rep_svd,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Pursuit", "fill"]


@dataclass(frozen=True, kw_only=True)
class Pursuit:
    """Incremental principal component pursuit: `start` from the first frames, then `step` frame by frame.

    `rank` and `window` (frames) bound the model; `loops` is how often a frame is split and put back without its
    foreground. `keep` is what of a frame's deviation is noise and stays; the published choice is to clip it.
    """

    rank: int
    window: int
    loops: int
    keep: Keep

    def start(self, frames: NDArray[np.float32], known: NDArray[np.bool_]) -> Background:
        """The background of the first `frames` (c, Y, X), of which the pixels `known` (c, Y, X) were seen."""
        _, columns = cleaned(frames, known, self.keep)
        model = partial_svd(columns.reshape(len(columns), -1).T, rank=self.rank)
        basis = np.ascontiguousarray(model.U.T).reshape(-1, *frames.shape[1:])
        return Background(basis=basis, count=known.sum(axis=0, dtype=np.int32), S=model.S, V=model.V)

    def step(
        self,
        background: Background,
        frame: NDArray[np.float32],
        at: Window,
        known: NDArray[np.bool_] | None = None,
    ) -> None:
        """Take one more `frame` (y, x) into `background`, which is changed."""
        planes, count = background.basis[:, *at], background.count[at]
        new = count == 0
        common = seen_before(new, known)
        weights = matched(frame, planes, common, self.keep)
        if weights is None:  # nothing in common: as bright as the frame before
            weights = background.weights
        usual = np.sqrt((background.S**2).sum() / len(background.V))
        if usual > 0 and np.sqrt(weights @ weights) < DARK * usual:
            return
        aim, kept, turn = self._updates(background, at, weights, frame, common)
        count += 1 if known is None else known
        entering = new if known is None else new & known
        background.basis = _turned(background.basis, turn[: len(planes)])
        planes, row = background.basis[:, *at], background.weights
        for rows in strips(frame.shape):
            for plane, shares in zip(planes[:, rows], turn[-len(kept) :].T, strict=True):
                for part, share in zip(kept, shares, strict=True):
                    plane += part[rows] * np.float32(share)
            young = count[rows] <= self.window
            if young.any():
                mean = aim[rows] + kept[0][rows] / np.maximum(count[rows], 1).astype(np.float32)
                np.copyto(mean, frame[rows], where=entering[rows])
                fill(planes[:, rows], row, np.asarray(mean, np.float32), where=young)

    def _updates(
        self,
        background: Background,
        at: Window,
        weights: NDArray[np.float64],
        frame: NDArray[np.float32],
        common: NDArray[np.bool_] | None,
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]], NDArray[np.float64]]:
        """The expected frame, what it keeps in each loop, and the matrix that makes the new basis of basis and that.

        Singular values and right factor of `background` are those of the new model afterwards.
        """
        planes = background.basis[:, *at]
        parts: list[NDArray[np.float32]] = []
        aim = combined(planes, weights)
        gram = _gram(background.basis)
        size = len(gram)
        turn, model = np.eye(size), LowRank(np.eye(size), background.S, background.V)
        for loop in range(self.loops):
            share = weights if loop == 0 else turn @ (model.S * model.V[-1])
            expected = combined(planes, share[:size]) if loop else aim
            for part, more in zip(parts, share[size:], strict=True):
                expected += part * np.float32(more)
            deviation = frame - expected
            if common is not None:
                deviation *= common
            parts.append(self.keep(deviation, expected, 1))
            gram = _bordered(gram, planes, parts)
            span = Span(gram)
            turn = np.pad(turn, ((0, 1), (0, 0)))
            model = orthonormal(LowRank(span.root @ turn, model.S, model.V))
            column = span.root @ np.r_[share, 1.0]
            model = (inc_svd if loop == 0 else rep_svd)(model, column, rank=self.rank)
            turn = span.inverse @ model.U
        if len(model.V) > self.window:
            model = dwn_svd(model, rank=self.rank)
            turn = span.inverse @ model.U
        background.S, background.V = model.S, model.V
        return aim, parts, turn


def _gram(basis: NDArray[np.float32]) -> NDArray[np.float64]:
    tall = basis.reshape(len(basis), -1)
    return (tall @ tall.T).astype(np.float64)


def _bordered(
    gram: NDArray[np.float64], planes: NDArray[np.float32], parts: list[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """The inner products with those of the newest of `parts` beside and below."""
    newest = parts[-1].ravel()
    products = [float(np.vdot(newest, other)) for other in (*planes, *parts)]
    return np.block([[gram, np.array(products[:-1])[:, None]], [np.array(products)]])


def _turned(basis: NDArray[np.float32], turn: NDArray[np.float64]) -> NDArray[np.float32]:
    """The patterns (s, Y, X) that `turn` (r, s) makes of `basis` (r, Y, X); a single one in its place."""
    if turn.size == 1:
        basis *= np.float32(turn[0, 0])
        return basis
    return np.tensordot(turn.T.astype(np.float32), basis, 1)


def fill(
    planes: NDArray[np.float32], row: NDArray[np.float64], values: NDArray[np.float32], *, where: NDArray[np.bool_]
) -> None:
    """Let the background that `row` (r,) mixes show `values` (y, x), by the smallest change of `planes` (r, y, x).

    For rank 1 this is eq. (3), second part, of arXiv 2208.14022. For higher ranks that formula does not reproduce the
    frame; this one does: U[x] += (values[x] - last[x]) (S v)ᵀ / |S v|². The planes are changed in place,
    and no longer orthonormal afterwards.
    """
    energy = float(row @ row)
    if energy == 0.0:
        return
    missing = values - combined(planes, row)
    missing *= where
    for plane, share in zip(planes, row / energy, strict=True):
        plane += missing * np.float32(share)
