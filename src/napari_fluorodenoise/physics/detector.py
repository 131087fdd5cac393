"""What is true of the detector and the exposure, measured once from the raw frames and carried by the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Detector"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Detector:
    """Noise and blur of one detector at one exposure, in the units of its frames.

    `slope` and `read_variance` are the photon-transfer line: variance = slope * mean + read_variance (the slope may be
    0 for plain Gaussian noise and negative for an inverted scale); `floor` is the smallest variance the line may give.
    `level` is the median intensity inside the field.
    `autocorrelation` (2r+1, 2r+1) is that of the noise at unit variance, 1 at its centre. `response` (k, k) is the
    point response function, sum 1. `field` (Y, X) is True inside the collimator. `temporal_correlation` is that of the
    noise between consecutive frames. `warnings` are sentences for a reader.
    """

    slope: float
    read_variance: float
    floor: float
    level: float
    autocorrelation: NDArray[np.float64]
    response: NDArray[np.float64]
    field: NDArray[np.bool_]
    temporal_correlation: float = 0.0
    warnings: tuple[str, ...] = ()

    def variance(self, mean: NDArray[Any]) -> NDArray[Any]:
        """The noise variance at each `mean` intensity: the photon-transfer line, not below its floor."""
        return np.maximum(self.slope * mean + self.read_variance, self.floor)
