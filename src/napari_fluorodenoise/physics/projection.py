"""Line integrals of a CT volume along the rays of a C-arm: what a fluoroscope would look through.

Positions are in mm along the patient's axes: x to the left, y to the back, z to the head (LPS), counted from the
volume's centre; angles as DICOM has them. At 0, 0 the source lies behind the patient and the detector in front; LAO
turns the detector to the patient's left, CRA to the head. Rows run to the feet and columns to the patient's left, as
seen by somebody who faces the patient.

A ray that meets the detector at row i, column j leaves the source s along D = A (j, i, 1). In voxel numbers it meets
the plane k of axis a at s + (k - s_a) D / D_a: a homography from the detector to the plane, so a plane costs one warp
(OpenCV's) and the volume one warp per plane. Laws: what the rays see adds (`project` is linear in the volume); a slab
of thickness d and attenuation mu shows mu d / cos(angle of the ray); a thing halfway to the source is twice as large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

__all__ = ["WATER", "Geometry", "Pose", "Projector", "Route", "Volume", "Wire", "rays", "scene"]

WATER = 0.0206
"""Linear attenuation of water at 60 keV, 1/mm: 0.2059 cm2/g, NIST Standard Reference Database 126."""

UPRIGHT = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""The directions of a volume whose slices go to the head, rows to the back and columns to the left."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Volume:
    """A CT volume: `data` (Z, Y, X) float32, HU, `spacing` (z, y, x) mm between voxels.

    `directions` (3, 3) are where the data's axes z, y and x point, one row each, as unit vectors (x, y, z) along the
    patient's axes: the data may lie in any order and be tilted, as by a gantry.
    """

    data: NDArray[np.float32]
    spacing: tuple[float, float, float]
    directions: NDArray[np.float64] = field(default_factory=UPRIGHT.copy)

    def __post_init__(self) -> None:
        if self.data.ndim != 3 or 0 in self.data.shape:
            raise ValueError(f"expected a volume (Z, Y, X), found an array of shape {self.data.shape}; pick one volume")
        if len(self.spacing) != 3 or not all(0 < step < np.inf for step in self.spacing):
            raise ValueError(f"expected a spacing (z, y, x) above 0 mm, found {self.spacing}; correct it")
        if self.directions.shape != (3, 3) or not abs(np.linalg.det(self.directions)) > 0.1:
            raise ValueError(f"expected three directions in space, found {self.directions.tolist()}; correct them")

    @property
    def steps(self) -> NDArray[np.float64]:
        """The way (x, y, z) in mm from one voxel to the next along z, y and x, one row each."""
        return np.asarray(self.directions * np.array(self.spacing)[:, None])


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """A C-arm: mm from the source to the detector and to the isocentre, mm per detector pixel, (Y, X) pixels."""

    source_detector: float = 1000.0
    source_patient: float = 750.0
    pixel: float = 0.4
    shape: tuple[int, int] = (512, 512)

    def __post_init__(self) -> None:
        if not 0 < self.source_patient < self.source_detector < np.inf:
            found = f"{self.source_patient:g} and {self.source_detector:g} mm"
            raise ValueError(f"expected the patient between source and detector, found them {found} from the source")
        if not (0 < self.pixel < np.inf and min(self.shape) > 0):
            raise ValueError(f"expected pixels, found {self.shape} of {self.pixel} mm; give sizes above 0")

    @property
    def magnification(self) -> float:
        """How much larger what lies in the isocentre is on the detector."""
        return self.source_detector / self.source_patient


@dataclass(frozen=True)
class Pose:
    """Where the arm stands: degrees to the patient's left (LAO, RAO below 0) and head (CRA, CAU below 0).

    `centre` (x, y, z) in mm is where its isocentre lies in the patient: the table's shift, with the other sign.
    """

    lao: float = 0.0
    cra: float = 0.0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Route:
    """The pose at a time: `route(seconds)`. Starts in `start`, turns to the left at `turn` degrees/s, and pans.

    Panning, the isocentre runs at `speed` mm/s along a circle of `radius` mm between the patient's left and head.
    """

    start: Pose = Pose()
    turn: float = 0.0
    speed: float = 0.0
    radius: float = 25.0

    def __call__(self, seconds: float) -> Pose:
        """The pose after `seconds`."""
        angle = self.speed * seconds / self.radius
        x, y, z = self.start.centre
        centre = (x + self.radius * float(np.sin(angle)), y, z + self.radius * float(np.cos(angle) - 1))
        return Pose(self.start.lao + self.turn * seconds, self.start.cra, centre)


def rays(geometry: Geometry, pose: Pose) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(source, beam): the source (3,) in mm, and A (3, 3) with the ray A (column, row, 1) from it to the detector."""
    lao, cra = np.deg2rad([pose.lao, pose.cra])
    ahead = np.array([np.sin(lao) * np.cos(cra), -np.cos(lao) * np.cos(cra), np.sin(cra)])  # to the detector
    left = np.array([np.cos(lao), np.sin(lao), 0.0])
    down = np.array([np.sin(lao) * np.sin(cra), -np.cos(lao) * np.sin(cra), -np.cos(cra)])
    rows, columns = geometry.shape
    corner = geometry.source_detector * ahead
    corner = corner - geometry.pixel * ((columns - 1) / 2 * left + (rows - 1) / 2 * down)
    source = np.array(pose.centre) - geometry.source_patient * ahead
    return source, np.stack([geometry.pixel * left, geometry.pixel * down, corner], axis=1)


