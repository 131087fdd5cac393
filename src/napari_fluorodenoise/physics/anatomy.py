"""Line integrals of a moving chest: what a fluoroscope would look through, in patient coordinates.

Positions are (row, column) in units of the frame's shorter side, and frame 0 covers (0, 0) to about (1, 1); the still
anatomy lies on a canvas that reaches further, so that the detector can pan over it. Attenuation adds along the beam,
so every part is a picture of line integrals and the parts are summed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[Any]
    Points = NDArray[np.float64]

__all__ = ["BREATH", "Anatomy", "Layers", "Tubes", "contraction", "splat"]

HEART = np.array([0.50, 0.42])
BEAT = 0.8
"""Seconds per heart beat."""
BREATH = 4.0
"""Seconds per breath."""
SHEATH = -0.25
"""Row at which the guidewire leaves its sheath."""
STEP = 0.0015
"""Distance between the points of a curve."""


@dataclass(frozen=True)
class Tubes:
    """Thin curves: `points` (N, 2) a STEP apart, distance `along` (N,) from where contrast enters, and half width."""

    points: Points
    along: NDArray[np.float64]
    sigma: float


@dataclass(frozen=True)
class Layers:
    """Line integrals (Y, X) float32 of one frame: what is always there, the contrast agent's, and the wire's."""

    background: Picture
    vessels: Picture
    wire: Picture


class Anatomy:
    """A patient of some random seed, seen by frames of `shape` (Y, X) pixels that pan at most `reach` pixels away."""

    def __init__(self, *, shape: tuple[int, int], reach: int, rng: np.random.Generator) -> None:
        from scipy.ndimage import spline_filter

        self._shape, self._unit, self._margin = shape, float(min(shape)), reach + 3
        still = _still(_grid(shape, self._unit, self._margin), self._unit, rng)
        self._still = spline_filter(still, order=3, output=np.float32)
        self._tree = _tree(rng)

    def layers(self, *, seconds: float, offset: NDArray[np.float64], contrast: float) -> Layers:
        """The line integrals at a time, for a frame whose pixel (0, 0) lies at `offset` (row, column) pixels.

        `contrast` in [0, 1] says how far the contrast agent has flowed in.
        """
        rows, columns = _grid(self._shape, self._unit, 0)
        rows, columns = rows + offset[0] / self._unit, columns + offset[1] / self._unit
        beat = contraction(seconds)
        background = self._sample(offset) + _moving(rows, columns, seconds, beat)
        vessels = np.zeros(self._shape, np.float32)
        for tubes in self._tree:
            filled = 0.45 / (1 + np.exp((tubes.along - 1.6 * contrast + 0.15) / 0.04))
            vessels += self._draw(_beating(tubes.points, beat), filled, tubes, offset)
        wire = _wire(seconds, beat)
        return Layers(background, vessels, self._draw(wire.points, np.full(len(wire.points), 0.30), wire, offset))

    def _sample(self, offset: NDArray[np.float64]) -> Picture:
        from scipy.ndimage import shift

        whole = np.floor(offset).astype(int)
        top, left = whole + self._margin - 2
        part = self._still[top : top + self._shape[0] + 5, left : left + self._shape[1] + 5]
        moved: Picture = shift(part, whole - offset, order=3, prefilter=False, mode="nearest")
        return moved[2:-3, 2:-3]

    def _draw(self, points: Points, peak: NDArray[np.float64], tubes: Tubes, offset: NDArray[np.float64]) -> Picture:
        """Curves through `points` of Gaussian profile, whose line integral is `peak` along their middle."""
        from scipy.ndimage import gaussian_filter

        width = tubes.sigma * self._unit
        weight = peak * STEP * self._unit * np.sqrt(2 * np.pi) * width
        drawn: Picture = gaussian_filter(splat(points * self._unit - offset, weight, self._shape), width)
        return drawn


def _grid(shape: tuple[int, int], unit: float, margin: int) -> tuple[Picture, Picture]:
    rows = np.arange(-margin, shape[0] + margin, dtype=np.float32) / np.float32(unit)
    columns = np.arange(-margin, shape[1] + margin, dtype=np.float32) / np.float32(unit)
    return rows[:, None], columns[None, :]


def _still(grid: tuple[Picture, Picture], unit: float, rng: np.random.Generator) -> Picture:
    """Soft tissue, lungs, ribs and spine (Y, X)."""
    rows, columns = grid
    shape = (rows.size, columns.size)
    tissue = 0.9 + 0.15 * rows + 0.12 * _texture(shape, 0.16 * unit, rng) + 0.07 * _texture(shape, 0.05 * unit, rng)
    fibres = 0.022 * _texture(shape, 0.012 * unit, rng) + 0.014 * _texture(shape, max(0.004 * unit, 1.0), rng)
    return (tissue + fibres + _ribs(rows, columns) + _spine(rows, columns)).astype(np.float32)


def _texture(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> Picture:
    """Smooth noise of unit variance."""
    from scipy.ndimage import gaussian_filter, zoom

    coarse = max(1, int(sigma // 3))
    size = [n // coarse + 3 for n in shape]
    noise = gaussian_filter(rng.standard_normal(size, dtype=np.float32), sigma / coarse, mode="wrap")
    smooth: Picture = zoom(noise, coarse, order=1, mode="nearest")[: shape[0], : shape[1]] if coarse > 1 else noise
    return np.asarray((smooth[: shape[0], : shape[1]] - smooth.mean()) / smooth.std())


def _ribs(rows: Picture, columns: Picture) -> Picture:
    """Bent bands with a dense rim."""
    bent = rows - 0.55 * (columns - 0.1) ** 2 + 0.25 * columns
    phase = np.mod(bent + 0.11, 0.23) - 0.115
    profile: Picture = _band(phase, 0.028, rim=0.006)
    return profile * (0.07 + 0.03 * np.tanh(6 * (0.75 - columns)))


def _spine(rows: Picture, columns: Picture) -> Picture:
    """Vertebral bodies with end plates, between discs that let more through."""
    across = columns - 0.74 - 0.05 * (rows - 0.5)
    along = np.mod(rows + 0.02, 0.21) - 0.105
    bodies = 0.24 * _band(across, 0.085, rim=0.008) * (0.62 + 0.38 * _band(along, 0.085, rim=0.007))
    pedicles = sum(np.exp(-((across - side) ** 2 + (along + 0.02) ** 2) / (2 * 0.016**2)) for side in (-0.05, 0.05))
    return np.asarray(bodies + 0.10 * pedicles)


def _band(distance: Picture, half_width: float, *, rim: float) -> Picture:
    """1 inside a band, 0 outside, and 1.3 along its edges, which are about `rim` wide."""
    edge = (np.abs(distance) - half_width) / rim
    return 1 / (1 + np.exp(np.clip(2 * edge, -30, 30))) + 0.45 * np.exp(-0.5 * (edge + 1) ** 2)


def _moving(rows: Picture, columns: Picture, seconds: float, beat: float) -> Picture:
    """The heart's shadow and the abdomen below the diaphragm (Y, X)."""
    radius = (1 - 0.07 * beat) * np.array([0.36, 0.30])
    inside = 1 - ((rows - HEART[0]) / radius[0]) ** 2 - ((columns - HEART[1]) / radius[1]) ** 2
    heart = 0.34 * np.maximum(inside, 0) ** 0.6
    dome = 0.87 + 0.028 * np.sin(2 * np.pi * seconds / BREATH) + 0.35 * (columns - 0.35) ** 2
    abdomen = 0.42 / (1 + np.exp(np.clip((dome - rows) / 0.005, -30, 30)))
    return np.asarray(heart + abdomen, np.float32)


