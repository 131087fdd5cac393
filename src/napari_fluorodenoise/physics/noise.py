"""The photon-transfer line: how the noise's variance grows with the mean intensity, from one moving sequence.

Block variances of the blocks that are still are binned by intensity, each bin takes a robust mean, and a line is
fitted through the bins by iteratively reweighted least squares (Huber). A block is still where the smooth part of the
other differences holds hardly more than the noise's own share; the line tells that share, so both are found in turn.

Fails where few blocks are still at some intensity (its bin reads high; the robust fit leaves it out as long as most
bins are right), and says so where the bins do not lie on a line. Bins in which rounding swallows the noise are left
out of the line: there the noise is the rounding's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.differences import Blocks

    Values = NDArray[np.float64]

__all__ = ["Bins", "Line", "detrended", "fit", "planes", "restless", "still"]

BINS = 24
LEAST = 0.2
"""Share of the blocks whose motion is taken for that of the noise alone."""
RESTLESS = 1.1
"""Motion, in that of the stillest blocks, above which a block moves: the noise's own stays below."""
MOVING = 1.6
"""Motion of the stillest blocks, in that of noise, from which on nothing rests."""
REACHING = 0.03
"""Share of the variance that neighbours six pixels away have in common, from which on it is not the noise's."""
FEWEST = 8
"""Blocks a bin needs, and four such bins a line."""


@dataclass(frozen=True)
class Bins:
    """The photon-transfer points: `mean` intensity, noise `variance` and its standard `error`, (n,) each."""

    mean: Values
    variance: Values
    error: Values

    def kept(self, which: NDArray[np.bool_]) -> Bins:
        """Some of the points."""
        return Bins(self.mean[which], self.variance[which], self.error[which])

    def scaled(self, factor: float) -> Bins:
        """The same points for variances `factor` times as large."""
        return replace(self, variance=self.variance * factor, error=self.error * factor)


