"""What a denoiser took away, looked at as noise: white, on the photon-transfer line, and the same at edges, or not.

The difference between a sequence and its result is the method noise (A. Buades, B. Coll & J.-M. Morel, SIAM Multiscale
Model. Simul. 4 (2005), doi 10.1137/040616024, def. 5). Divided by the noise's standard deviation and whitened by the
measured response, that of a denoiser that returns the mean is white and of unit variance. What the result keeps of a
frame's own noise is missing in it, so a ratio below 1 means that noise was left. All of this holds whole sequences in
memory; the trust report, which asks the same tile by tile, does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.engine.finite import refuse_infinite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.detector import Detector

    Frames = NDArray[np.floating | np.integer]

__all__ = [
    "gradient_correlation",
    "measured_power_spectrum",
    "peak_frequency",
    "residual_autocorrelation",
    "variance_ratio",
    "whitened_residual",
]

FLOOR = 0.05
"""The least of the response's transfer function that is undone: below it rounding would be made larger than noise."""
PAD = 24
"""Mirrored pixels around a frame, so that one edge does not reach the other."""


def whitened_residual(frames: Frames, *, denoised: Frames, detector: Detector) -> NDArray[np.float32]:
    """`frames` less `denoised` (T, Y, X both, in one unit) in noise deviations, whitened by the response of `detector`.

    Raises ValueError for other shapes, for NaN or infinity, and where there is no noise by which to divide.
    """
    from napari_fluorodenoise.primitives.spectra import filtered, transfer

    values = _scaled(frames, denoised, detector)
    shape = values.shape[1] + 2 * PAD, values.shape[2] + 2 * PAD
    blur = transfer(detector.whitening, shape)
    amplitude = blur / np.sqrt(np.mean(blur**2))  # of noise of unit variance, at each frequency
    factor = 1 / np.maximum(amplitude, FLOOR)
    return filtered(values, factor.astype(np.float32), pad=PAD)