def contraction(seconds: float) -> float:
    """How contracted the heart is, in [0, 1]: quick contraction, slow relaxation."""
    phase = seconds / BEAT % 1.0
    return float(np.sin(np.pi * phase**0.6) ** 2)


def _beating(points: Points, beat: float) -> Points:
    """Points on the heart, drawn in and turned a little by its contraction."""
    arm = points - HEART
    turned = np.stack([arm[:, 0] - 0.06 * beat * arm[:, 1], arm[:, 1] + 0.06 * beat * arm[:, 0]], axis=1)
    return HEART + (1 - 0.10 * beat) * turned + np.array([0.012, 0.008]) * beat


def _tree(rng: np.random.Generator) -> list[Tubes]:
    """Coronary arteries: two trunks from the ostium that wind over the heart, and the thinner branches they shed."""
    ostium = np.array([0.20, 0.50])
    trunks, branches = [], []
    for angle, turn in ((-1.25, 0.9), (0.75, -0.7)):
        trunk = _winding(ostium, angle, turn, 0.62, rng)
        trunks.append((trunk, 0.0))
        for n, start in enumerate(np.linspace(0.22, 0.78, 4)):
            at = int((start + rng.uniform(-0.05, 0.05)) * len(trunk))
            heading = np.arctan2(*(trunk[at + 20] - trunk[at - 20])[::-1]) + (0.7 if n % 2 else -0.7)
            branches.append((_winding(trunk[at], heading, 0.0, rng.uniform(0.16, 0.30), rng), STEP * at))
    return [_tubes(trunks, 0.0072), _tubes(branches, 0.0046)]


