"""The photon-transfer line: how the noise's variance grows with the mean intensity, from one moving sequence.

Block variances are binned by intensity, each bin keeps its stillest blocks and takes their median, and a line is
fitted through the bins by iteratively reweighted least squares (Huber). Fails where few blocks are still at some
intensity (its bin reads high; the robust fit leaves it out as long as most bins are right), and says so where the
bins do not lie on a line. Bins in which rounding swallows the noise are left out of the line: there the
noise is the rounding's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.differences import Blocks

__all__ = ["Line", "detrended", "fit", "planes"]

BINS = 16
STILL = 0.25
"""Share of a bin's blocks that counts as still."""
FEWEST = 8
"""Blocks a bin needs, and four such bins a line."""


@dataclass(frozen=True)
class Line:
    """variance = slope * mean + read_variance, at least `floor`, in the frames' units; `warnings` for a reader."""

    slope: float
    read_variance: float
    floor: float
    warnings: tuple[str, ...] = ()

    def variance(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """The noise variance at each mean intensity."""
        return np.maximum(self.slope * mean + self.read_variance, self.floor)

    def scaled(self, factor: float) -> Line:
        """The same line for variances `factor` times as large."""
        return replace(self, slope=self.slope * factor, read_variance=self.read_variance * factor)


def planes(size: int) -> NDArray[np.float64]:
    """An orthonormal basis (3, size, size) of the planes on a block."""
    flat = np.full(size, size**-0.5)
    ramp = np.arange(size) - (size - 1) / 2
    ramp /= np.linalg.norm(ramp)
    return np.stack([np.outer(flat, flat), np.outer(ramp, flat), np.outer(flat, ramp)])


def detrended(difference: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blocks (N, B, B) without their best plane, which holds most of what still moves."""
    basis = planes(difference.shape[-1]).astype(np.float32)
    parts = np.tensordot(difference, basis, axes=([1, 2], [1, 2]))
    return difference - np.tensordot(parts, basis, axes=(1, 0))


def fit(blocks: Blocks, *, floor: float) -> Line:
    """The line of the detrended blocks' variances; `floor` is the least variance there can be.

    Detrending takes away a share of the noise's variance that depends on its correlation: scale the line afterwards.
    """
    variances = (detrended(blocks.difference) ** 2).mean((1, 2), dtype=np.float64) / 2
    bins = min(BINS, int(STILL * len(blocks)) // FEWEST)
    if bins < 4:
        return _constant(blocks, variances, floor)
    means, medians = _binned(blocks, variances, bins)
    seen = medians >= floor
    if seen.sum() < 4 or np.ptp(means[seen]) < 2 * np.sqrt(np.median(medians[seen])):  # within the noise's own reach
        return _constant(blocks, variances, floor)
    slope, read_variance, misfit = _robust_line(means[seen], medians[seen])
    least = floor if not seen.all() else max(floor, 0.25 * float(medians.min()))
    return Line(slope, read_variance, least, (*_rounding_warning(seen), *_misfit_warning(misfit)))


def _rounding_warning(seen: NDArray[np.bool_]) -> tuple[str, ...]:
    if seen.all():
        return ()
    return (f"rounding hides the noise at {np.count_nonzero(~seen)} of {len(seen)} intensities",)


def _misfit_warning(misfit: float) -> tuple[str, ...]:
    if misfit <= 0.25:
        return ()
    return (f"the noise's variance strays {misfit:.0%} from a line of intensity: the frames look processed",)


def _binned(
    blocks: Blocks, variances: NDArray[np.float64], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean intensity and median variance (bins,) of the stillest blocks at each intensity."""
    order = np.array_split(np.argsort(blocks.mean, kind="stable"), bins)
    still = [bin_[np.argsort(blocks.motion[bin_])[: max(FEWEST, int(STILL * len(bin_)))]] for bin_ in order]
    means = np.array([blocks.mean[kept].mean() for kept in still])
    return means, np.array([np.median(variances[kept]) for kept in still])


def _robust_line(means: NDArray[np.float64], variances: NDArray[np.float64]) -> tuple[float, float, float]:
    """Slope, offset and the typical relative misfit; a variance's error is in proportion to it."""
    weights = np.ones_like(means)
    for _ in range(10):
        slope, offset = np.polyfit(means, variances, 1, w=np.sqrt(weights) / variances)
        error = np.abs(variances - slope * means - offset) / variances
        scale = 1.4826 * np.median(error)
        weights = np.minimum(1.0, 1.5 * scale / np.maximum(error, 1e-12))
    return float(slope), float(offset), float(scale)


def _constant(blocks: Blocks, variances: NDArray[np.float64], floor: float) -> Line:
    if not len(blocks):
        return Line(
            0.0, floor, floor, ("no noise found: the frames do not change, are clipped, or are smaller than 16 pixels",)
        )
    still = np.argsort(blocks.motion)[: max(FEWEST, int(STILL * len(blocks)))]
    middle = float(np.median(variances[still]))
    warning = "too few blocks of different intensities: the noise is taken to be the same everywhere"
    if middle < floor:
        warning = "rounding hides the noise: it is taken to be the rounding's everywhere"
    return Line(0.0, max(middle, floor), floor, (warning,))
