"""How noise is spread over neighbours: its autocorrelation, its spectrum, and the detector's point response.

Still blocks of temporal differences, at unit variance and without their plane, give mean lag products. Removing a
plane mixes the lags in a known linear way, which is undone exactly; nothing is assumed about the correlation but that
it ends within RADIUS pixels. What is left of motion reaches further, so the outermost lags measure it and it goes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.physics.differences import BLOCK, FEW
from napari_fluorodenoise.physics.noise import planes, still
from napari_fluorodenoise.primitives.spectra import root, transfer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.differences import Blocks
    from napari_fluorodenoise.physics.noise import Line

    Map = NDArray[np.float64]

__all__ = [
    "FEWEST",
    "HIDDEN",
    "RADIUS",
    "autocorrelation",
    "chosen_still",
    "delta",
    "fwhm",
    "intensity",
    "kept_by_detrending",
    "lag_mixing",
    "noise_power_spectrum",
    "read_share",
    "response",
    "undetrended",
]

RADIUS = 6
STILLEST = 0.4
"""Share of the still blocks that is looked at, the stillest: motion correlates where it hardly adds to a variance."""
ENOUGH = 400
"""Still blocks up to which all are welcome."""
FEWEST = 24
"""Blocks below which no correlation is told."""
HIDDEN = 0.1
"""Share of the noise variance below which a block tells nothing: rounding has swallowed its noise."""


def delta() -> Map:
    """The autocorrelation of white noise."""
    white = np.zeros((2 * RADIUS + 1, 2 * RADIUS + 1))
    white[RADIUS, RADIUS] = 1
    return white


def autocorrelation(blocks: Blocks, line: Line, *, certain: float = 6.0) -> tuple[Map, float]:
    """That of the noise at unit variance, (2r+1, 2r+1), 1 at its centre, taken to be even along either axis.

    It is `delta` where no lag stands out by as many errors as are `certain`, and for too few blocks. The second
    value is the share of the variance that is found at the outermost lags: what is left of motion, and taken off.
    """
    chosen, scale = chosen_still(blocks, line)
    if len(chosen) < FEWEST:
        return delta(), 0.0
    products = _lag_products(blocks.difference, chosen=chosen, scale=scale)
    measured = np.linalg.solve(lag_mixing(BLOCK, RADIUS), products.ravel()).reshape(products.shape)
    measured = (measured + measured[::-1] + measured[:, ::-1] + measured[::-1, ::-1]) / 4
    edge = np.ones_like(measured, bool)
    edge[2:-2, 2:-2] = False
    reach = float(measured[edge].mean() / measured[RADIUS, RADIUS])
    measured -= measured[edge].mean()
    measured /= measured[RADIUS, RADIUS]
    error = 1 / (BLOCK * np.sqrt(len(chosen)))
    return (delta() if np.abs(measured - delta()).max() < certain * error else measured), reach


def undetrended(line: Line, correlation: Map, *, intensity: float) -> Line:
    """The line of whole blocks, from that of blocks without their plane, which took a share of the noise with it.

    White read noise loses less than the quantum noise of that autocorrelation, measured at the `intensity`, so slope
    and offset grow differently.
    """
    kept, white = kept_by_detrending(correlation), kept_by_detrending(delta())
    share = float(np.clip(read_share(line, intensity) * kept / white, 0, 1))  # of whole blocks
    if share > 0.9 or not len(line.bins.mean):
        return line.scaled(1 / kept)
    quanta = (kept - share * white) / (1 - share)
    whole = line.scaled(1 / quanta)
    slope, read = whole.errors
    offset = line.read_variance / white
    bins = replace(whole.bins, variance=whole.bins.variance + offset - whole.read_variance)
    return replace(whole, read_variance=offset, errors=(slope, read * quanta / white), bins=bins)


def read_share(line: Line, intensity: float) -> float:
    """The read noise's share of the variance at an `intensity`."""
    return float(line.read_variance / line.variance(np.array(intensity)))


def intensity(blocks: Blocks, line: Line) -> float:
    """The mean intensity of the still blocks: that at which correlations are measured."""
    chosen, _ = chosen_still(blocks, line)
    some = blocks.mean[chosen] if len(chosen) else blocks.mean
    return float(some.mean()) if len(some) else 0.0


def kept_by_detrending(correlation: Map) -> float:
    """The share of a block's noise variance that is left when its plane is removed."""
    size = 2 * BLOCK
    spectrum = transfer(correlation, (size, size))
    lost = 0.0
    for plane in planes(BLOCK):
        spread = np.fft.irfft2(np.fft.rfft2(plane, (size, size)) * spectrum, (size, size))
        lost += float((plane * spread[:BLOCK, :BLOCK]).sum())
    return 1 - lost / BLOCK**2


def response(correlation: Map, *, read_share: float) -> Map:
    """The point response (2r+1, 2r+1), sum 1: the spectral root of the quantum noise's autocorrelation.

    `read_share` is the read noise's share of the variance; it is white, so it lies at the centre, and it cannot exceed
    the spectrum's minimum. White noise shows no response: then it is a single pixel.
    """
    share = float(np.clip(min(read_share, transfer(correlation, (64, 64)).min()), 0, 1))
    if share > 0.95:
        return delta()
    return root(correlation - share * delta())


