"""Automatic brightness control: the dose follows what the detector saw in the frame before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pydantic.dataclasses
from annotated_types import Ge, Gt, Le

from napari_fluorodenoise.primitives.declaration import STRICT

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["BrightnessControl"]


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class BrightnessControl:
    """A servo: N0(t+1) = N0(t) * (target / mean of the region)^kappa; the distance from the target falls by 1 - kappa.

    With a lag that passes on much of a frame, a large kappa overshoots.
    """

    target: Annotated[float, Gt(0)] = 960.0
    """Mean counts above the offset that the servo aims at."""
    kappa: Annotated[float, Gt(0), Le(1)] = 0.3
    """How much of a deviation is corrected in one frame, on a logarithmic scale."""
    region: Annotated[float, Gt(0), Le(1)] = 0.5
    """Side of the central region that is looked at, as a share of the frame's."""
    limit: Annotated[float, Ge(1)] = 20.0
    """Largest factor by which the dose departs from the first frame's, either way."""

    def after(self, dose: float, counts: NDArray[Any], *, offset: float) -> float:
        """The `dose` of the next frame, relative to the first, when this one stored `counts` (Y, X)."""
        edges = [int(n * (1 - self.region) / 2) for n in counts.shape]
        central = counts[tuple(slice(edge, n - edge) for edge, n in zip(edges, counts.shape, strict=True))]
        seen = float(central.mean()) - offset
        wanted = dose * float((self.target / max(seen, 1e-3 * self.target)) ** self.kappa)
        return min(max(wanted, 1 / self.limit), self.limit)
