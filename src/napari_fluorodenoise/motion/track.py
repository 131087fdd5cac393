"""How far the view has moved: each frame is registered against a running picture of what was seen so far.

Per frame: the dense flow to the frame before, its mode over the pixels with texture (arXiv 2208.14022, section 2.1),
and a robust least-squares refinement of that one shift over the pixels that agree with it. What stands still on the
detector while the anatomy moves (markers, the collimator's penumbra) does not agree and is left out; refining against
the picture instead of the frame before keeps errors from adding up, as in incremental PCP-TI. The flow itself is not
taken to the picture: in a long pause the detector's own pattern grows strong in it and holds on to the frames.

Noise hides which anatomy moves by itself (heart, diaphragm), and what moves pulls the shift along. It shows in the
picture's unrest, gathered over many frames, so pixels count by the inverse of that; and once the whole sequence is
seen, every frame is refined again against the finished picture. On simulated chests this takes the error from about
0.3 to 0.1 px.

Pictures are band-passed, so that brightness and contrast inflow are no motion, and in units of the noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.motion.dis import dense_flow
from napari_fluorodenoise.motion.mode import flow_mode
from napari_fluorodenoise.motion.picture import RunningPicture, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Tracker", "band_passed"]

FINE, COARSE = 1.5, 8.0
"""Standard deviations in px of the band-pass: finer is noise, coarser is brightness."""
GRID = 4
"""Every so many pixels the flow is read: dense inverse search knows no more."""
TEXTURELESS = 40
"""Percentage of the pixels that have too little texture to show a motion (minor eigenvalue, structure tensor)."""
AGREES = 1.5
"""Pixels whose flow lies this close to the mode, in px, take part in the refinement."""
THIN = 2
"""Every so many pixels the refinement reads: the band-pass leaves nothing finer, and it takes a third of the time."""
ROUNDS = 6
CONVERGED = 0.005
FARTHEST = 3.0
"""A refinement that leads further than this from its start, in px, has gone astray."""
UNREST = 9
"""Width in px over which the unrest is averaged: its own noise would else look like motion."""


def band_passed(image: NDArray[Any]) -> NDArray[np.float32]:
    """`image` (Y, X) float32 without what is finer than about 1.5 px and coarser than 8 px."""
    import cv2

    fine, coarse = (cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), sigma) for sigma in (FINE, COARSE))
    difference: NDArray[np.float32] = fine - coarse
    return difference


class Tracker:
    """Offsets of the frames it is shown, one after the other; `field` (Y, X) is True where frames are worth reading."""

    def __init__(self, *, field: NDArray[np.bool_]) -> None:
        import cv2

        reach = 2 * int(COARSE) + 1  # so far the band-pass smears the collimator's edge into the field
        self._field = cv2.erode(field.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(bool)
        self._picture = RunningPicture((field.shape[0], field.shape[1]))
        self._offset = np.zeros(2)
        self._before = np.zeros(field.shape, np.float32)

    def follow(self, frame: NDArray[np.float32]) -> NDArray[np.float64]:
        """Where the next `frame` (Y, X), band-passed, lies in the first one: (row, column) in px."""
        if not self._picture.is_blank:
            self._offset = self._register(frame)
        self._picture.add(frame, self._offset, where=self._field)
        self._before = frame
        return self._offset.copy()

    def refine(self, frame: NDArray[np.float32], offset: NDArray[np.float64]) -> NDArray[np.float64]:
        """The offset of a `frame` followed before, found again against all that was seen by now."""
        return self._refined(frame, offset, self._field)

    def _register(self, frame: NDArray[np.float32]) -> NDArray[np.float64]:
        flow = dense_flow(frame, self._before)
        textured = _textured(frame, self._field)
        step = flow_mode(flow[::GRID, ::GRID][textured[::GRID, ::GRID]])
        agrees = (np.abs(flow - step) < AGREES).all(axis=2) & self._field
        few = np.count_nonzero(agrees) < np.count_nonzero(self._field) / 10
        return self._refined(frame, self._offset + step, self._field if few else agrees)

    def _refined(
        self, frame: NDArray[np.float32], start: NDArray[np.float64], where: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """The offset near `start` at which the picture fits `frame` best: Gauss-Newton with Tukey's weights."""
        rest = _rest(self._picture.view(start))
        offset = start
        for _ in range(ROUNDS):
            view = self._picture.view(offset)
            step = _step(frame, view.mean, rest * (where & view.known))
            offset = offset + step
            if np.abs(offset - start).max() > FARTHEST:
                return start
            if np.abs(step).max() < CONVERGED:
                break
        return offset


def _step(
    frame: NDArray[np.float32], picture: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The shift (2,) px, at most 1, that brings `picture` closer to `frame`; 0 where nothing can tell."""
    weights = weights[::THIN, ::THIN]
    where = weights > 0
    missing = (frame[::THIN, ::THIN] - picture[::THIN, ::THIN])[where]
    scale = 4.685 * 1.4826 * float(np.median(np.abs(missing))) if missing.size else 0.0
    if scale == 0:
        return np.zeros(2)
    slopes = np.asarray(np.gradient(picture), np.float32)[:, ::THIN, ::THIN][:, where]  # (2, n)
    weighted = slopes * weights[where] * np.maximum(1 - (missing / scale) ** 2, 0) ** 2
    normal = (weighted @ slopes.T).astype(np.float64)
    if np.linalg.eigvalsh(normal)[0] <= 1e-6 * np.trace(normal):
        return np.zeros(2)
    return np.asarray(np.clip(np.linalg.solve(normal, weighted @ missing), -1, 1), np.float64)


def _rest(view: View) -> NDArray[np.float32]:
    """How much each pixel counts, in [0, 1]: less where the picture deviated more than it does elsewhere."""
    import cv2

    unrest = cv2.blur(view.unrest, (UNREST, UNREST))
    usual = float(np.median(unrest[view.known])) if view.known.any() else 0.0
    if usual == 0:
        return np.ones_like(unrest)
    ratio = np.minimum(usual / np.maximum(unrest, 0.1 * usual), 1)
    return np.asarray(ratio**4, np.float32)


def _textured(frame: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The `usable` pixels around which the structure tensor's smaller eigenvalue is not among the smallest."""
    import cv2

    if not usable.any():
        return usable
    strength = cv2.cornerMinEigenVal(frame, blockSize=9, ksize=3)
    textured: NDArray[np.bool_] = usable & (strength > np.percentile(strength[usable], TEXTURELESS))
    return textured
