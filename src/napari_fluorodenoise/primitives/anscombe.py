"""Variance stabilisation of noise whose variance is a line of the intensity, and the unbiased way back.

With u(y) = max(slope * y + read_variance + 3/8 slope², floor), the generalised Anscombe transform, shifted to be 0 at
`level`, is

    z(y) = 2 (y - level) / (sqrt(u(y)) + sqrt(u(level))),   y(z) = level + sqrt(u(level)) z + slope z² / 4,

and has unit variance. This form needs no case for the slope's sign: at slope 0 it is (y - level) / sigma exactly. Below
the floor it goes on as a straight line, so it is monotone everywhere.

Laws: unstabilize(stabilize(y), residual=1) = y. If z keeps a share r of its noise variance, unstabilize(z, residual=r)
has the mean of y: E[z(y)] lies -slope / (4 sqrt(u)) off, and the square adds slope r / 4, so slope (1 - r) / 4 is due.

Generalised Anscombe transform: Mäkitalo & Foi, doi 10.1109/TIP.2012.2202675, eq. 1; of their unbiased inverse this
keeps the part that does not vanish, the rest is below 0.3 % of the mean from 5 quanta on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["stabilize", "unstabilize"]

FAR = 1e30


def stabilize(
    frames: NDArray[Any], *, slope: float, read_variance: float, floor: float, level: float
) -> NDArray[np.float32]:
    """`frames` (any shape) float32 with noise of unit variance, 0 at `level`; all arguments in the frames' units."""
    frames = np.asarray(frames, np.float32)
    offset = _offset(slope, read_variance, floor)
    level = _kept(level, slope, offset, floor)
    at_level = np.float32(np.sqrt(slope * level + offset))
    if slope == 0:
        return (frames - np.float32(level)) / at_level
    kept = _clipped(frames, _edge(slope, offset, floor), slope)
    root = np.sqrt(np.maximum(np.float32(slope) * kept + np.float32(offset), np.float32(floor)))
    values: NDArray[np.float32] = 2 * (kept - np.float32(level)) / (root + at_level)
    values += (frames - kept) / np.float32(np.sqrt(floor))
    return values


def unstabilize(
    values: NDArray[Any],
    *,
    slope: float,
    read_variance: float,
    floor: float,
    level: float,
    residual: ArrayLike = 0.0,
) -> NDArray[np.float32]:
    """Intensities (float32) of stabilised `values` that keep a share `residual` in [0, 1] of their noise variance.

    0 is for values without noise (the unbiased inverse), 1 for untouched ones (the algebraic inverse). An array of
    shares is broadcast against the values.
    """
    values = np.asarray(values, np.float32)
    offset = _offset(slope, read_variance, floor)
    level = _kept(level, slope, offset, floor)
    at_level = np.float32(np.sqrt(slope * level + offset))
    if slope == 0:
        return values * at_level + np.float32(level)
    edge = float(np.clip(2 * (np.sqrt(floor) - at_level) / slope, -FAR, FAR))
    kept = _clipped(values, edge, slope)
    frames = np.float32(slope / 4) * kept
    frames += at_level
    frames *= kept
    frames += np.float32(level)
    frames += (values - kept) * np.float32(np.sqrt(floor))
    frames += np.float32(slope / 4) * (1 - np.asarray(residual, np.float32))
    return frames


def _offset(slope: float, read_variance: float, floor: float) -> float:
    """The line's height at intensity 0; a level line stays above the floor."""
    offset = read_variance + 3 / 8 * slope**2
    return max(offset, floor) if slope == 0 else offset


def _edge(slope: float, offset: float, floor: float) -> float:
    """The intensity at which the line meets its floor; as far as float32 reaches for slopes close to 0."""
    return float(np.clip((floor - offset) / slope, -FAR, FAR))


def _kept(level: float, slope: float, offset: float, floor: float) -> float:
    """`level`, moved to where the line is above its floor."""
    return level if slope * level + offset >= floor else _edge(slope, offset, floor)


def _clipped(values: NDArray[np.float32], edge: float, slope: float) -> NDArray[np.float32]:
    """`values` on the side of `edge` where the line is above its floor."""
    clip = np.maximum if slope > 0 else np.minimum
    clipped: NDArray[np.float32] = clip(values, np.float32(edge))
    return clipped
