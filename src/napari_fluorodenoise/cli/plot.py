"""A measured detector as a picture: photon-transfer line, noise power spectrum, autocorrelation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.detector import Detector

__all__ = ["draw"]

BINS = 32
"""Frequencies at which the spectrum is drawn."""


def draw(detector: Detector, path: Path, *, title: str) -> None:
    """Write the plot to `path` as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, 3)
    _transfer(axes[0], detector)
    _spectrum(axes[1], detector)
    _correlation(figure, axes[2], detector)
    figure.savefig(path, format="png", dpi=100)


def _transfer(axes: Any, detector: Detector) -> None:
    """Variance against intensity, in the frames' units: the points, and the line through them."""
    bins = detector.bins
    axes.set(title="photon transfer", xlabel="mean intensity", ylabel="noise variance")
    low, high = (bins.mean.min(), bins.mean.max()) if len(bins.mean) else (0.5 * detector.level, 1.5 * detector.level)
    means = np.linspace(min(low, 0), high, 200) if low > 0 else np.linspace(low, high, 200)
    axes.plot(means, detector.variance(means), label=f"{detector.slope:.4g} x intensity {detector.read_variance:+.4g}")
    if len(bins.mean):
        axes.errorbar(bins.mean, bins.variance, yerr=bins.error, fmt="o", markersize=4, label="still parts")
    axes.axvline(detector.level, color="0.7", linestyle=":", label="median intensity")
    axes.set_ylim(bottom=0)
    axes.legend()


def _spectrum(axes: Any, detector: Detector) -> None:
    """The noise power spectrum at the median intensity against frequency, mean over all directions."""
    from napari_fluorodenoise.physics.response import noise_power_spectrum

    size = detector.pixel_size or (1.0, 1.0)
    variance = float(detector.variance(detector.level))
    spectrum = noise_power_spectrum(detector.autocorrelation, variance=variance, pixel_size=size)
    white = variance * size[0] * size[1]
    unit, area = ("1/mm", "mm²") if detector.pixel_size else ("1/pixel", "pixel")
    axes.plot(*_radial(spectrum, size), label="measured")
    axes.axhline(white, color="0.7", linestyle=":", label="white noise of the same variance")
    axes.set(title="noise power spectrum", xlabel=f"spatial frequency, {unit}", ylabel=f"intensity² {area}")
    axes.set_ylim(bottom=0)
    axes.legend()


def _radial(spectrum: NDArray[np.float64], size: tuple[float, float]) -> tuple[Any, Any]:
    """Frequencies, and the mean of `spectrum` at each, up to the lower Nyquist frequency."""
    rows, columns = (np.fft.fftshift(np.fft.fftfreq(n, d)) for n, d in zip(spectrum.shape, size, strict=True))
    frequency = np.hypot(rows[:, None], columns[None, :])
    edges = np.linspace(0, min(0.5 / size[0], 0.5 / size[1]), BINS + 1)
    where = np.digitize(frequency.ravel(), edges) - 1
    counts, sums = (np.bincount(where, weights, BINS + 1)[:BINS] for weights in (None, spectrum.ravel()))
    seen = counts > 0
    return ((edges[:-1] + edges[1:]) / 2)[seen], sums[seen] / counts[seen]


def _correlation(figure: Any, axes: Any, detector: Detector) -> None:
    """The noise's correlation with its neighbours; its own, 1, is left out of the scale."""
    radius = len(detector.autocorrelation) // 2
    others = detector.autocorrelation.copy()
    others[radius, radius] = np.nan
    limit = max(float(np.nanmax(np.abs(others))), 0.01)
    extent = (-radius - 0.5, radius + 0.5, radius + 0.5, -radius - 0.5)
    picture = axes.imshow(others, cmap="RdBu_r", vmin=-limit, vmax=limit, extent=extent)
    axes.set(title=f"autocorrelation, neighbours sum to {np.nansum(others):+.0%}", xlabel="pixels", ylabel="pixels")
    figure.colorbar(picture, ax=axes)
