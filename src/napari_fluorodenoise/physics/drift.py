"""Gain drift: how the whole picture brightens or darkens from frame to frame.

The still half of the picture tells it (`Blocks.brightness`): what moves, and contrast agent that flows in, changes
the minority of the blocks. Exposure control that answers to anatomy looks the same, and is a drift of the exposure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["drifting", "gain_drift"]

CERTAIN = 4.0
"""Standard errors from which on a drift is told."""
INFLOW = 2e-4
"""Error of a drift by what slowly changes the majority of the picture, such as contrast agent that flows in."""
NOTABLE = 0.1
"""Change of the gain over a run, as a share, from which on one noise model is only an average of it."""


def gain_drift(brightness: NDArray[np.float64]) -> tuple[float, float]:
    """The drift per frame as a share of the first frame's gain, and its standard error; (0, inf) if nothing tells.

    `brightness` (G, 3) is that of `Blocks`: middle frame, relative rate per frame, standard error. A gain of
    1 + drift * t has the relative rate drift / (1 + drift * t), which is solved for every group.
    """
    if not len(brightness):
        return 0.0, np.inf
    time, rate, error = brightness.T
    drifts = rate / np.maximum(1 - rate * time, 0.1)
    middle = float(np.median(drifts))
    spread = 1.4826 * float(np.median(np.abs(drifts - middle)))
    typical = max(float(np.median(error)), spread)
    if not typical and not middle:  # nothing changes at all
        return 0.0, np.inf
    return middle, float(np.hypot(1.2533 * typical / np.sqrt(len(drifts)), INFLOW))


def drifting(drift: float, error: float, *, frames: int) -> tuple[str, ...]:
    """A sentence where the gain changes notably over a run of `frames`."""
    change = drift * (frames - 1)
    if abs(drift) <= CERTAIN * error or abs(change) < NOTABLE:
        return ()
    return (
        f"the picture {'brightens' if drift > 0 else 'darkens'} by {abs(drift):.2%} per frame, {abs(change):.0%} in"
        " all: the exposure or the gain drifts; the noise model is that of the middle of the run",
    )