class Projector:
    """`projector(pose)`: the line integrals (Y, X) float32 of a volume, seen from there.

    HU become mu = `water` (1 + HU / 1000), at least 0: one energy, so no beam hardening, and bone and contrast agent
    as if they were dense water. Error: that of linear interpolation; a jump below it where the beam swings from one
    axis to the next (about 45 degrees). Cost: one warp of the frame per plane, two copies of the volume in memory.
    """

    def __init__(self, volume: Volume, *, geometry: Geometry, water: float = WATER) -> None:
        self.geometry = geometry
        self._to_voxels = np.linalg.inv(volume.steps.T)[::-1]  # (x, y, z) mm -> voxels (x, y, z)
        self._centre = (np.array(volume.data.shape[::-1]) - 1) / 2
        self._attenuation = np.asarray(volume.data, np.float32) * np.float32(water / 1000)
        self._attenuation += np.float32(water)
        np.maximum(self._attenuation, 0, out=self._attenuation)
        self._planes = lru_cache(maxsize=1)(self._stack)

    def __call__(self, pose: Pose) -> Picture:
        """The line integrals from `pose`; what lies behind the source or the detector is not seen."""
        import cv2

        source, beam = rays(self.geometry, pose)
        start, way = self._to_voxels @ source + self._centre, self._to_voxels @ beam
        rows, columns = self.geometry.shape
        crossed = way @ [(columns - 1) / 2, (rows - 1) / 2, 1.0]  # voxels, by the ray in the middle
        axis = int(np.abs(crossed).argmax())  # most planes, shortest steps
        depth = _over(way[axis], self.geometry.shape)  # voxels crossed along `axis`, from source to detector
        others = [other for other in range(3) if other != axis]
        total = np.zeros((rows, columns), np.float32)
        for k, plane in self._planes(axis):
            seen = _between((k - start[axis]) / depth[[0, 0, -1, -1], [0, -1, 0, -1]])
            if seen == "none":
                continue
            to_plane = [start[p] * way[axis] + (k - start[axis]) * way[p] for p in others]
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            part = cv2.warpPerspective(plane, np.stack([*to_plane, way[axis]]), (columns, rows), flags=flags)
            total += part if seen == "all" else part * (np.abs((k - start[axis]) / depth - 0.5) < 0.5)
        length = np.sqrt(sum(_over(row, self.geometry.shape) ** 2 for row in beam))
        return np.asarray(total * (length / np.abs(depth)), np.float32)

    def _stack(self, axis: int) -> list[tuple[int, Picture]]:
        """The planes across `axis` (0 is x) that hold anything, with their numbers.

        Their columns run along the first of the axes x, y, z that are left, their rows along the second. Kept for the
        next call: a plane across x is scattered all over the memory.
        """
        planes = np.ascontiguousarray(np.moveaxis(self._attenuation, 2 - axis, 0))
        return [(k, plane) for k, plane in enumerate(planes) if plane.any()]


def _over(row: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """The linear form (column, row, 1) on every pixel (Y, X)."""
    rows, columns = shape
    return np.asarray(row[0] * np.arange(columns)[None, :] + row[1] * np.arange(rows)[:, None] + row[2])


def _between(way: NDArray[np.float64]) -> str:
    """How many of the places, parts of the `way` from source to detector, lie between them: all, some or none."""
    if ((way > 0) & (way < 1)).all():
        return "all"
    return "none" if (way <= 0).all() or (way >= 1).all() else "some"


class Wire(Protocol):
    """A moving thing that adds to what the volume shows."""

    def line_integrals(self, seconds: float, *, geometry: Geometry, pose: Pose) -> NDArray[Any]:
        """(Y, X) float32 at a time, seen from `pose`."""


def scene(
    volume: Volume, *, geometry: Geometry, route: Callable[[float], Pose], wire: Wire | None = None
) -> Callable[[float], Picture]:
    """A function from a time in s to the line integrals (Y, X) float32 of the volume and the wire, while the arm moves.

    The volume is projected anew only when the pose has changed.
    """
    volume_from = lru_cache(maxsize=1)(Projector(volume, geometry=geometry))

    def look(seconds: float) -> Picture:
        pose = route(seconds)
        if wire is None:
            return volume_from(pose).copy()
        return np.asarray(volume_from(pose) + wire.line_integrals(seconds, geometry=geometry, pose=pose), np.float32)

    return look