def noise_power_spectrum(
    correlation: Map, *, variance: float = 1.0, pixel_size: tuple[float, float] = (1.0, 1.0), size: int = 64
) -> Map:
    """The noise power spectrum (size, size), frequency 0 in the middle, in intensity² times the pixel's area.

    Of noise of the given `variance` and autocorrelation `correlation`; its mean over all frequencies is the variance
    times the area. With `pixel_size` in mm the frequencies run to 0.5 / pixel_size per mm.
    """
    lags = np.zeros((size, size))
    radius = len(correlation) // 2
    index = np.arange(-radius, radius + 1)
    lags[np.ix_(index, index)] = correlation
    return np.asarray(np.fft.fftshift(np.fft.fft2(lags).real) * variance * pixel_size[0] * pixel_size[1])


def chosen_still(blocks: Blocks, line: Line) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The still blocks, less outliers and hidden noise, and the standard deviation of their differences."""
    if len(blocks) < FEWEST:
        return np.zeros(0, np.intp), np.zeros(0, np.float32)
    variance = line.variance(blocks.mean)
    chosen = np.flatnonzero(still(blocks, variance))
    order = np.argsort((blocks.motion / variance)[chosen], kind="stable")
    chosen = chosen[order[: max(ENOUGH, int(STILLEST * len(order)))]]
    energy = blocks.energy[chosen] / variance[chosen]
    middle = np.median(energy)
    kept = (energy > HIDDEN) & (energy <= middle + 3 * 1.4826 * np.median(np.abs(energy - middle)))
    chosen = chosen[kept]
    return chosen, np.sqrt(2 * variance[chosen]).astype(np.float32)


def _lag_products(difference: NDArray[np.float32], *, chosen: NDArray[np.intp], scale: NDArray[np.float32]) -> Map:
    """Mean products (2r+1, 2r+1) of pixels some lag apart, over the `chosen` blocks (N, B, B) divided by `scale`."""
    from scipy.fft import irfft2, rfft2

    size, lags = 2 * BLOCK, np.arange(-RADIUS, RADIUS + 1)
    few = (slice(start, start + FEW) for start in range(0, len(chosen), FEW))
    values = (difference[chosen[part]] / scale[part, None, None] for part in few)
    power = sum((np.abs(rfft2(part, (size, size))) ** 2).sum(0, dtype=np.float64) for part in values) / len(chosen)
    pairs = BLOCK - np.abs(lags)
    return np.asarray(irfft2(power, (size, size))[np.ix_(lags, lags)] / np.outer(pairs, pairs))


@lru_cache(maxsize=2)
def lag_mixing(size: int, radius: int) -> Map:
    """The matrix (L, L) that turns true lag products into those of blocks without their plane; L = (2r+1)².

    With noise covariance sum_l a_l A_l (A_l pairs pixels a lag l apart) and projection P on the planes, lag k of the
    residual is tr(A_k' (I - P) A_l (I - P)) / n_k; all its terms are products of shifted planes.
    """
    lags = [(y, x) for y in range(-radius, radius + 1) for x in range(-radius, radius + 1)]
    basis = planes(size)
    moved = np.stack([[_moved(plane, lag) for plane in basis] for lag in lags])  # (L, 3, B, B)
    flat = moved.reshape(len(lags), -1)
    crossed = np.einsum("lqyx,pyx->lqp", moved, basis).reshape(len(lags), -1)
    pairs = np.array([(size - abs(y)) * (size - abs(x)) for y, x in lags], float)
    gram = flat @ flat.T
    mixed = np.diag(pairs) - gram - gram[::-1, ::-1] + crossed @ crossed.T
    return np.asarray(mixed / pairs[:, None])


def _moved(plane: Map, lag: tuple[int, int]) -> Map:
    """plane[x + lag], 0 where that lies outside."""
    (y, x), (rows, columns) = lag, plane.shape
    result = np.zeros_like(plane)
    to = slice(max(-y, 0), rows - max(y, 0)), slice(max(-x, 0), columns - max(x, 0))
    result[to] = plane[max(y, 0) : rows + min(y, 0), max(x, 0) : columns + min(x, 0)]
    return result


def fwhm(response: NDArray[np.float64]) -> float:
    """Full width at half maximum in pixels of `response` (k, k), the mean of both axes, linear between pixels."""
    middle = len(response) // 2
    return float(np.mean([_width(response[middle]), _width(response[:, middle])]))


def _width(profile: NDArray[np.float64]) -> float:
    return _half(profile[len(profile) // 2 :]) + _half(profile[len(profile) // 2 :: -1])


def _half(falling: NDArray[np.float64]) -> float:
    """Where a profile that starts at its peak has fallen to half; its length where it never does."""
    below = np.flatnonzero(falling < falling[0] / 2)
    if not len(below):
        return float(len(falling))
    i = int(below[0])
    return float(i - 1 + (falling[i - 1] - falling[0] / 2) / (falling[i - 1] - falling[i]))
