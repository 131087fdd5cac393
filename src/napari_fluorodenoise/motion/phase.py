"""The one shift between two pictures by noise-weighted cross-power: for views that moved too far for a dense flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dense_flow", "phase_shift"]


def dense_flow(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> NDArray[np.float32]:
    """The displacement (Y, X, 2) float32, (row, column) in px, with which fixed(x) ≈ moving(x + displacement).

    It is the same at every pixel: `phase_shift`.
    """
    return np.broadcast_to(phase_shift(fixed, moving).astype(np.float32), (*fixed.shape, 2))


def phase_shift(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> NDArray[np.float64]:
    """The shift (2,) px with which fixed(x) ≈ moving(x + shift), up to half the pictures' size; 0 for blank ones.

    Both pictures (Y, X) are band-passed. Plain phase correlation gives all frequencies the same say, and most of them
    hold but noise. Here a frequency counts by its cross-power over the pictures' power around it, which is small where
    noise makes up the power: C. Knapp & G. Carter, IEEE Trans. ASSP 24, 1976, doi 10.1109/TASSP.1976.1162830, eq. 6 and
    the weights of table I ("SCOT").
    """
    import cv2
    from scipy.fft import irfft2, rfft2

    shape = fixed.shape
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in shape)).astype(np.float32)
    spectra = [rfft2(picture * window) for picture in (fixed, moving)]
    powers = [cv2.blur((np.abs(spectrum) ** 2).astype(np.float32), (7, 7)) for spectrum in spectra]
    scale = np.sqrt(powers[0] * powers[1])
    if not scale.any():
        return np.zeros(2)
    # Where the band-pass left next to nothing there is nothing to weigh.
    cross = np.conj(spectra[0]) * spectra[1] / (scale + 0.01 * scale.max())
    surface = irfft2(cross, s=shape)
    peak = np.unravel_index(int(surface.argmax()), shape)
    return np.array(
        [
            _centred(at + _vertex(line, int(at)), n)
            for at, n, line in zip(peak, shape, _lines(surface, peak), strict=True)
        ]
    )


def _lines(surface: NDArray[np.float64], peak: tuple[np.intp, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The column and the row of `surface` through its peak."""
    return surface[:, peak[1]], surface[peak[0]]


def _vertex(line: NDArray[np.float64], at: int) -> float:
    """How far after `at` the parabola through the cyclic `line` at and around `at` has its vertex."""
    before, here, after = (float(line[(at + step) % len(line)]) for step in (-1, 0, 1))
    curvature = before - 2 * here + after
    return 0.5 * (before - after) / curvature if curvature < 0 else 0.0


def _centred(shift: float, length: int) -> float:
    """The cyclic `shift` between -length / 2 and length / 2."""
    return (shift + length / 2) % length - length / 2