def residual_autocorrelation(residual: Frames, *, radius: int = 6) -> NDArray[np.float64]:
    """The autocorrelation (2 radius + 1, 2 radius + 1) of `residual` (T, Y, X), 1 in its middle, mean of all frames.

    Unbiased: each shift is divided by the pixels that overlap. For white noise of n pixels in all, values off the
    middle have a standard error of 1 / sqrt(n). Raises ValueError where a frame is not larger than the radius, for NaN
    or infinity, and for a residual that does not vary: where nothing was taken away, nothing can be told of it.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    values = _finite(residual)
    rows, columns = values.shape[-2:]
    if min(rows, columns) <= radius:
        raise ValueError(f"expected frames larger than the radius {radius}, found {rows} x {columns}; take less")
    shape = next_fast_len(rows + radius), next_fast_len(columns + radius)
    values = values - values.mean()
    if not values.any():
        raise ValueError("expected a residual that varies, found none; the result is the sequence itself")
    power = sum(np.abs(rfft2(frame, shape)) ** 2 for frame in values)
    near = np.arange(-radius, radius + 1)
    sums = irfft2(power, shape)[np.ix_(near, near)]
    overlap = len(values) * np.outer(rows - np.abs(near), columns - np.abs(near))
    means = sums / overlap
    return np.asarray(means / means[radius, radius])


def measured_power_spectrum(
    noise: Frames, *, pixel_size: float = 1.0, side: int = 64
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The noise power spectrum of `noise` (T, Y, X): (frequency, power), from 0 to half a cycle per pixel, in 1/mm.

    The mean over half overlapping squares of `side` pixels, each without its mean, of |FFT|² pixel_size² / side² (IEC
    62220-1-1, 2015), and over all directions; power in units² mm². `noise` must hold nothing else: a residual, or the
    difference of two frames that show the same over sqrt(2). Squares without their mean have no power at 0, and too
    little in the first bin, and their edges leak into frequencies that have next to none. Raises ValueError where a
    frame holds no square.
    """
    values = _finite(noise)
    rows, columns = values.shape[1:]
    if min(rows, columns) < side:
        raise ValueError(f"expected frames of at least {side} x {side} pixels, found {rows} x {columns}; lower side")
    power, count = np.zeros((side, side)), 0
    for y in range(0, rows - side + 1, side // 2):
        for x in range(0, columns - side + 1, side // 2):
            squares = values[:, y : y + side, x : x + side]
            squares = squares - squares.mean((1, 2), keepdims=True)
            power += (np.abs(np.fft.fft2(squares)) ** 2).sum(0)
            count += len(squares)
    power *= pixel_size**2 / side**2 / count
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    bins = np.rint(frequency * side).astype(int)
    inside = (bins > 0) & (bins <= side // 2)
    number = np.bincount(bins[inside], minlength=side // 2 + 1)[1:]
    mean = [np.bincount(bins[inside], of[inside])[1:] / number for of in (frequency, power)]
    return mean[0] / pixel_size, mean[1]


def peak_frequency(frequency: NDArray[np.float64], power: NDArray[np.float64]) -> float:
    """Where the integrated `power`, frequency times power, is largest; in the unit of `frequency`.

    White noise has it at the highest frequency, blotches at a low one: the shift from before to after is what makes a
    denoised picture look like plastic.
    """
    weight = np.asarray(frequency) * np.asarray(power)
    return float(frequency[int(np.argmax(np.convolve(weight, np.ones(3) / 3, mode="same")[1:-1])) + 1])


def variance_ratio(
    frames: Frames, *, denoised: Frames, detector: Detector, bins: int = 16
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The residual's variance over that of the photon-transfer line, by intensity: (intensity, ratio, standard error).

    Each is (bins,), over quantiles of `denoised` (T, Y, X). Below 1, noise was left; above 1, more than noise was taken
    away, or the result has noise of other frames. The error takes the pixels' noise as Gaussian, and as correlated as
    the detector's. Raises ValueError as `whitened_residual`.
    """
    values = _scaled(frames, denoised, detector).ravel()
    level = np.asarray(denoised, np.float64).ravel()
    edges = np.quantile(level, np.linspace(0, 1, bins + 1))
    where = np.clip(np.searchsorted(edges, level, side="right") - 1, 0, bins - 1)
    count = np.maximum(np.bincount(where, minlength=bins), 1)
    ratio = np.bincount(where, values**2, bins) / count
    alike = float((detector.autocorrelation**2).sum())  # squares of correlated values are correlated, too
    return np.bincount(where, level, bins) / count, ratio, ratio * np.sqrt(2 * alike / count)


def gradient_correlation(residual: Frames, *, denoised: Frames) -> tuple[float, float]:
    """How the squared `residual` goes with the squared gradient of `denoised` (T, Y, X), and the standard error.

    Pearson's correlation: 0 where noise was taken away, above it where borders, wires or vessels went with it. The
    error is that of a white residual (`whitened_residual`); noise that is left in the result lowers the value, since
    it is missing in the residual. NaN where the result is constant, or nothing was taken away.
    """
    values, pictures = _finite(residual), _finite(denoised)
    if values.shape != pictures.shape:
        raise ValueError(f"expected sequences of one shape, found {values.shape} and {pictures.shape}; crop them alike")
    slopes = np.gradient(pictures, axis=(1, 2))
    steep = slopes[0] ** 2 + slopes[1] ** 2
    if not (steep.std() > 0 and (values**2).std() > 0):
        return float("nan"), float("nan")
    return float(np.corrcoef((values**2).ravel(), steep.ravel())[0, 1]), values.size**-0.5


def _finite(frames: Frames) -> NDArray[np.float64]:
    """`frames` (T, Y, X) as float64; raises ValueError for another shape, and for NaN or infinity."""
    values = np.asarray(frames, np.float64)
    if values.ndim != 3:
        raise ValueError(f"expected frames (T, Y, X), found shape {values.shape}")
    refuse_infinite(values, name="the frames", first=0)
    return values


def _scaled(frames: Frames, denoised: Frames, detector: Detector) -> NDArray[np.float32]:
    """The residual (T, Y, X) in noise deviations at the result's intensities."""
    noisy, clean = np.asarray(frames, np.float64), np.asarray(denoised, np.float64)
    if noisy.shape != clean.shape or noisy.ndim != 3:
        raise ValueError(f"expected two sequences of one shape (T, Y, X), found {noisy.shape} and {clean.shape}")
    for name, values in (("the sequence", noisy), ("the result", clean)):
        refuse_infinite(values, name=name, first=0)
    deviation = np.sqrt(detector.variance(clean))
    if not (deviation > 0).all():
        raise ValueError("expected noise to divide by, found a detector without any; measure it on the noisy sequence")
    return np.asarray((noisy - clean) / deviation, np.float32)
