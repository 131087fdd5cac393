"""A guidewire in space, under manipulation: a thin metal curve, and the line integrals that it adds to a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.physics.anatomy import BREATH, contraction, splat
from napari_fluorodenoise.physics.projection import Geometry, Pose, rays

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Guidewire"]

STEEL = 0.95
"""Linear attenuation at 60 keV, 1/mm: iron, 1.205 cm2/g (NIST Standard Reference Database 126) at 7.87 g/cm3."""
STEP = 0.1
"""Distance between the points of the curve in mm: a third of a pixel, in the patient, of a usual detector."""


@dataclass(frozen=True, kw_only=True)
class Guidewire:
    """A wire that comes from the feet and ends near the patient's middle, pushed, drawn back and swung by the heart.

    `diameter` in mm: 0.36 is 0.014 inch, a coronary wire; `attenuation` in 1/mm; the middle of the wire shows their
    product, 0.34. `centre` (x, y, z) in mm is the place about which the tip moves, `push` and `sway` in mm are how far
    it moves to and fro, along and aside; the tip's last 15 mm are bent.
    """

    diameter: float = 0.36
    attenuation: float = STEEL
    centre: tuple[float, float, float] = (30.0, -20.0, 10.0)
    push: float = 12.0
    sway: float = 5.0
    length: float = 400.0

    def points(self, seconds: float) -> NDArray[np.float64]:
        """The curve at a time: (N, 3) places (x, y, z) in mm, STEP apart along z, from the feet to the tip."""
        push = np.sin(2 * np.pi * seconds / 3.1)
        tip = self.push * push
        s = np.arange(tip - self.length, tip, STEP)
        free = np.clip((s + 120) / 120, 0, None)  # a sheath holds the wire still below
        swing = np.sin(2 * np.pi * seconds / BREATH) + contraction(seconds)
        hook = 4.0 * np.clip((s - tip + 15) / 15, 0, None) ** 2
        x = 9 * np.sin(s / 38) + free * self.sway * swing + free * 1.5 * push * np.sin(s / 12) - hook
        y = 14 * np.cos(s / 55) + 0.4 * free * self.sway * swing
        return np.asarray(np.stack([x, y, s], axis=1) + np.array(self.centre))

    def line_integrals(self, seconds: float, *, geometry: Geometry, pose: Pose) -> NDArray[np.float32]:
        """(Y, X) float32: what the wire adds at a time, seen from `pose`.

        The profile is the Gaussian that has the peak and the area of a round wire's. Assumes one magnification for
        all of the wire's width; a wire that points at the source shows all the metal along the ray, as it should.
        """
        from scipy.ndimage import gaussian_filter

        source, beam = rays(geometry, pose)
        curve = self.points(seconds)
        way = np.linalg.solve(beam, (curve - source).T).T  # (N, 3): (column, row, 1) times the part of the way
        place, magnified = way[:, 1::-1] / way[:, 2:], 1 / way[:, 2]
        metal = self.attenuation * np.pi / 4 * self.diameter**2 * np.linalg.norm(np.gradient(curve, axis=0), axis=1)
        weight = metal * (magnified / geometry.pixel) ** 2  # the pixel's area, where the point lies
        width = np.sqrt(np.pi / 32) * self.diameter * float(np.median(magnified)) / geometry.pixel
        # Sharing a point with its neighbours spreads it by 1/6 pixel², of which a pixel's own size accounts for half.
        drawn = gaussian_filter(splat(place, weight, geometry.shape), np.sqrt(max(width**2 - 1 / 12, 0.01)))
        return np.asarray(drawn, np.float32)
