"""A frame as the sum of a long temporal mean and of what shorter means add to it, each with its own known noise.

With means m_0 (the frame alone), m_1, m_2 ... over more and more neighbours, each neighbour first moved onto the frame,

    frame = m_n + (m_{n-1} - m_n) + ... + (m_0 - m_1).

The long mean holds little noise; what it lost of motion is in the differences. Denoised one by one and added again,
the parts give back what moved where it shows above the noise. Law: the parts sum to the frame. For nested plain means
of independent noise the parts are uncorrelated, with variances 1/n and 1/n_{k-1} - 1/n_k.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.motion.dis import dense_flow
from napari_fluorodenoise.motion.warp import leads_inside, warped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["Part", "guide", "guide_noise", "parts"]

SMOOTHING = 1.5
"""Gaussian (sigma, px) under which two frames are compared: wide enough for a wire to stand out of the noise."""
DOUBT = 2.5
"""Standard deviations of that comparison at which a neighbour counts half: rarer than 1 in 80 by noise alone."""


@dataclass(frozen=True, eq=False)
class Part:
    """One summand of a frame, (Y, X) float32, with its noise `variance` (Y, X), in units of a frame's."""

    picture: NDArray[np.float32]
    variance: NDArray[np.float32]


def parts(
    frames: NDArray[np.float32],
    t: int,
    *,
    guides: NDArray[np.float32],
    guide_noise: float,
    radii: Sequence[int],
) -> list[Part]:
    """The parts of frame `t`, the longest mean first; `frames` (T, Y, X) float32 hold noise of unit variance.

    `guides` (T, Y, X) are the smoothed frames (`guide`), whose noise deviates by `guide_noise`. `radii` are the means'
    reaches in frames, increasing; the sequence's ends clip them, and without radii the frame is its only part.
    Where a moved neighbour does not look like the frame it counts less, so a wire that jumps is not smeared, and what
    lies outside of a neighbour does not count.
    """
    one = np.ones_like(frames[t])
    total, weight, power = frames[t].copy(), one.copy(), one.copy()
    means = [(frames[t], one, one)]
    for inner, outer in pairwise((0, *radii)):
        for j in _ring(t, inner, outer, len(frames)):
            displacement = dense_flow(guides[t], guides[j])
            likeness = _likeness(guides[t], warped(guides[j], displacement), guide_noise) * leads_inside(displacement)
            total += likeness * warped(frames[j], displacement)
            weight += likeness
            power += likeness * likeness
        means.append((total / weight, weight.copy(), power.copy()))
    (longest, weight, power), shorter = means[-1], list(pairwise(means))
    return [Part(longest, power / weight**2), *(_difference(a, b) for a, b in reversed(shorter))]


def guide(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """A frame (Y, X) smoothed so far that motion and wires stand out of its noise."""
    import cv2

    smooth: NDArray[np.float32] = cv2.GaussianBlur(frame, (0, 0), SMOOTHING, borderType=cv2.BORDER_REFLECT_101)
    return smooth


def guide_noise(autocorrelation: NDArray[np.float64]) -> float:
    """The standard deviation of a guide's noise, for frames with noise of unit variance and this autocorrelation."""
    radius = autocorrelation.shape[0] // 2
    squared = np.arange(-radius, radius + 1) ** 2
    twice = np.exp(-squared / (4 * SMOOTHING**2)) / np.sqrt(4 * np.pi * SMOOTHING**2)  # the Gaussian's own correlation
    return float(np.sqrt(max(twice @ autocorrelation @ twice, 1e-6)))


def _ring(t: int, inner: int, outer: int, count: int) -> Iterator[int]:
    """The frames further than `inner` and not further than `outer` from `t`."""
    return (j for step in range(inner + 1, outer + 1) for j in (t - step, t + step) if 0 <= j < count)


def _likeness(fixed: NDArray[np.float32], moved: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """1 where two guides differ by no more than noise, falling to 0 with the fourth power of their difference."""
    squared = (fixed - moved) ** 2
    squared *= 1 / (2 * (noise * DOUBT) ** 2)
    return np.asarray(1 / (1 + squared * squared), np.float32)


def _difference(short: tuple[NDArray[np.float32], ...], long: tuple[NDArray[np.float32], ...]) -> Part:
    """The shorter of two nested weighted means minus the longer one."""
    (mean, weight, power), (longer, total, all_power) = short, long
    variance = power / weight**2 + all_power / total**2 - 2 * power / (weight * total)
    return Part(mean - longer, np.maximum(variance, 1e-4))
