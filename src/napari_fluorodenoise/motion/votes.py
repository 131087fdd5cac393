"""The shift between two pictures on which most of their parts agree, each with the certainty that its texture gives.

Least squares over a tile of pixels yields its shift d from A d = b, with the covariance variance A⁻¹ (2, 2). A tile's
vote counts C⁻¹, where C = variance A⁻¹ + tolerance² I: as noise leaves it certain, but never more than the tolerance
allows, so that one bright marker does not outvote the anatomy. Votes that lie further from the common shift
than their uncertainty explains are left out (Tukey's weights). In low noise this is the mode of the field of
displacements by kernel density, with the tolerance as the kernel's width; in high noise it is least squares over the
whole picture; and a beating heart that single noisy pixels cannot tell from noise, a tile can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["THIN", "Votes", "preferred", "votes"]

TILE = 16
"""Samples on a tile's side."""
THIN = 2
"""Every so many pixels are read: the band-pass leaves nothing finer, and it takes a third of the time."""
SAMPLES = 7.0
"""Samples that share their noise: 4 pi 1.5² px of the band-pass at 4 px a sample."""
CUT = 20.0
"""Squared distance, in its uncertainty, at which a vote counts no more: Tukey's 4.5."""
ROUNDS = 8
CONVERGED = 0.003
NEGLIGIBLE = 1e-9


@dataclass(frozen=True, eq=False)
class Votes:
    """What n tiles say of a shift in px: `normal` (n, 2, 2) times shift = `moment` (n, 2); `variance` of a residual."""

    normal: NDArray[np.float64]
    moment: NDArray[np.float64]
    variance: float

    def agreed(self, *, tolerance: float) -> NDArray[np.float64]:
        """The shift (2,) px that most tiles agree on, to within `tolerance` px and their noise; 0 if none can tell."""
        total = float(np.trace(self.normal.sum(axis=0)))
        if total <= 0:
            return np.zeros(2)
        unit = np.eye(2)
        normal = self.normal + NEGLIGIBLE * total * unit
        inverse = np.linalg.inv(self.variance * unit + tolerance**2 * normal)
        precision, pulled = inverse @ normal, (inverse @ self.moment[..., None])[..., 0]
        distance = np.linalg.inv(normal) @ inverse
        shift = np.zeros(2)
        for _ in range(ROUNDS):
            missed = self.moment - normal @ shift
            weights = np.maximum(1 - np.einsum("ni,nij,nj->n", missed, distance, missed) / CUT, 0) ** 2
            common = np.tensordot(weights, precision, 1)
            if np.linalg.eigvalsh(common)[0] <= NEGLIGIBLE * np.trace(precision.sum(axis=0)):
                return np.zeros(2)
            before, shift = shift, np.linalg.solve(common, weights @ pulled)
            if np.abs(shift - before).max() < CONVERGED:
                break
        return shift


def votes(frame: NDArray[np.float32], picture: NDArray[np.float32], *, weights: NDArray[np.float32]) -> Votes:
    """What each tile says of the shift s with which picture(x + s) is frame(x), to first order: within about 2 px.

    `frame`, `picture` and `weights` are (Y, X) float32; the weights say how much a pixel counts, 0 not at all.
    """
    inner, above, below = slice(1, -1, THIN), slice(None, -2, THIN), slice(2, None, THIN)
    weight = weights[inner, inner]
    missing = frame[inner, inner] - picture[inner, inner]
    slopes = (picture[below, inner] - picture[above, inner], picture[inner, below] - picture[inner, above])
    rows, columns = (weight * slope / 2 for slope in slopes)
    sums = [_tiles(rows * slopes[0] / 2), _tiles(rows * slopes[1] / 2), _tiles(columns * slopes[1] / 2)]
    normal = np.stack([sums[0], sums[1], sums[1], sums[2]], axis=-1).reshape(-1, 2, 2)
    moment = np.stack([_tiles(rows * missing), _tiles(columns * missing)], axis=-1)
    counted = np.abs(missing[::2, ::2][weight[::2, ::2] > 0])
    deviation = 1.4826 * float(np.median(counted)) if counted.size else 0.0
    return Votes(normal, moment, max(SAMPLES * deviation**2, NEGLIGIBLE))


def preferred(energy: NDArray[np.float32], other: NDArray[np.float32], *, noise: float) -> bool:
    """Whether squared residuals (y, x), summed over frames, are no larger than the `other` ones, tile by tile.

    They are of every `THIN`th pixel, 0 where nothing is known, and hold equally much noise of variance `noise`. No tile
    has more than `CUT` to say, in units of twice the log of a likelihood.
    """
    more = _tiles(energy - other) / max(SAMPLES * noise, NEGLIGIBLE)
    return bool(np.clip(more, -CUT, CUT).sum() <= 0)


def _tiles(values: NDArray[Any]) -> NDArray[np.float64]:
    """The sums (n,) over the tiles of `values` (Y, X); a tile at the end is smaller."""
    rows = np.add.reduceat(values, np.arange(0, values.shape[0], TILE), axis=0)
    return np.add.reduceat(rows, np.arange(0, values.shape[1], TILE), axis=1).astype(np.float64).ravel()