NONE = Bins(np.zeros(0), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Line:
    """variance = slope * mean + read_variance, at least `floor`, in the frames' units; `warnings` for a reader.

    `errors` are the standard errors of slope and read variance, `bins` the points the line was fitted through.
    """

    slope: float
    read_variance: float
    floor: float
    warnings: tuple[str, ...] = ()
    errors: tuple[float, float] = (0.0, 0.0)
    bins: Bins = field(default=NONE, compare=False)

    def variance(self, mean: Values) -> Values:
        """The noise variance at each mean intensity."""
        return np.maximum(self.slope * mean + self.read_variance, self.floor)

    def scaled(self, factor: float) -> Line:
        """The same line for variances `factor` times as large."""
        return replace(
            self,
            slope=self.slope * factor,
            read_variance=self.read_variance * factor,
            errors=(self.errors[0] * factor, self.errors[1] * factor),
            bins=self.bins.scaled(factor),
        )


def planes(size: int) -> Values:
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
    if not len(blocks):
        return _none(floor)
    variances = blocks.energy / 2
    expected = _first_guess(blocks, variances, floor)
    for _ in range(4):
        chosen = still(blocks, expected)
        line = _line(blocks.mean[chosen], variances[chosen], floor)
        expected = np.maximum(line.variance(blocks.mean), 0.1 * np.median(expected))
    return line


def _first_guess(blocks: Blocks, variances: Values, floor: float) -> Values:
    """The variance (N,) of every block as the lower part of those of its intensity has it."""
    order = np.array_split(np.argsort(blocks.mean, kind="stable"), max(1, min(8, len(blocks) // FEWEST)))
    guess = np.empty_like(variances)
    for part in order:
        guess[part] = np.quantile(variances[part], 0.3)
    return np.maximum(guess, floor)


def still(blocks: Blocks, expected: Values) -> NDArray[np.bool_]:
    """True (N,) where the motion is the noise's own, whose variance is `expected`; for 4 FEWEST blocks at least."""
    unrest = blocks.motion / expected
    bound = RESTLESS * np.quantile(unrest, LEAST)
    enough = min(4 * FEWEST, len(unrest))
    return np.asarray(unrest <= max(bound, np.partition(unrest, enough - 1)[enough - 1]))


def restless(blocks: Blocks, line: Line, correlation: Values, reach: float) -> tuple[str, ...]:
    """A sentence where even the stillest blocks change by more than noise of that autocorrelation explains.

    Or where the noise has a share `reach` of its variance in common further away than a detector's blur extends.
    """
    if len(blocks) < 4 * FEWEST:
        return ()
    size, radius = 4, len(correlation) // 2  # of the averages whose energy tells motion
    inside = np.maximum(size - np.abs(np.arange(-radius, radius + 1)), 0)
    noise = 2 * float((correlation * np.outer(inside, inside)).sum()) / size**4
    excess = float(np.quantile(blocks.motion / line.variance(blocks.mean), LEAST)) / noise
    if excess < MOVING and reach < REACHING:
        return ()
    return (
        "even the stillest parts change by more than a detector's noise does: what moves, or was processed, is counted "
        "as noise, which may read too high; measure on a sequence that rests, and give it as the calibration",
    )


def _line(mean: Values, variances: Values, floor: float) -> Line:
    """The line through still blocks."""
    number = min(BINS, len(mean) // FEWEST)
    if number < 4:
        return _constant(variances, floor)
    bins = _binned(mean, variances, number)
    seen = bins.variance >= floor
    if seen.sum() < 4 or np.ptp(bins.mean[seen]) < 2 * np.sqrt(np.median(bins.variance[seen])):  # the noise's own reach
        return _constant(variances, floor)
    slope, read_variance, errors, misfit = _robust_line(bins.mean[seen], bins.variance[seen], bins.error[seen])
    least = floor if not seen.all() else max(floor, 0.25 * float(bins.variance.min()))
    warnings = (*_rounding_warning(seen), *_misfit_warning(misfit))
    return Line(slope, read_variance, least, warnings, errors, bins.kept(seen))


def _rounding_warning(seen: NDArray[np.bool_]) -> tuple[str, ...]:
    if seen.all():
        return ()
    return (f"rounding hides the noise at {np.count_nonzero(~seen)} of {len(seen)} intensities",)


def _misfit_warning(misfit: float) -> tuple[str, ...]:
    if misfit <= 0.25:
        return ()
    return (f"the noise's variance strays {misfit:.0%} from a line of intensity: the frames look processed",)


def _binned(mean: Values, variances: Values, number: int) -> Bins:
    """Mean intensity and robust mean variance of blocks of like intensity."""
    order = np.array_split(np.argsort(mean, kind="stable"), number)
    centres = [_robust_mean(variances[part]) for part in order]
    return Bins(np.array([mean[part].mean() for part in order]), *np.array(centres).T)


def _robust_mean(values: Values) -> tuple[float, float]:
    """Tukey's biweight estimate of the centre of `values`, blind to what lies far off, and its standard error."""
    centre = float(np.median(values))
    least = max(1e-9 * float(np.abs(values).max()), np.finfo(np.float64).tiny)
    spread = max(1.4826 * float(np.median(np.abs(values - centre))), least)
    for _ in range(5):
        weights = np.maximum(1 - ((values - centre) / (4 * spread)) ** 2, 0) ** 2
        centre = float(weights @ values / weights.sum())
    return centre, spread / np.sqrt(0.9 * len(values))


def _robust_line(means: Values, variances: Values, errors: Values) -> tuple[float, float, tuple[float, float], float]:
    """Slope, offset, their standard errors, and the relative misfit that a quarter of the points exceed.

    A variance's error is in proportion to it.
    """
    weights = np.ones_like(means)
    for _ in range(10):
        slope, offset = np.polyfit(means, variances, 1, w=np.sqrt(weights) / variances)
        misfit = np.abs(variances - slope * means - offset) / variances
        scale = 1.4826 * np.median(misfit)
        weights = np.minimum(1.0, 1.5 * scale / np.maximum(misfit, 1e-12))
    relative = max(float(np.median(errors / variances)), float(scale))
    design = np.stack([means, np.ones_like(means)]) * np.sqrt(weights) / variances
    covariance = np.linalg.pinv(design @ design.T) * relative**2
    return (
        float(slope),
        float(offset),
        (float(covariance[0, 0] ** 0.5), float(covariance[1, 1] ** 0.5)),
        float(np.quantile(misfit, 0.75)),
    )


def _none(floor: float) -> Line:
    why = "no noise found: the frames do not change, are clipped, or are smaller than 16 pixels"
    return Line(0.0, floor, floor, (why,))


def _constant(variances: Values, floor: float) -> Line:
    middle, error = _robust_mean(variances)
    warning = "too few blocks of different intensities: the noise is taken to be the same everywhere"
    if middle < floor:
        warning = "rounding hides the noise: it is taken to be the rounding's everywhere"
    return Line(0.0, max(middle, floor), floor, (warning,), (0.0, error))
