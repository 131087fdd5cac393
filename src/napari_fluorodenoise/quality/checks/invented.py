"""Was structure invented? Detail of the result that the frames do not show.

Regress a tile's frame on the result's detail, <x, y> / |x|²: what is real, and what is left of the frame's own noise,
has slope 1; what was put in has slope 0. |x|² less <x, y> is normal with variance |x|² for a true result. A share of
its own noise in the result raises the slope and never lowers it. What a filter took from the frames around has slope 0
as well, noise and detail that this one frame lost; so the mean of those frames has to lack it, too. What moves is in
the frame itself, and not in that mean: it is enough to be in one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.quality.checks import FALSE_ALARM, Check, Map, Verdict, critical, largest
from napari_fluorodenoise.quality.spectrum import SIZE as PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.quality.residual import Tiles

__all__ = ["invented", "unsupported"]

SIZE = 0.2
"""Rms of a pattern in a tile, in noise deviations, that matters: a line 2 pixels wide of 0.6 deviations across it."""
MATTERS = 0.25
"""Share of a tile's own detail that must be unsupported: a strong border that is drawn 1 % too strong is none."""
MANY = 0.005
"""Share of the tiles from which on it is no matter of single places."""

MEANING: dict[Verdict, str] = {
    "pass": "All detail of the result is supported by the frames it was made of.",
    "doubtful": "In a few places the result shows detail that its frames do not. The map shows where: do not rely on "
    "what is seen there.",
    "fail": "The result shows detail that its frames do not: it was made up. Do not read this result without the "
    "frames beside it.",
}


def invented(tiles: Tiles) -> Check:
    """Whether detail of the result lacks support; the map is the rms of such detail, in noise deviations."""
    size, bad = _size(tiles), unsupported(tiles)
    part = float(bad.sum() / tiles.count)
    verdict: Verdict = "fail" if part > MANY else "doubtful" if bad.any() else "pass"
    most, slope = (float(size[bad].max()), float(_slope(tiles)[bad].min())) if bad.any() else (0.0, 1.0)
    z = float(_certainty(tiles)[tiles.known].max())
    limit = critical(tiles.count)
    evidence = (
        f"{bad.sum()} of {tiles.count} tiles show more than {SIZE:g} noise deviations (rms) of detail without support "
        f"(doubtful from one, fail from {MANY:.1%}), {most:.2f} at the most, least slope {slope:.2f}. The least "
        f"supported tile lies {z:.1f} standard errors off; up to {limit:.1f} is chance (false alarms: {FALSE_ALARM:g})."
    )
    return Check(
        name="Invented structure",
        verdict=verdict,
        evidence=evidence,
        meaning=MEANING[verdict],
        numbers={"tiles": part, "largest": most, "slope": slope, "certainty": z, "critical": limit},
        picture=Map(values=largest(np.where(bad, size, 0), tiles.known), label="noise deviations", limit=SIZE),
    )


def unsupported(tiles: Tiles) -> NDArray[np.bool_]:
    """Tiles (G, R, C) that show detail of a size that matters, certainly without support."""
    certain = _certainty(tiles) > critical(tiles.count)
    return np.asarray(tiles.known & certain & (_size(tiles) > SIZE) & (_slope(tiles) < 1 - MATTERS))


def _missing(tiles: Tiles) -> NDArray[np.float64]:
    """What of |x|² is neither in the frame, nor in the mean of those around it, nor made by coarse grey levels."""
    return np.minimum(tiles.invented, tiles.nowhere) - tiles.rounding


def _certainty(tiles: Tiles) -> NDArray[np.float64]:
    return _missing(tiles) / np.sqrt(np.maximum(tiles.detail, 1e-12))


def _slope(tiles: Tiles) -> NDArray[np.float64]:
    return 1 - _missing(tiles) / np.maximum(tiles.detail, 1e-12)


def _size(tiles: Tiles) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(_missing(tiles), 0) / (tiles.frames * PIXELS**2))
