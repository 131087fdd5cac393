"""What is foreground, in units of the detector's noise: what a background keeps of a frame, and still lines in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.primitives.background import strips

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.detector import Detector

    Picture = NDArray[np.float32]

__all__ = ["Rule", "filled"]

POOL = 1.5
"""Standard deviation in px of the average in which foreground is looked for: about a guidewire's width."""
HALO = 8
"""Rows on either side that the average needs."""
THICK = 5
"""Width in px up to which a dark line is taken for a device."""
FAINT, CLEAR = 1.0, 2.0
"""Depth of a line in the noise of one frame, everywhere and on average: the rims of bones are fainter."""
LONG, THIN = 40.0, 0.25
"""Length in px from which it is a line and no speck, and the share of its squared length that it covers at most."""


@dataclass(frozen=True)
class Rule:
    """What of a frame's deviation the background keeps: within `threshold` noise all, beyond it none or little.

    Devices and contrast agent only ever absorb. So what is brighter than the background shows that the background was
    covered, and it follows, by at most the threshold a frame; what is darker is foreground for as long as it stays.
    A thin wire hides in the noise of single pixels: it is looked for in the average over its neighbours. `dark` says
    that what absorbs is dark.
    """

    detector: Detector
    threshold: float
    dark: bool

    def __call__(self, deviation: Picture, background: Picture, cell: int) -> Picture:
        """What is kept of `deviation` (y, x) from `background` (y, x), averages over `cell` x `cell` pixels."""
        kept = np.empty_like(deviation)
        for rows in strips(deviation.shape):
            top = min(rows.start, HALO)
            image = self._pooled(deviation[rows.start - top : rows.stop + HALO], cell)[top:][: rows.stop - rows.start]
            self._clip(deviation[rows], background[rows], image, cell, out=kept[rows])
        return kept

    def _pooled(self, deviation: Picture, cell: int) -> Picture:
        """The picture in which covered pixels are looked for; beside a covered cell, cells are covered in part."""
        import cv2

        if cell == 1:
            return np.asarray(cv2.GaussianBlur(deviation, (0, 0), POOL))
        return np.asarray((cv2.erode if self.dark else cv2.dilate)(deviation, np.ones((3, 3))))

    def _clip(self, deviation: Picture, background: Picture, pooled: Picture, cell: int, *, out: Picture) -> None:
        limit = np.sqrt(self.detector.variance(background), dtype=np.float32)
        limit *= np.float32(self.threshold if cell == 1 else self.threshold * self._noise[cell])
        least = limit * np.float32(self._noise[1]) if cell == 1 else limit
        bare = pooled >= np.negative(least) if self.dark else pooled <= least
        np.minimum(deviation, limit, out=out)
        np.maximum(out, np.negative(limit, out=limit), out=out)
        out *= bare

    @cached_property
    def _noise(self) -> dict[int, float]:
        """The standard deviation of the noise in averages over cells, as a part of what it was; in the pool for 1."""
        import cv2

        correlation = np.pad(self.detector.autocorrelation, 4 * int(np.ceil(POOL)))
        once = cv2.GaussianBlur(correlation, (0, 0), POOL, borderType=cv2.BORDER_CONSTANT)
        twice = cv2.GaussianBlur(once, (0, 0), POOL, borderType=cv2.BORDER_CONSTANT)
        found = {1: _root(twice)}
        for cell in (2, 3, 4):
            weights = 1 - np.abs(np.arange(1 - cell, cell)) / cell
            found[cell] = _root(cv2.sepFilter2D(correlation, -1, weights / cell, weights / cell))
        return found


def _root(correlation: NDArray[np.float64]) -> float:
    rows, columns = (n // 2 for n in correlation.shape)
    return float(np.sqrt(max(correlation[rows, columns], 0.0)))


def filled(picture: Picture, *, rule: Rule) -> Picture:
    """The factor (Y, X) by which what lies around them outshines the dark lines of `picture` (Y, X); 1 elsewhere.

    A closing with a disc fills what is thin and dark; of that, lines stand out of a frame's noise and are long, and
    thin within the circle around them. Edges stay, and so do bands wider than about 2 THICK, such as ribs.
    """
    import cv2

    upright = picture if rule.dark else -picture
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * THICK + 1, 2 * THICK + 1))
    smooth = cv2.GaussianBlur(upright, (0, 0), 1.0)
    around = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, disc)
    found = _long_and_thin((around - smooth) / np.sqrt(rule.detector.variance(picture)).astype(np.float32))
    around = cv2.GaussianBlur(around, (0, 0), THICK / 2)
    around = around if rule.dark else -around
    found &= (around > picture if rule.dark else around < picture) & (picture > 0)
    factor: Picture = np.divide(around, picture, out=np.ones_like(picture), where=found)
    return factor


def _long_and_thin(depth: Picture) -> NDArray[np.bool_]:
    """Where connected parts of `depth` (Y, X), in noise standard deviations, are lines, and one pixel around them."""
    import cv2

    deep = (depth > FAINT).astype(np.uint8)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(deep, connectivity=8)
    area = boxes[:, cv2.CC_STAT_AREA]
    mean = np.bincount(labels.ravel(), depth.ravel(), len(boxes)) / area
    length = np.hypot(boxes[:, cv2.CC_STAT_WIDTH], boxes[:, cv2.CC_STAT_HEIGHT])
    lines = (mean > CLEAR) & (length > LONG) & (area < THIN * length**2)
    lines[0] = False
    return np.asarray(cv2.dilate(lines[labels].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
