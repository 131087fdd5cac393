"""Where X-rays reach the detector: the field inside the collimator, or the image intensifier's circle.

A field is convex. What is dark and flat and touches the frame's edge lies outside it, and so does what a straight
shutter covers; the field is the convex hull of the rest, so dark anatomy inside it is never cut. All arithmetic is on
averages of about 1/128 of the frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Picture = NDArray[np.float32]

__all__ = ["field", "without_penumbra"]

PENUMBRA = 0.02
"""Width of a collimator's blurred edge, as a share of the frame's shorter side."""

CELLS = 128
DARK = 0.15
"""Outside a collimator less than this share of the centre's intensity is left, where the scale is linear."""
STEP = 0.2
"""A shutter's edge is at least this high, as a share of the intensity inside: processed frames lift the dark side."""


def field(mean: NDArray[Any], *, inverted: bool = False) -> Mask:
    """True inside the field of a sequence's mean image (Y, X); all True where there is no border.

    `inverted` says that more X-rays give lower values (MONOCHROME1). Borders thinner than 1 % of the frame may stay.
    """
    import cv2

    everything = np.ones(mean.shape, bool)
    step = max(1, min(mean.shape) // CELLS)
    rows, columns = mean.shape[0] // step, mean.shape[1] // step
    if min(rows, columns) < 16:
        return everything
    image = np.asarray(mean, np.float32)
    image = image.max() - image if inverted else image
    cells = cv2.resize(image[: rows * step, : columns * step], (columns, rows), interpolation=cv2.INTER_AREA)
    outside = _flat(cells) | _shuttered(cells)
    inside = _hull(~outside)
    if inside is None or inside.mean() > 0.995 or inside.mean() < 0.2:
        return everything
    return np.asarray(cv2.resize(inside.astype(np.uint8), mean.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0)


def _flat(cells: Picture) -> Mask:
    """Dark, flat parts that touch the frame's edge and end in a step."""
    import cv2

    centre = _centre(cells)
    low = float(np.quantile(cells, 0.005))
    flat = (cells < low + 0.05 * (centre - low)) if low < DARK * centre else np.zeros(cells.shape, bool)
    _, labels = cv2.connectedComponents(flat.astype(np.uint8), connectivity=4)
    found = np.zeros(cells.shape, bool)
    for label in np.unique(np.r_[labels[0], labels[-1], labels[:, 0], labels[:, -1]]):
        part = labels == label
        around = _dilated(part, 4) & ~_dilated(part, 2)
        if flat[part].all() and around.any() and np.median(cells[around]) > low + 0.2 * (centre - low):
            found |= _dilated(part, 1)
    return found


def _shuttered(cells: Picture) -> Mask:
    """What straight shutters cover, on each of the four sides."""
    found = np.zeros(cells.shape, bool)
    for turns in range(4):
        found |= np.rot90(_left_shutter(np.ascontiguousarray(np.rot90(cells, turns))), -turns)
    return found


def _left_shutter(cells: Picture) -> Mask:
    """True left of a nearly vertical edge, dark on its left over the frame's whole height; all False without one."""
    import cv2

    smooth = cv2.GaussianBlur(cells, (0, 0), 1.0)
    rows, columns = np.arange(cells.shape[0]), np.arange(cells.shape[1])
    middle = slice(cells.shape[0] // 4, -(cells.shape[0] // 4))
    nothing = np.zeros(cells.shape, bool)
    best, best_mask = STEP, nothing
    for tilt in np.linspace(-0.07, 0.07, 15):
        lean = np.rint(tilt * (rows - rows.mean())).astype(int)
        upright = smooth[rows[:, None], np.clip(columns[None, :] + lean[:, None], 0, columns[-1])][middle]
        rise = (upright[:, 4:] - upright[:, :-4]) / np.maximum(upright[:, 4:], 1e-6)
        score = np.quantile(rise[:, : columns.size * 2 // 5], 0.15, axis=0)
        at = int(score.argmax())
        if score[at] > best and _even(upright[:, : at + 1]):
            best, best_mask = float(score[at]), columns[None, :] <= at + 3 + lean[:, None]
    return best_mask


def _even(outside: Picture) -> bool:
    """Whether a shutter's shadow is: the same all along it, as anatomy is not."""
    along = outside.mean(axis=1)
    return bool(np.ptp(np.quantile(along, (0.05, 0.95))) < 0.15 * np.abs(along.mean()))


def _centre(cells: Picture) -> float:
    rows, columns = (n // 4 for n in cells.shape)
    return float(np.median(cells[rows:-rows, columns:-columns]))


def _dilated(mask: Mask, radius: int) -> Mask:
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)


def _hull(mask: Mask) -> Mask | None:
    """The convex hull of the largest connected part; None where there is none."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return None
    largest = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    points = cv2.convexHull(np.argwhere(largest)[:, ::-1].astype(np.int32))
    return np.asarray(cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), points, 1) > 0)


def without_penumbra(field: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The `field` (Y, X) less the blurred edge of the collimator; where it ends with the frame it stays."""
    import cv2

    reach = 2 * int(np.ceil(PENUMBRA * min(field.shape))) + 1
    return np.asarray(cv2.erode(field.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0)
