"""Does the result lag? A filter that leans on the past leaves trails behind what moves.

The residual of such a filter follows the change from the frame before to the frame after; that of a filter symmetric in
time does not, however much it blurs (which is told as removed structure). Where something moves the slope is the trail;
where nothing does it is the weight that the noise of the past has, which does no harm there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.quality.checks import Check, Map, Verdict, critical, judged, stated, worst
from napari_fluorodenoise.quality.spectrum import SLOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.quality.residual import Tiles

__all__ = ["lag"]

MOVING = 2.0
"""Energy of the change, in that of noise, from which on a tile is taken to move: half of it is motion then."""
TRAIL, LONG = 0.05, 0.1
"""Share of a change that may be left behind as a trail: 5 % is told, 10 % is more than a panel's lag."""
LEANS = 0.1
"""Surplus weight of the past where nothing moves that is told."""
MEANING: dict[Verdict, str] = {
    "pass": "What moves leaves no trail, as far as the sequence moves.",
    "doubtful": "The result leans on past frames, or leaves a faint trail behind what moves: times and positions of "
    "moving things, such as a wire's tip, may be late.",
    "fail": "The result lags: what moves drags a trail of where it was, and what is new appears too faint. Do not "
    "judge moving things, or a single frame, on it.",
}


def lag(tiles: Tiles) -> Check:
    """Whether the residual follows the change in time; the map is the slope per tile."""
    expected = 2 * max(tiles.frames - 2, 0) * int(SLOW.sum())
    moving = tiles.known & (tiles.change > MOVING * expected)
    trail, error = _slope(tiles, moving)
    lean, lean_error = _slope(tiles, tiles.known & ~moving)
    leaning = judged(lean, lean_error, doubtful=LEANS, fail=float("inf"))
    verdict = worst(judged(trail, error, doubtful=TRAIL, fail=LONG), leaning)
    meaning = MEANING[verdict]
    if not tiles.change.any():
        verdict, meaning = "doubtful", "Whether the result lags cannot be told from two frames."
    elif not moving.any():
        meaning += " Nothing moves enough in what was looked at to see a trail."
    evidence = (
        f"Trail, as a share of the change, in {moving.sum()} tiles that move: {stated(trail, error, '+.3f')} "
        f"(doubtful from {TRAIL:g}, fail from {LONG:g}, if beyond {critical(1):.1f} standard errors). "
        f"Surplus weight of the past elsewhere: {stated(lean, lean_error, '+.3f')} (doubtful from {LEANS:g})."
    )
    return Check(
        name="Lag",
        verdict=verdict,
        evidence=evidence,
        meaning=meaning,
        numbers={"trail": trail, "trail_error": error, "lean": lean, "lean_error": lean_error},
        picture=Map(values=_map(tiles), label="share of the change left behind", limit=TRAIL),
    )


def _slope(tiles: Tiles, where: NDArray[np.bool_]) -> tuple[float, float]:
    """The residual's slope on half the change over the tiles `where`, and its standard error; (0, inf) for none."""
    change = float(tiles.change[where].sum())
    if not change:
        return 0.0, float("inf")
    return 2 * float(tiles.follow[where].sum()) / change, 2 / float(np.sqrt(change))


def _map(tiles: Tiles) -> NDArray[np.float64]:
    """The slope (R, C) over all groups of each tile; 0 where it is not certain."""
    follow, change = (np.where(tiles.known, sums, 0).sum(0) for sums in (tiles.follow, tiles.change))
    certain = follow > critical(change.size) * np.sqrt(change)
    return np.where(change > 0, certain * 2 * follow / np.maximum(change, 1e-12), np.nan)
