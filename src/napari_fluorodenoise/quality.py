"""How near a sequence is to its truth, and how much a picture holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["entropy", "scores"]


def scores(frames: NDArray[Any], *, truth: NDArray[np.float32], data_range: float | None = None) -> tuple[float, float]:
    """PSNR in dB and the frames' mean SSIM (Gaussian window, sigma 1.5) of `frames` (T, Y, X) against `truth`.

    Both are relative to `data_range`, in the frames' units: by default the range of the truth.
    """
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    span = float(np.ptp(truth)) if data_range is None else data_range
    frames = np.asarray(frames, np.float32)
    psnr = peak_signal_noise_ratio(truth, frames, data_range=span)
    similarities = [
        structural_similarity(a, b, data_range=span, gaussian_weights=True) for a, b in zip(truth, frames, strict=True)
    ]
    return float(psnr), float(np.mean(similarities))


def entropy(image: NDArray[Any], *, bins: int = 256, limits: tuple[float, float] | None = None) -> float:
    """The Shannon entropy in bits of the histogram of `image`, of any shape: 0 for one grey level, log2(bins) at most.

    The `bins` levels go from the first to the second of `limits` (default: the image's range); what lies outside counts
    as the level at that end. Noise raises it as detail does, and blur lowers it: compare at the same noise.
    """
    from skimage.measure import shannon_entropy

    low, high = limits or (float(np.min(image)), float(np.max(image)))
    levels = (np.asarray(image, np.float64) - low) * (bins / ((high - low) or 1.0))
    return float(shannon_entropy(np.clip(levels, 0, bins - 1).astype(np.int64)))
