"""The X-rays: how many are detected, what the scene lets through, and for how long a frame looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le

from napari_fluorodenoise.primitives.declaration import STRICT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Beam", "Exposure"]

LEAK = 0.02
"""Share of the fluence that a closed collimator lets through or scatters behind its blades."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Beam:
    """The X-ray beam, as the quanta that the detector counts: absorption efficiency is included in their number."""

    photons: Annotated[float, Gt(0), Le(1e9)] = 60.0
    """Primary quanta detected per pixel and frame, on average in the field of frame 0; scatter adds to them."""

    def fluence(
        self, line_integrals: NDArray[np.floating], *, field: NDArray[np.floating] | None = None
    ) -> NDArray[np.float32]:
        """Quanta per pixel without a patient (Y, X), so that `photons` are detected behind `line_integrals` (Y, X).

        `field` (Y, X) in [0, 1] says how open the collimator is; the average is taken where that is above 0.5.
        """
        opened = np.ones(line_integrals.shape) if field is None else field
        transmitted = np.exp(-line_integrals)[opened > 0.5].mean()
        return np.asarray(self.photons / transmitted * np.maximum(opened, LEAK), np.float32)

    def transmitted(self, parts: NDArray[np.float32], *, fluence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Quanta (K, Y, X) behind the first of the `parts` (K, Y, X line integrals), the first two, ..., all of them.

        Beer-Lambert at one effective energy: beam hardening is left out.
        """
        share = np.exp(-parts)
        share[0] *= fluence
        return np.asarray(np.cumprod(share, axis=0))


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Exposure:
    """A pulse of some length: a frame is the average of the quanta at several moments, so what moves is blurred."""

    pulse: Annotated[float, Gt(0)] = 6.0
    """Length of the pulse, in ms, centred on the frame's time; the frame interval for a continuous beam."""
    samples: Annotated[int, Ge(2), Le(64)] = 6
    """Moments that are averaged, evenly spread over the pulse."""

    @property
    def moments(self) -> tuple[float, ...]:
        """When they are, in s from the frame's time."""
        middles = (np.arange(self.samples) + 0.5) / self.samples - 0.5
        return tuple(float(middle) for middle in middles * self.pulse / 1000)
