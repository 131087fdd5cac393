"""The physical operator of the fluoroscopy benchmark: motion blur, lag and gain drift of a clean sequence.

    y = D L B x        B averages over the exposure, L lags, D drifts; all along time, the same for every pixel

So the whole operator is one matrix (T, T), its adjoint the transposed matrix, and both are exact. Each row of B and L
sums to 1: what stands still stays itself, but for the drift. The parameters carry the names and units of the
Physics World Model benchmark's fluoroscopy page; its ranges reach below 0 ms, which no exposure and no trap can be:
there the operator takes 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.physics.chain.drift import GainDrift
from napari_fluorodenoise.physics.chain.lag import Lag

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["FluoroscopyOperator"]


@dataclass(frozen=True, kw_only=True)
class FluoroscopyOperator:
    """A linear, noise-free operator on sequences (T, Y, X) of transmitted quanta, with three parameters."""

    motion_blur: float = 0.0
    """Standard deviation of the exposure's Gaussian weight in time, in ms; below 0 counts as 0."""
    lag: float = 0.0
    """Time constant tau of the lag y(t) = (1 - l) x(t) + l y(t-1), l = exp(-frame interval / tau), in ms; as above."""
    gain_drift: float = 0.0
    """Growth of the gain, in % of the first frame's per frame."""
    frame_interval: float = 1 / 15
    """Time from frame to frame, in s."""

    def __post_init__(self) -> None:
        if not self.frame_interval > 0:
            raise ValueError(f"expected a frame_interval above 0 s, found {self.frame_interval}")

    def forward(self, sequence: NDArray[Any]) -> NDArray[np.float32]:
        """What the detector makes (T, Y, X) of the clean `sequence` (T, Y, X)."""
        return _along_time(self.matrix(len(sequence)), sequence)

    def adjoint(self, sequence: NDArray[Any]) -> NDArray[np.float32]:
        """The transposed operator on a `sequence` (T, Y, X): the products of x with it and of `forward(x)` agree."""
        return _along_time(self.matrix(len(sequence)).T, sequence)

    def matrix(self, frames: int) -> NDArray[np.float64]:
        """The operator along time (T, T)."""
        blur = _motion_blur(frames, max(self.motion_blur, 0.0) / (1000 * self.frame_interval))
        drift, lag = GainDrift(percent=self.gain_drift), Lag(time_constants=(max(self.lag, 0.0),))
        lagging = np.empty_like(blur)
        held = lag.steady(blur[0])
        for t, row in enumerate(blur):
            lagging[t], held = lag.step(row, held=held, frame_interval=self.frame_interval)
        gains = np.array([drift.gain(t) for t in range(frames)])
        return np.asarray(gains[:, None] * lagging)


def _motion_blur(frames: int, sigma: float) -> NDArray[np.float64]:
    """A Gaussian of `sigma` frames along time (T, T), over frames between which the scene moves evenly.

    A Gaussian sampled at whole frames would do nothing below a third of a frame, where exposures are. With the scene
    interpolated linearly between frames a neighbour weighs sigma / sqrt(2 pi) there. The ends are held.
    """
    if sigma <= 0:
        return np.eye(frames)
    reach = int(np.ceil(5 * sigma)) + 1
    ramps = _ramp(np.arange(-reach - 1.0, reach + 2), sigma)
    weights = np.diff(ramps, 2)
    frame, matrix = np.arange(frames), np.zeros((frames, frames))
    for step, weight in zip(range(-reach, reach + 1), weights / weights.sum(), strict=True):
        matrix[frame, np.clip(frame + step, 0, frames - 1)] += weight
    return matrix


def _ramp(position: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """E[max(position - s, 0)] for a Gaussian s: its second difference weighs linearly interpolated samples."""
    from scipy.stats import norm

    return np.asarray(position * norm.cdf(position / sigma) + sigma * norm.pdf(position / sigma))


def _along_time(matrix: NDArray[np.float64], sequence: NDArray[Any]) -> NDArray[np.float32]:
    if sequence.ndim != 3:
        raise ValueError(f"expected a sequence (T, Y, X), found an array of shape {sequence.shape}")
    flat = np.asarray(sequence, np.float32).reshape(len(sequence), -1)
    return np.asarray(matrix.astype(np.float32) @ flat).reshape(sequence.shape)
