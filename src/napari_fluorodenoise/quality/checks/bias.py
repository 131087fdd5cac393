"""Are intensities shifted or scaled? The mean residual, against intensity and against time, must be 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.quality.checks import Check, Curve, Verdict, critical, judged, stated, worst

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.quality.residual import Tiles

    Values = NDArray[np.float64]

__all__ = ["bias"]

GAIN, WRONG = 0.01, 0.02
"""Error of the gain: 1 % is told, 2 % changes what a density or a flow is measured to be."""
OFFSET, FAR = 0.1, 0.25
"""Shift of the whole picture in noise deviations."""
EVEN = 100.0
"""Variance of the intensities, in that of the noise of a tile's mean, up to which no gain is told: noise that a result
keeps is in its level and in its shift, and passes for a gain of 1 / 4 over this at the most, a fourth of `GAIN`."""
BINS = 10
FEWEST = 8
"""Tiles a bin needs."""

MEANING: dict[Verdict, str] = {
    "pass": "Intensities are kept: the mean of what was taken away is 0 at every intensity and all the time.",
    "doubtful": "Intensities are slightly shifted or scaled: what is seen stays, what is measured is a little off.",
    "fail": "Intensities are shifted or scaled: densities, contrasts or flows measured on this result are wrong.",
}


def bias(tiles: Tiles) -> Check:
    """Whether the residual has a mean; the curve is that mean against intensity, in noise deviations."""
    known = tiles.known
    level, shift, error = tiles.level[known], tiles.shift[known], tiles.shift_error[known]
    relative, own = shift / tiles.sigma[known], error / tiles.sigma[known]
    curve = _binned(level, relative, own)
    offset, offset_error = _mean(relative, own)
    gain, gain_error = _gain(level, shift, error)
    drift, drift_error = _drift(tiles)
    verdict = worst(
        judged(abs(gain), gain_error, doubtful=GAIN, fail=WRONG),
        judged(abs(offset), offset_error, doubtful=OFFSET, fail=FAR),
        judged(abs(drift), drift_error, doubtful=OFFSET, fail=FAR),
    )
    evidence = (
        f"Gain: {stated(-gain, gain_error, '+.2%')} (doubtful from {GAIN:.0%}, fail from {WRONG:.0%}). Shift in noise "
        f"deviations, mean: {stated(-offset, offset_error, '+.3f')}, from first to last frames: "
        f"{stated(-drift, drift_error, '+.3f')} (doubtful from {OFFSET:g}, fail from {FAR:g}; beyond {critical(1):.1f} "
        "standard errors)."
    )
    return Check(
        name="Bias",
        verdict=verdict,
        evidence=evidence,
        meaning=MEANING[verdict],
        numbers={
            "gain": -gain,
            "gain_error": gain_error,
            "offset": -offset,
            "offset_error": offset_error,
            "drift": -drift,
            "drift_error": drift_error,
        },
        picture=curve,
    )


def _mean(values: Values, error: Values) -> tuple[float, float]:
    """The mean, and its standard error: that of the noise or, where structure makes it larger, of the scatter."""
    n = len(values)
    scatter = float(values.std(ddof=1)) if n > 1 else float("inf")
    return float(values.mean()), max(float(np.sqrt((error**2).sum())) / n, scatter / float(np.sqrt(n)))


def _gain(level: Values, shift: Values, error: Values) -> tuple[float, float]:
    """The slope of `shift` on `level`, and its standard error; (0, inf) where the picture is too even to tell."""
    spread = (level - level.mean()) / error
    return _slope(level, shift, error) if (spread**2).mean() > EVEN else (0.0, float("inf"))


def _slope(x: Values, y: Values, error: Values) -> tuple[float, float]:
    """The slope of `y` on `x` by weighted least squares, and its standard error, in which the scatter counts.

    (0, inf) for fewer than three points, or one `x`.
    """
    weight = 1 / error**2
    centred = x - np.average(x, weights=weight)
    spread = float((weight * centred**2).sum())
    if len(x) < 3 or spread <= 0:
        return 0.0, float("inf")
    slope = float((weight * centred * y).sum()) / spread
    rest = y - np.average(y, weights=weight) - slope * centred
    scatter = max(1.0, float((weight * rest**2).sum()) / (len(x) - 2))
    return slope, float(np.sqrt(scatter / spread))


def _drift(tiles: Tiles) -> tuple[float, float]:
    """The change of the mean residual over the sequence, in noise deviations; (0, inf) for fewer than three groups."""
    relative, own = tiles.shift / tiles.sigma, tiles.shift_error / tiles.sigma
    told = [g for g, known in enumerate(tiles.known) if known.sum() >= FEWEST]
    if len(told) < 3:
        return 0.0, float("inf")
    mean, error = np.array([_mean(relative[g][tiles.known[g]], own[g][tiles.known[g]]) for g in told]).T
    time = tiles.start[told].astype(np.float64)
    slope, slope_error = _slope(time, mean, error)
    return slope * float(np.ptp(time)), slope_error * float(np.ptp(time))


def _binned(level: Values, relative: Values, own: Values) -> Curve:
    edges = np.quantile(level, np.linspace(0, 1, BINS + 1))
    where = np.clip(np.searchsorted(edges, level, side="right") - 1, 0, BINS - 1)
    bins = [where == n for n in range(BINS) if (where == n).sum() >= FEWEST] or [np.ones(len(level), bool)]
    points = np.array([(level[b].mean(), *_mean(relative[b], own[b])) for b in bins])
    return Curve(
        x=points[:, 0], y=-points[:, 1], error=points[:, 2], x_label="intensity", y_label="shift, noise deviations"
    )
