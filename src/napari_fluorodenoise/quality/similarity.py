"""How near a sequence is to its truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["scores"]


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
