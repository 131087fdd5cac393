"""Noise that consecutive frames share: what a detector's lag, or a recursive filter, carries over.

Lag keeps a share l of the charge for the next frame, y(t) = (1 - l) x(t) + l y(t - 1), before the amplifier adds its
read noise. With variances Q of a frame's quantum noise and R of its read noise,

    noise between frames correlates by             l Q / (Q + R),
    half the variance of differences is            (1 - l) Q + R,
    consecutive differences d, d' correlate so that  1 + 2 corr(d, d') = l (1 - l) Q / ((1 - l) Q + R).

So the line of differences, whose slope reads (1 - l) too low, is all that is needed to tell l.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.physics.response import FEWEST, HIDDEN, chosen_still

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.differences import Blocks
    from napari_fluorodenoise.physics.noise import Line

__all__ = ["CERTAIN", "at_rest", "corrected", "shared"]

CERTAIN = 3.0
"""Standard errors from which on lag is known to be there."""
DISPLACED = 0.01
"""Error of what displaced noise tells, by what moves itself."""
QUANTA = 0.1
"""Share of the noise that must be the quanta's for their lag to be told from it."""


def shared(blocks: Blocks, line: Line) -> tuple[float, float]:
    """1 + 2 corr(d, d') of consecutive differences in still blocks, and its standard error; `line` is of differences.

    Where the detector moved all the time it is the correlation of noise on one pixel (`Blocks.displaced`). (0, inf)
    where neither can be told: too little is still, or rounding hides the noise.
    """
    chosen, _ = chosen_still(blocks, line)
    chosen = chosen[np.isfinite(blocks.following[chosen, 0])]
    if len(chosen) < FEWEST:
        middle, error = _middle(blocks.displaced)
        return middle, float(np.hypot(error, DISPLACED))
    energy, products = (blocks.energy[chosen], blocks.following[chosen, 0]), blocks.following[chosen, 1]
    each = np.median(energy, axis=1)
    if min(each) < HIDDEN * max(each):
        return 0.0, np.inf
    # Divided by the first energy alone: the second shares a frame with what the blocks were chosen by.
    seen = np.minimum(*energy) > HIDDEN * max(each)
    return _middle(1 + 2 * products[seen] / energy[0][seen])


def at_rest(blocks: Blocks) -> float:
    """The share of the blocks that were seen while the detector rested."""
    return float(np.isfinite(blocks.following[:, 0]).mean()) if len(blocks) else 0.0


def corrected(
    line: Line, found: tuple[float, float], *, rest: float, seen: float, level: float
) -> tuple[Line, tuple[float, float]]:
    """The line of single frames, and the correlation of the noise of consecutive ones with its standard error.

    `line` is that of differences, `found` what is `shared` at the intensity `seen`, `rest` the share of blocks at rest:
    frames that lie on other pixels share no noise. The correlation is that at the intensity `level`. Where no quanta
    are told from read noise, all of the noise is taken to lag.
    """
    value, error = found
    if not rest or value <= CERTAIN * error:
        return line, found
    share = _quantum_share(line, seen)
    lag = float(np.clip(value / share, 0, 0.95))
    factor = 1 / (1 - lag * rest)
    if share == 1:
        return line.scaled(factor), (lag, error)
    bins = replace(line.bins, variance=line.bins.variance + (factor - 1) * line.slope * line.bins.mean)
    grown = replace(line, slope=line.slope * factor, errors=(line.errors[0] * factor, line.errors[1]), bins=bins)
    again = _quantum_share(grown, level)
    return grown, (lag * again, error * again / share)


def _quantum_share(line: Line, level: float) -> float:
    """The share of the noise variance at `level` that is the quanta's; 1 where it cannot be told from read noise."""
    share = line.slope * level / float(line.variance(np.array(level)))
    return min(share, 1.0) if len(line.bins.mean) and share > QUANTA else 1.0


def _middle(values: NDArray[np.float64]) -> tuple[float, float]:
    """The median of correlations, and its standard error for normal ones; (0, inf) for too few."""
    if len(values) < FEWEST:
        return 0.0, np.inf
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    return float(np.clip(middle, -1, 1)), 1.2533 * spread / float(np.sqrt(len(values)))
