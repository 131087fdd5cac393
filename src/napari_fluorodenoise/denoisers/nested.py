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
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Part", "guide", "parts", "smoothed", "smoothed_noise"]

COARSE, FINE = 1.5, 0.8
"""Gaussians (sigma, px) under which two frames are compared: one for faint edges, one for wires."""
DOUBT = {COARSE: 2.5, FINE: 2.0}
"""Standard deviations of a comparison at which a neighbour counts half: seldom reached by noise alone."""


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
    noise: Mapping[float, float],
    radii: Sequence[int],
) -> list[Part]:
    """The parts of frame `t`, the longest mean first; `frames` (T, Y, X) float32 hold noise of unit variance.

    `guides` (T, Y, X) are smoothed frames (`guide`), which show the motion; `noise` is that of smoothed frames
    (`smoothed_noise`). `radii` are the means' reaches in frames, increasing; the sequence's ends clip them, and without
    radii the frame is its only part.
    Where a moved neighbour does not look like the frame it counts less, so a wire that jumps is not smeared, and what
    lies outside of a neighbour does not count.
    """
    one = np.ones_like(frames[t])
    total, weight, power = frames[t].copy(), one.copy(), one.copy()
    means = [(frames[t], one, one)]
    for inner, outer in pairwise((0, *radii)):
        for j in _ring(t, inner, outer, len(frames)):
            displacement = dense_flow(guides[t], guides[j])
            moved = warped(frames[j], displacement)
            likeness = _likeness(frames[t] - moved, noise) * leads_inside(displacement)
            total += likeness * moved
            weight += likeness
            power += likeness * likeness
        means.append((total / weight, weight.copy(), power.copy()))
    (longest, weight, power), shorter = means[-1], list(pairwise(means))
    return [Part(longest, power / weight**2), *(_difference(a, b) for a, b in reversed(shorter))]


def guide(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """A frame (Y, X) smoothed so far that its motion stands out of its noise."""
    return smoothed(frame, COARSE)


def smoothed_noise(autocorrelation: NDArray[np.float64]) -> dict[float, float]:
    """The noise's standard deviation after each smoothing, for noise of unit variance and this autocorrelation."""
    radius = autocorrelation.shape[0] // 2
    squared = np.arange(-radius, radius + 1) ** 2

    def left(sigma: float) -> float:
        twice = np.exp(-squared / (4 * sigma**2)) / np.sqrt(4 * np.pi * sigma**2)  # the Gaussian's own correlation
        return float(np.sqrt(max(twice @ autocorrelation @ twice, 1e-6)))

    return {sigma: left(sigma) for sigma in (COARSE, FINE)}


def smoothed(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """`picture` (Y, X) float32 after a Gaussian of `sigma` px, mirrored at its edges."""
    import cv2

    smooth: NDArray[np.float32] = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return smooth


def _ring(t: int, inner: int, outer: int, count: int) -> Iterator[int]:
    """The frames further than `inner` and not further than `outer` from `t`."""
    return (j for step in range(inner + 1, outer + 1) for j in (t - step, t + step) if 0 <= j < count)


def _likeness(difference: NDArray[np.float32], noise: Mapping[float, float]) -> NDArray[np.float32]:
    """1 where a difference of frames is no more than noise, falling to 0 with its fourth power, at the worse scale."""
    worst = np.zeros_like(difference)
    for sigma, deviation in noise.items():
        doubts = smoothed(difference, sigma) / np.float32(np.sqrt(2) * DOUBT[sigma] * deviation)
        np.maximum(worst, doubts * doubts, out=worst)
    return np.asarray(1 / (1 + worst * worst), np.float32)


def _difference(short: tuple[NDArray[np.float32], ...], long: tuple[NDArray[np.float32], ...]) -> Part:
    """The shorter of two nested weighted means minus the longer one."""
    (mean, weight, power), (longer, total, all_power) = short, long
    variance = power / weight**2 + all_power / total**2 - 2 * power / (weight * total)
    return Part(mean - longer, np.maximum(variance, 1e-4))
