"""What was done to frames before they were stored, told from their noise; in plain sentences for a reader.

A detector's noise is fresh in every frame, is blurred by its scintillator and nothing else, and its variance is a line
of the intensity. Each departure has its maker: a recursive filter, smoothing or compression, edge enhancement, a
curve for display. Every sentence says what was found, what makes it, and what it means for the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.primitives.spectra import transfer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.differences import Group
    from napari_fluorodenoise.physics.noise import Bins

__all__ = [
    "clipped",
    "coarse",
    "compressed",
    "curved",
    "filtered_in_time",
    "offset",
    "sharpened",
    "smoothed",
]

LAGGING = 0.1
"""Noise that consecutive frames share: a flat panel's lag stays below, a recursive filter lies above."""
CERTAIN = 4.0
"""Standard errors from which on something is there."""
FLOOR, LOST = 0.12, 0.05
"""A blur that passes less than this of a frequency, and the share of frequencies at which that is no detector's."""
PASSBAND = 0.85
"""A blur lets slow variations through best; where it passes less than this share of them, edges were enhanced."""
PILED = 24
"""Pixels at the largest or smallest value from which on that is no chance."""
TILE = 8
"""Side of JPEG's blocks, in pixels."""


def filtered_in_time(correlation: float, error: float) -> tuple[str, ...]:
    """A sentence where consecutive frames share more noise than a panel's lag makes them."""
    if correlation <= LAGGING or correlation < CERTAIN * error:
        return ()
    return (
        f"consecutive frames share {correlation:.0%} of what looks like noise: a vendor's recursive filter, strong lag"
        " or motion; fast detail is smeared already, and neighbouring frames help less",
    )


def passed(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each frequency the blur lets through, largest 1, for noise with that autocorrelation; as `rfft2`."""
    spectrum = np.maximum(transfer(correlation, (64, 64)), 0)
    return np.asarray(np.sqrt(spectrum / spectrum.max()))


def smoothed(correlation: NDArray[np.float64], *, floor: float = FLOOR) -> tuple[str, ...]:
    """A sentence where frequencies are missing that a detector would have let through."""
    lost = float((passed(correlation) < floor).mean())
    if lost <= LOST:
        return ()
    return (
        f"{lost:.0%} of the noise's spectrum lies below {floor:g} of its maximum: the frames were smoothed, enlarged"
        " or compressed, or the detector blurs as much; fine detail is gone and cannot come back",
    )


def sharpened(correlation: NDArray[np.float64]) -> tuple[str, ...]:
    """A sentence where slow variations were damped beside fast ones."""
    slow = float(passed(correlation)[0, 0])
    if slow >= PASSBAND:
        return ()
    return (
        f"slow variations of the noise pass at {slow:.0%} of the maximum: edges were enhanced; borders of bones and "
        "wires carry overshoots that are kept as if they were anatomy",
    )


def curved(bins: Bins, *, slope: float, error: float, inverted: bool) -> tuple[str, ...]:
    """A sentence where the variance follows the curve of a logarithm or a gamma, not a line with a rising slope.

    `inverted` says that more X-rays give lower values: there a falling line is the detector's own.
    """
    if len(bins.mean) < 8:
        return ()
    falls = slope < -CERTAIN * error and not inverted
    misfits = {name: _misfit(bins, name) for name in ("line", "exponential", "power")}
    best = min(misfits, key=lambda name: misfits[name])
    chance = 2 * float(np.median(bins.error / bins.variance))
    bent = best == "exponential" and misfits["line"] > max(chance, misfits[best] / 0.6)
    if not (falls or bent):
        return ()
    way = "falls" if slope < 0 else "grows faster than a line"
    return (
        f"the noise's variance {way} with intensity, as after a logarithm or a gamma curve: values are not"
        " proportional to X-rays; the noise model is a fit, and the bias of dark parts is not corrected",
    )


def _misfit(bins: Bins, model: str) -> float:
    """The root mean square relative distance of the points from the best curve of a `model`."""
    if bins.variance.min() <= 0 or (model == "power" and bins.mean.min() <= 0):
        return np.inf
    if model == "line":
        line = np.polyfit(bins.mean, bins.variance, 1, w=1 / bins.variance)
        return float(np.sqrt(np.mean((np.polyval(line, bins.mean) / bins.variance - 1) ** 2)))
    where, found = bins.mean if model == "exponential" else np.log(bins.mean), np.log(bins.variance)
    return float(np.sqrt(np.mean((np.polyval(np.polyfit(where, found, 1), where) - found) ** 2)))


def offset(read_variance: float, error: float, *, slope: float) -> tuple[str, ...]:
    """A sentence where the line meets variance 0 at an intensity above 0: no noise is less than none."""
    if slope <= 0 or read_variance > -CERTAIN * error or read_variance >= 0:
        return ()
    return (
        f"the noise's variance would be 0 at intensity {-read_variance / slope:.4g}: about that much is an offset, or "
        "more; the read noise, the quanta's share and the response are not known, subtract it first",
    )


def coarse(step: float, deviation: float) -> tuple[str, ...]:
    """A sentence where grey levels a `step` apart are coarse beside noise of standard `deviation`."""
    if step**2 / 12 <= 0.1 * deviation**2:
        return ()
    return (
        f"grey levels are {step:.3g} apart and the noise is {deviation:.2g} rms: rounding makes a good part of what is "
        "measured; faint detail was lost when the frames were stored",
    )


def clipped(groups: Sequence[Group], field: NDArray[np.bool_]) -> tuple[str, ...]:
    """A sentence where pixels inside the field pile up at the largest or the smallest value."""
    inside = np.stack([group.frames[0][field] for group in groups])
    found = []
    for what, value in (("saturated", inside.max()), ("cut off", inside.min())):
        share, count = float((inside == value).mean()), int((inside == value).sum())
        if share > 0.002 and count >= PILED and inside.max() > inside.min():
            found.append(
                f"{share:.1%} of the pixels are {what} at {value:.6g}: no noise is measured there, and nothing restored"
            )
    return tuple(found)


def compressed(groups: Sequence[Group]) -> tuple[str, ...]:
    """A sentence where the noise shows the grid of JPEG's blocks."""
    profiles = np.zeros((2, TILE))
    if min(groups[0].frames.shape[1:]) < 4 * TILE:
        return ()
    for group in groups:
        change = group.frames[0].astype(np.float32) - group.frames[1].astype(np.float32)
        rows, columns = (n // TILE * TILE for n in change.shape)
        steps = np.diff(change, axis=0)[: rows - TILE], np.diff(change, axis=1)[:, : columns - TILE]
        profiles[0] += (steps[0] ** 2).mean(1, dtype=np.float64).reshape(-1, TILE).mean(0)
        profiles[1] += (steps[1] ** 2).mean(0, dtype=np.float64).reshape(-1, TILE).mean(0)
    ordered = np.sort(profiles, axis=1)
    others = ordered[:, :-1].mean(1)
    stands_out = ordered[:, -1] - others > np.maximum(6 * ordered[:, :-1].std(1), 0.05 * others)
    if not stands_out.all():
        return ()
    return (
        "the noise shows a grid of 8 pixels: the frames went through JPEG; faint detail and part of the noise are gone,"
        " and the noise model holds on average only",
    )
