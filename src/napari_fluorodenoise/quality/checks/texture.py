"""How does what is left of the noise look? As much as before, or smooth blotches: the "plastic look".

Where a group's last frame differs from its first by noise only, the power of that difference, after over before, is the
share of the noise that is left, at each frequency. What the frames' own difference has more than noise is motion too
small to see in one tile, and is taken off both. A filter that averages over more frames than a group has leaves more
than is seen here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.quality.checks import Check, Curve, Verdict, critical, judged, worst
from napari_fluorodenoise.quality.spectrum import DETAIL, SLOW, mean_frequency, profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.quality.residual import Tiles

__all__ = ["left", "texture"]

MOST, ALL = 0.4, 0.7
"""Share of the noise variance left: from 40 % on there was little gain, from 70 % on next to none."""
SHIFTED = 0.5
"""Mean frequency of what is left, in that of the noise before, below which it is blotches."""
BLOTCHES, COARSE = 0.15, 0.5
"""Share of the slow noise that is left where the fast noise is gone: 0.4 and 0.7 of its amplitude."""

MEANING: dict[Verdict, str] = {
    "pass": "So little noise is left, or so evenly at all frequencies, that its texture does not disturb.",
    "doubtful": "What is left of the noise is strong, or much coarser than it was: smooth blotches may pass for faint "
    "detail.",
    "fail": "The noise is still there, or was turned into smooth blotches: the result looks cleaner than it is, or is "
    "not clean at all.",
}


def texture(tiles: Tiles) -> Check:
    """How much noise is left and how its spectrum moved; the curve is the share left against frequency."""
    share, error = left(tiles)
    slow, slow_error = left(tiles, band=SLOW)
    fast, _ = left(tiles, band=DETAIL & ~SLOW)
    shift = _shift(tiles)
    coarse = shift < SHIFTED and slow > 2 * max(fast, 0)
    blotched = judged(slow, slow_error, doubtful=BLOTCHES, fail=COARSE) if coarse else "pass"
    told = "pass" if np.isfinite(error) else "doubtful"
    verdict = worst(told, judged(share, error, doubtful=MOST, fail=ALL), blotched)  # type: ignore[arg-type]
    evidence = (
        f"{share:.1%} ± {error:.1%} of the noise variance is left (doubtful from {MOST:.0%}, fail from {ALL:.0%}); "
        f"{slow:.1%} ± {slow_error:.1%} of the slow noise, at {shift:.2f} of its mean frequency (below {SHIFTED:g}: "
        f"doubtful from {BLOTCHES:.0%}, fail from {COARSE:.0%}; beyond {critical(1):.1f} standard errors)."
    )
    if told != "pass":
        evidence = "No part of the picture rests for long enough to tell."
    return Check(
        name="Texture",
        verdict=verdict,
        evidence=evidence,
        meaning=MEANING[verdict] if told == "pass" else "How much noise is left cannot be told: everything moves.",
        numbers={"left": share, "left_error": error, "slow": slow, "slow_error": slow_error, "shift": shift},
        picture=_curve(tiles),
    )


def left(tiles: Tiles, *, band: NDArray[np.bool_] = DETAIL) -> tuple[float, float]:
    """The share of the noise variance in a `band` that the result still has, and its standard error.

    The error is that of the sum, and of what passes for noise and is motion: all of it may be wrong. (0, inf) where
    nothing rests.
    """
    after, before, noise = (float(power.sum(0)[band].sum()) for power in (tiles.left, tiles.seen, tiles.expected))
    pixels = float(tiles.still.sum() * band.sum())
    if not pixels:
        return 0.0, float("inf")
    motion = before / noise - 1
    share = after / noise - max(motion, 0.0)
    return share, float(np.hypot(abs(motion) / 2, np.sqrt(2 / pixels)))


def _net(tiles: Tiles) -> NDArray[np.float64]:
    """The power (SIZE, SIZE) of the noise that is left."""
    after, before, noise = (power.sum(0) for power in (tiles.left, tiles.seen, tiles.expected))
    return np.asarray(after - np.maximum(before - noise, 0))


def _shift(tiles: Tiles) -> float:
    """The mean frequency of what is left over that of the noise before; 1 where nothing is left, or told."""
    found = mean_frequency(_net(tiles)) / mean_frequency(tiles.expected.sum(0))
    return found if np.isfinite(found) else 1.0


def _curve(tiles: Tiles) -> Curve:
    noise = tiles.expected.sum(0)
    frequency, level = profile(noise)
    level = np.maximum(level, 1e-12)
    return Curve(
        x=frequency,
        y=profile(_net(tiles))[1] / level,
        before=profile(tiles.seen.sum(0))[1] / level,
        x_label="cycles per pixel",
        y_label="share of the noise power",
    )
