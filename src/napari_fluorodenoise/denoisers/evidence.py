"""What a sequence tells about one of its frames: the channels that a network refines a denoised frame by.

The frame y, its neighbours and their denoised versions p, the pilots, are in units of the noise. A neighbour k counts
at a pixel by how alike the pilots are there,

    w(k) = 1 / (1 + (d² / (TOLERANCE (v(k) + v)))²),    d = a smoothed pilot(k) moved - pilot,

where v are the pilots' error variances: denoised frames tell a moved wire from noise where noisy ones cannot.
Neighbours are moved in two ways, by the offsets of the whole view (what stands still behind a panning detector lines
up over many frames) and along a dense flow from pilot to pilot (what moves, over a few frames). Each mean of noisy
frames leaves out the frame itself, so that the noise of the two is independent. Channels are differences from the
pilot, and how sure they are:

    y - p
    mean(y moved) - p, 1 / sqrt(count)      near in time, offsets
    mean(y moved) - p, 1 / sqrt(count)      far, offsets
    mean(p moved) - p                       offsets
    mean(y moved) - p, 1 / sqrt(count)      next, flow
    mean(y moved) - p, 1 / sqrt(count)      further, flow
    mean(p moved) - p                       flow
    p - a smoothed p
    sqrt(v)
    the noise's correlation at distances (0, 1), (1, 1) and (0, 2), constant

Laws: channels do not change where all values and pilots are raised by a constant; of a pilot that is exact and noise
that is none, all differences vanish where nothing moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_fluorodenoise.denoisers.nested import smoothed
from napari_fluorodenoise.engine.progress import checkpoint
from napari_fluorodenoise.motion.dis import dense_flow
from napari_fluorodenoise.motion.warp import leads_inside, shifted, warped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frame = NDArray[np.float32]

__all__ = ["CHANNELS", "RADIUS", "Piloted"]

CHANNELS = 16
NEAR, RADIUS = 4, 16
"""Frames on either side that are moved by offsets: near ones, and all."""
NEXT, FURTHER = 1, 3
"""Frames on either side that are moved along a flow."""
TOLERANCE = 3.0
"""Squared difference of two pilots, in error variances, at which a neighbour counts half."""
OWN = 0.3
"""Weight of the pilot in a mean of noisy frames: a mean of none is the pilot."""


class Moved(NamedTuple):
    """A neighbour moved onto a frame, (Y, X) each: its noisy `values`, its `pilot`, and how much it counts."""

    values: NDArray[np.float32]
    pilot: NDArray[np.float32]
    likeness: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Piloted:
    """Consecutive frames, (T, Y, X) float32 with noise of unit variance, and what is known of them.

    `pilots` (T, Y, X) are the frames denoised, `left` (T, Y, X) the variance of their error, in the same units.
    `offsets` (T, 2) px say where the frames' pixel (0, 0) lies in their view, of which `segments` (T,) are the numbers.
    """

    values: NDArray[np.float32]
    pilots: NDArray[np.float32]
    left: NDArray[np.float32]
    offsets: NDArray[np.float64]
    segments: NDArray[np.float64]
    autocorrelation: NDArray[np.float64]

    @cached_property
    def errors(self) -> NDArray[np.float32]:
        """`left` around each pixel."""
        return np.stack([smoothed(variance, 4.0) for variance in self.left])

    def evidence(self, t: int) -> NDArray[np.float32]:
        """The channels (CHANNELS, Y, X) of frame `t`; frames up to `RADIUS` from it count."""
        pilot = self.pilots[t]
        steady = _means(pilot, self._still(t, range(1, NEAR + 1)), self._still(t, range(NEAR + 1, RADIUS + 1)))
        moving = _means(pilot, self._flowing(t, range(1, NEXT + 1)), self._flowing(t, range(NEXT + 1, FURTHER + 1)))
        own = (self.values[t] - pilot, *steady, *moving, pilot - smoothed(pilot, 2.0), np.sqrt(self.left[t]))
        return np.stack([*own, *(np.full_like(pilot, share) for share in _correlation(self.autocorrelation))])

    def _still(self, t: int, steps: Iterable[int]) -> Iterator[Moved]:
        for k in self._present(t, steps):
            by = self.offsets[t] - self.offsets[k]
            moved = shifted(self.pilots[k], by)
            yield Moved(shifted(self.values[k], by), moved, self._alike(t, k, moved) * _inside(moved, by))

    def _flowing(self, t: int, steps: Iterable[int]) -> Iterator[Moved]:
        for k in self._present(t, steps):
            checkpoint()
            flow = dense_flow(self.pilots[t], self.pilots[k])
            moved = warped(self.pilots[k], flow)
            yield Moved(warped(self.values[k], flow), moved, self._alike(t, k, moved) * leads_inside(flow))

    def _alike(self, t: int, k: int, moved: Frame) -> Frame:
        return _likeness(moved - self.pilots[t], self.errors[t] + self.errors[k])

    def _present(self, t: int, steps: Iterable[int]) -> Iterator[int]:
        """The frames so many steps from `t`, on either side, that show the same view."""
        near = (t + side * step for step in steps for side in (-1, 1))
        return (k for k in near if 0 <= k < len(self.segments) and self.segments[k] == self.segments[t])


def _means(pilot: Frame, *groups: Iterable[Moved]) -> list[Frame]:
    """For each group of neighbours their mean less the `pilot`, and how sure it is; last, all moved pilots' mean."""
    found, together, weight = [], np.zeros_like(pilot), np.ones_like(pilot)
    for group in groups:
        total, count = np.zeros_like(pilot), np.full_like(pilot, OWN)
        for moved in group:
            total += moved.likeness * (moved.values - pilot)
            together += moved.likeness * (moved.pilot - pilot)
            count += moved.likeness
        weight += count - OWN
        found += [total / count, 1 / np.sqrt(count)]
    return [*found, together / weight]


def _likeness(difference: Frame, variance: Frame) -> Frame:
    """How much (Y, X) a neighbour counts whose pilot differs so much; told at half the resolution."""
    import cv2

    rows, columns = difference.shape
    half = ((columns + 1) // 2, (rows + 1) // 2)
    coarse = smoothed(cv2.resize(difference, half, interpolation=cv2.INTER_AREA), 0.7)
    doubt = coarse * coarse / (TOLERANCE * cv2.resize(variance, half, interpolation=cv2.INTER_AREA))
    likeness: Frame = cv2.resize(1 / (1 + doubt * doubt), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return likeness


def _inside(picture: Frame, by: NDArray[np.float64]) -> Frame | np.float32:
    """1 where (Y, X) x + `by` lies in the picture, else 0."""
    if not by.any():
        return np.float32(1)
    rows, columns = (np.arange(n) + step for n, step in zip(picture.shape, by, strict=True))
    inside = [(at >= 0) & (at <= n - 1) for at, n in zip((rows, columns), picture.shape, strict=True)]
    return np.asarray(inside[0][:, None] & inside[1], np.float32)


def _correlation(autocorrelation: NDArray[np.float64]) -> tuple[float, float, float]:
    """The correlation at distances (0, 1), (1, 1) and (0, 2), each the mean over its directions."""
    middle = autocorrelation.shape[0] // 2
    padded = np.pad(autocorrelation, max(2 - middle, 0))
    middle = max(middle, 2)

    def at(y: int, x: int) -> float:
        return float(np.mean([padded[middle + y, middle + x], padded[middle + x, middle - y]]))

    return at(0, 1), (at(1, 1) + at(1, -1)) / 2, at(0, 2)
