"""The noise of a tile in the cosine basis: what each coefficient's variance is at any intensity, and which are slow.

A tile of SIZE x SIZE pixels has SIZE² coefficients of the orthonormal DCT-II; order u is a wave of u / (2 SIZE) cycles
per pixel. Quanta are blurred by the detector's response and read noise is not, so that the noise of dark tiles is
whiter: with the photon-transfer line, a coefficient's variance is slope * mean * q(u, v) + read_variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.detector import Detector

__all__ = ["DETAIL", "FREQUENCY", "SIZE", "SLOW", "Noise", "mean_frequency", "profile"]

SIZE = 16
"""Pixels along a tile's side: several times the noise's correlation, and small beside anatomy."""
FREQUENCY = np.hypot(*np.indices((SIZE, SIZE))) / (2 * SIZE)
"""Cycles per pixel of each coefficient (SIZE, SIZE)."""
DETAIL = FREQUENCY >= 1 / SIZE
"""What is detail: waves that fit the tile at least once. A tile's mean and slope are brightness."""
SLOW = DETAIL & (FREQUENCY <= 1 / 8)
"""Detail of 8 pixels per wave and more: borders of vessels and bones, and blotches."""
BINS = 12
LEAST = 0.05
"""Share of the noise that must be the quanta's for their spectrum to be told from the read noise's."""


@dataclass(frozen=True, eq=False)
class Noise:
    """What a detector's noise is in the coefficients of tiles, at any intensity."""

    detector: Detector
    quanta: NDArray[np.float32]
    white: NDArray[np.float32]

    @classmethod
    def of(cls, detector: Detector) -> Noise:
        """The noise of `detector`, whose autocorrelation is split into that of quanta and white read noise."""
        from napari_fluorodenoise.primitives.dct import deviation

        told = detector.quantum_share > LEAST
        share = 1 - detector.quantum_share if told else 0.0
        radius = len(detector.autocorrelation) // 2
        delta = np.zeros_like(detector.autocorrelation)
        delta[radius, radius] = 1
        quanta = deviation((detector.autocorrelation - share * delta) / (1 - share), size=SIZE) ** 2
        return cls(detector, quanta, np.ones_like(quanta) if told else quanta)

    def variance(self, mean: NDArray[Any]) -> NDArray[np.float32]:
        """The variance (R, SIZE, C, SIZE) of every coefficient of tiles of that `mean` intensity (R, C), units²."""
        total = self.detector.variance(mean)
        read = np.clip(self.detector.read_variance / total, 0, 1)
        white, quanta = (read * total)[:, None, :, None], ((1 - read) * total)[:, None, :, None]
        return np.asarray(white * self.white + quanta * self.quanta, np.float32)

    def uncertainty(self, mean: NDArray[Any]) -> NDArray[np.float64]:
        """The standard error of the variance at each `mean` intensity, as a share of it.

        Slope and read variance are told by the same points, so that their errors partly cancel: this adds them as if
        they did not.
        """
        found = self.detector
        errors = np.hypot(found.slope_error * np.asarray(mean, np.float64), found.read_variance_error)
        return np.asarray(errors / found.variance(mean))


def profile(power: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies in cycles per pixel, and the mean of `power` (SIZE, SIZE) at each, to the Nyquist frequency."""
    edges = np.linspace(1 / SIZE, 0.5, BINS + 1)
    edges[0] -= 1e-9
    where = np.digitize(FREQUENCY, edges) - 1
    seen = [where == n for n in range(BINS)]
    return (edges[:-1] + edges[1:]) / 2, np.array([power[at].mean() for at in seen])


def mean_frequency(power: NDArray[np.float64]) -> float:
    """The mean frequency of `power` (SIZE, SIZE) in cycles per pixel, brightness left out; NaN where there is none."""
    kept = np.where(DETAIL, np.maximum(power, 0), 0)
    return float((FREQUENCY * kept).sum() / kept.sum()) if kept.any() else float("nan")