def _tubes(curves: list[tuple[Points, float]], sigma: float) -> Tubes:
    along = [start + STEP * np.arange(len(points)) for points, start in curves]
    return Tubes(np.concatenate([points for points, _ in curves]), np.concatenate(along), sigma)


def _winding(start: Points, angle: float, turn: float, length: float, rng: np.random.Generator) -> Points:
    """Points (N, 2) along a winding curve that starts at an `angle` from the row axis and turns by `turn` in all."""
    s = np.arange(0, length, STEP)
    heading = angle + turn * s / length + 0.3 * np.sin(2 * np.pi * (s / rng.uniform(0.12, 0.2) + rng.uniform()))
    return start + STEP * np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)


def _wire(seconds: float, beat: float) -> Tubes:
    """A guidewire under manipulation, out of a sheath that ends above the frame and holds it still up there.

    Its tip is pushed forth and drawn back along a curve. Its body swings with breath, heart and hand by several times
    its width, more so towards the tip, and buckles as it is pushed: few pixels are covered for half of a breath.
    """
    push = np.sin(2 * np.pi * seconds / 3.1)
    advance = 0.50 + 0.06 * push
    s = np.arange(-1.0, advance, STEP)
    out = np.maximum(s - SHEATH, 0)
    swing = 0.035 * np.sin(2 * np.pi * seconds / BREATH) + 0.035 * beat + 0.02 * np.sin(2 * np.pi * seconds / 1.3)
    aside = (0.6 + 0.5 * out) * swing + 0.012 * push * np.sin(2 * np.pi * out / 0.5)
    column = 0.62 - 0.30 * np.maximum(s - 0.1, 0) ** 1.5 + (1 - np.exp(-((out / 0.08) ** 2))) * aside
    hook = 0.06 * np.maximum((s - advance + 0.12) / 0.12, 0) ** 2
    return Tubes(np.stack([s + 0.012 * beat * s, column - hook], axis=1), s, 0.0042)


def splat(position: Points, weight: NDArray[np.float64], shape: tuple[int, int]) -> Picture:
    """A picture whose pixels share each point's weight with their neighbours, bilinearly."""
    whole = np.floor(position).astype(int)
    inside = ((whole >= 0) & (whole < np.array(shape) - 1)).all(axis=1)
    whole, part, weight = whole[inside], (position - np.floor(position))[inside], weight[inside]
    picture = np.zeros(shape[0] * shape[1])
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = np.abs(1 - row - part[:, 0]) * np.abs(1 - column - part[:, 1]) * weight
        picture += np.bincount((whole[:, 0] + row) * shape[1] + whole[:, 1] + column, share, picture.size)
    return picture.reshape(shape).astype(np.float32)
