"""How good a sequence is, with its truth and without it; and what a denoiser does to signals that are put in."""

from napari_fluorodenoise.quality.challenge import blind_score, standard_score
from napari_fluorodenoise.quality.comparison import compare, markdown, temporal_mean
from napari_fluorodenoise.quality.events import event_response
from napari_fluorodenoise.quality.halves import halves_consistency, thinned
from napari_fluorodenoise.quality.method_noise import (
    gradient_correlation,
    measured_power_spectrum,
    peak_frequency,
    residual_autocorrelation,
    variance_ratio,
    whitened_residual,
)
from napari_fluorodenoise.quality.observer import detectability, hotelling, laguerre_gauss
from napari_fluorodenoise.quality.regions import cnr, entropy, reblur, snr
from napari_fluorodenoise.quality.similarity import gradient_rmse, psnr, scores, ssim, temporal_psnr
from napari_fluorodenoise.quality.transfer import task_transfer
from napari_fluorodenoise.quality.wires import insertion_slope, wire_profile

__all__ = [
    "blind_score",
    "cnr",
    "compare",
    "detectability",
    "entropy",
    "event_response",
    "gradient_correlation",
    "gradient_rmse",
    "halves_consistency",
    "hotelling",
    "insertion_slope",
    "laguerre_gauss",
    "markdown",
    "measured_power_spectrum",
    "peak_frequency",
    "psnr",
    "reblur",
    "residual_autocorrelation",
    "scores",
    "snr",
    "ssim",
    "standard_score",
    "task_transfer",
    "temporal_mean",
    "temporal_psnr",
    "thinned",
    "variance_ratio",
    "whitened_residual",
    "wire_profile",
]
