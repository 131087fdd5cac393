"""What a denoiser shows of one half of the quanta and not of the other: structure that the noise made.

Poisson counts split at random, each quantum to either side, are two independent Poisson sequences of half the dose with
the same truth. What is real shows in both. Law: without denoising, the difference in units of what is expected is
normal with variance 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.engine.finite import refuse_infinite
from napari_fluorodenoise.quality.scenes import Denoiser, applied
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Halves", "halves_consistency", "thinned"]

SMOOTH = 5
"""Pixels: side of the mean that tells the local intensity, from which the expected noise follows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Halves:
    """How the denoised halves differ: `difference` (T, Y, X) float32, in standard deviations.

    `suspicious` (T, Y, X) bool is where that exceeds `threshold`, beyond which `expected` of all pixels would lie by
    chance were the difference normal; `share` of all pixels do. `residual_noise` is the noise left in a denoised half
    over that of a raw half.
    """

    difference: NDArray[np.float32]
    suspicious: NDArray[np.bool_]
    threshold: float
    expected: float
    share: float
    residual_noise: float


def halves_consistency(
    denoise: Denoiser,
    counts: Video,
    *,
    rng: np.random.Generator,
    gain: float = 1.0,
    offset: float = 0.0,
    false_alarms: float = 1.0,
) -> Halves:
    """Where `denoise` shows something in one half of the quanta of `counts` (T, Y, X) and not in the other.

    The expected deviation of a pixel is that of photon noise, sqrt(local mean), times one factor for each frame, from
    the mean of its absolute differences: what a denoiser leaves evenly is expected, what stands out is not.
    `false_alarms` pixels per frame would exceed the threshold in normal noise. Edges at which a denoiser leaves more
    noise stand out too, and what it invents in both halves alike does not.

    Assumes Poisson counts: (counts - offset) / gain is rounded to whole quanta, with `gain` in counts per quantum. Blur
    in the detector and electronic noise are no quanta: they go to both halves alike, and what they make up is missed.
    The whole sequence is held in memory, some ten times as float32: crop a long one. Raises ValueError for gain <= 0.
    """
    from scipy.stats import norm

    halves = thinned(counts, rng=rng, gain=gain, offset=offset)
    one, other = (applied(denoise, half) - np.float32(offset) for half in halves)
    difference = _in_photon_noise(one, other, gain=gain)
    # of each frame, since the first and last of a sequence have fewer neighbours; where halves are equal, one of zeros
    noise = np.abs(difference).mean(axis=(1, 2), keepdims=True) * np.float32(np.sqrt(np.pi / 2))
    difference /= np.maximum(noise, np.finfo(np.float32).eps)
    expected = min(false_alarms / difference[0].size, 1.0)
    threshold = float(norm.isf(expected / 2))
    suspicious = np.abs(difference) > threshold
    return Halves(
        difference=difference,
        suspicious=suspicious,
        threshold=threshold,
        expected=expected,
        share=float(suspicious.mean()),
        residual_noise=float(noise.mean()),
    )


def _in_photon_noise(one: NDArray[np.float32], other: NDArray[np.float32], *, gain: float) -> NDArray[np.float32]:
    """The difference of two halves (T, Y, X), without offset, over what the photon noise of raw ones would give."""
    from scipy.ndimage import uniform_filter

    local = uniform_filter((one + other) / 2, (0, SMOOTH, SMOOTH), mode="nearest")
    # below one quantum the photon noise of a local mean says little
    return np.asarray((one - other) / np.sqrt(2 * gain * np.maximum(local, gain)), np.float32)


def thinned(counts: Video, *, rng: np.random.Generator, gain: float = 1.0, offset: float = 0.0) -> tuple[Video, Video]:
    """Two sequences of half the quanta each, float32, in the units of `counts` and with the same `offset`.

    Every quantum goes to either with probability 1/2, so that their quanta add up to those of `counts`. Raises
    ValueError for gain <= 0, and for NaN or infinity.
    """
    if not gain > 0:
        raise ValueError(f"expected a gain above 0 counts per quantum, found {gain:g}")
    values = counts.numpy()
    refuse_infinite(values, name="counts", first=0)
    quanta = np.rint((values.astype(np.float64) - offset) / gain).clip(0).astype(np.int64)
    first = rng.binomial(quanta, 0.5)
    source = counts.of_other_values()
    one, other = (source.with_data((half * gain + offset).astype(np.float32)) for half in (first, quanta - first))
    return one, other
