"""How much a picture holds, and how clearly a region stands out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cnr", "entropy", "reblur", "snr"]


def entropy(image: NDArray[Any], *, bins: int = 256, limits: tuple[float, float] | None = None) -> float:
    """The Shannon entropy in bits of the histogram of `image`, of any shape: 0 for one grey level, log2(bins) at most.

    The `bins` levels go from the first to the second of `limits` (default: the image's range); what lies outside counts
    as the level at that end. Noise raises it as detail does, and blur lowers it: compare at the same noise.
    """
    from skimage.measure import shannon_entropy

    if not np.isfinite(image).all():
        raise ValueError("expected finite pixels to count grey levels of, found NaN or infinity; replace them first")
    low, high = limits or (float(np.min(image)), float(np.max(image)))
    levels = (np.asarray(image, np.float64) - low) * (bins / ((high - low) or 1.0))
    return float(shannon_entropy(np.clip(levels, 0, bins - 1).astype(np.int64)))


def reblur(frame: NDArray[Any]) -> float:
    """How blurred `frame` (Y, X) is, from 0 (sharp) to 1: how little of its gradient another blur takes away.

    The larger of both directions, for a mean over 11 pixels (Crete et al. 2007, doi 10.1117/12.702790). Noise is as
    sharp as can be and lowers it, so that a denoised frame reads as more blurred than its noisy input even where every
    edge is kept: compare at the same noise. NaN where nothing varies.
    """
    from skimage.measure import blur_effect

    values = np.asarray(frame, np.float64)
    span = float(np.ptp(values))
    # scaled, since the measure has a floor in absolute values
    return float(blur_effect((values - values.min()) / span, h_size=11)) if span > 0 else float("nan")


def snr(values: NDArray[Any]) -> float:
    """The mean of `values`, of any shape, over their standard deviation; without its sign, so that logarithms have one.

    What varies in a region beside noise counts as noise, and an offset of the detector as signal: compare the same
    region of one sequence. NaN where nothing varies, or where there are fewer than two values.
    """
    values = np.asarray(values, np.float64)
    deviation = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return abs(float(values.mean())) / deviation if deviation > 0 else float("nan")


def cnr(region: NDArray[Any], *, background: NDArray[Any]) -> float:
    """How far the means of `region` and `background`, of any shape, lie apart, in standard deviations.

    |mean_1 - mean_2| / sqrt((variance_1 + variance_2) / 2), the detectability of a signal whose noise may differ from
    that around it (Barrett and Myers, Foundations of Image Science, 2004, section 13.2). NaN as for `snr`.
    """
    one, other = np.asarray(region, np.float64), np.asarray(background, np.float64)
    if min(one.size, other.size) < 2:
        return float("nan")
    variance = (one.var(ddof=1) + other.var(ddof=1)) / 2
    return abs(float(one.mean() - other.mean())) / float(np.sqrt(variance)) if variance > 0 else float("nan")
