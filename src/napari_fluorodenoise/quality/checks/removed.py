"""Was structure removed? What was taken away is noise, or it is not.

Two looks. In each tile the residual's energy over slow and over all detail is chi-squared: more is structure. Over the
whole sequence the residual must have nothing in common with the frames before and after, whose noise is another; what
it has is the share of their common detail that the result lacks. Blur in space and in time, and thinned wires show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.quality.checks import FALSE_ALARM, Check, Map, Verdict, judged, largest, stated, worst
from napari_fluorodenoise.quality.spectrum import SIZE as PIXELS
from napari_fluorodenoise.quality.spectrum import SLOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.quality.residual import Tiles

__all__ = ["removed"]

SIZE = 0.25
"""Rms of what a tile lost, in noise deviations, that matters: a line 3 pixels wide of 0.6 deviations across it."""
MANY = 0.02
"""Share of the tiles from which on loss is no matter of single places."""
LOST, MUCH = 0.05, 0.2
"""Share of the detail of neighbouring frames that a result may lack: 5 % is told, a fifth makes a wire faint."""
DOUBT = 2.0
"""Standard errors by which the noise may be larger than it was measured to be."""

MEANING: dict[Verdict, str] = {
    "pass": "What was taken away looks like noise in every part of the picture that was looked at.",
    "doubtful": "In some places more than noise was taken away: borders, wires or vessels there are fainter or more "
    "blurred than in the frames. The map shows where; look at the residual there.",
    "fail": "Structure was taken away with the noise: borders, wires or vessels are fainter or blurred in much of the "
    "picture. Do not judge fine detail on this result.",
}

FAINTER = (
    "What neighbouring frames have in common is fainter in the result, a little everywhere and not much in any one "
    "place: soft shadows and faint vessels have lost some of their contrast."
)
"""What a doubt means that no single place gives cause for."""


def removed(tiles: Tiles) -> Check:
    """Whether the residual holds structure; the map is the rms of what is more than noise, in noise deviations."""
    lost = _lost(tiles)
    size = np.sqrt(np.maximum(tiles.excess - _added(tiles) / (tiles.frames * PIXELS**2), 0)).max(-1)
    bad = lost & (size > SIZE)
    share, error = _shared(tiles)
    part = float(bad.sum() / tiles.count)
    local: Verdict = "fail" if part > MANY else "doubtful" if bad.any() else "pass"
    verdict = worst(local, judged(share, error, doubtful=LOST, fail=MUCH))
    most = float(size[bad].max()) if bad.any() else 0.0
    evidence = (
        f"{part:.1%} of {tiles.count} tiles lost more than {SIZE:g} noise deviations (rms; certain, at a false-alarm "
        f"rate of {FALSE_ALARM:g} for all of them; doubtful from one tile, fail from {MANY:.0%}), {most:.2f} at most. "
        f"Missing of the slow detail that neighbouring frames have in common: {stated(share, error, '+.1%')} "
        f"(doubtful from {LOST:.0%}, fail from {MUCH:.0%})."
    )
    return Check(
        name="Removed structure",
        verdict=verdict,
        evidence=evidence,
        meaning=FAINTER if verdict == "doubtful" and local == "pass" else MEANING[verdict],
        numbers={"tiles": part, "largest": most, "share": share, "share_error": error},
        picture=Map(values=largest(np.where(lost, size, 0), tiles.known), label="noise deviations", limit=SIZE),
    )


def _lost(tiles: Tiles) -> NDArray[np.bool_]:
    """Tiles (G, R, C) whose residual has more energy than noise, slow or in all."""
    from scipy.stats import chi2

    limit = chi2.isf(FALSE_ALARM / (2 * tiles.count), tiles.freedom)
    more = 1 + DOUBT * tiles.doubt[..., None]
    return np.asarray(tiles.known & (tiles.energy - _added(tiles) > limit * more).any(-1))


def _added(tiles: Tiles) -> NDArray[np.float64]:
    """What the result shows and its frame does not (G, R, C, 1), be it put in or other frames' noise: r has it, too."""
    return np.maximum(tiles.invented, 0)[..., None]


def _shared(tiles: Tiles) -> tuple[float, float]:
    """The share of the slow detail common to neighbouring frames that the residual has, and its standard error.

    (0, inf) where the frames have no detail in common that stands out of the noise.
    """
    again, present, around = (float(sums[tiles.known].sum()) for sums in (tiles.again, tiles.present, tiles.around))
    each = 2 * tiles.count * int(SLOW.sum())
    common, doubt = (each * max(tiles.frames - 2, 0) * part for part in tiles.correlation)
    twice = each * max(tiles.frames - 3, 0)  # products of two frames' noise: all but the outermost pairs come twice
    error = float(np.hypot(np.sqrt(around + twice), doubt))
    if present - common <= 5 * error:
        return 0.0, float("inf")
    return (again - common) / (present - common), error / (present - common)
