"""What was drawn in a Shapes layer, in the pixels of a sequence: lines to look along, regions to measure in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Shapes
from numpy.typing import NDArray

from napari_fluorodenoise.widgets.layers import KEY, record_of

__all__ = ["Line", "drawing_on", "is_drawing", "is_line", "line_of", "mask_of", "profile", "vertices"]

LINES = ("line", "path")
DRAWING = "drawing"
"""Stands in the record of a layer that was added to draw in, with what is drawn."""
ROUND = 64
"""Corners of the polygon that stands for an ellipse."""


@dataclass(frozen=True, eq=False)
class Line:
    """`points` (D, 2) px (row, column), a smallest pixel side apart, and the `length` between first and last.

    The length is in mm, or in pixels where `unit` says so.
    """

    points: NDArray[np.float64]
    length: float
    unit: str


def drawing_on(layer: Image, *, name: str, colour: str) -> Shapes:
    """An empty Shapes layer (Y, X), for all frames of `layer` and placed like it."""
    return Shapes(
        ndim=2,
        name=name,
        scale=layer.scale[1:],
        translate=layer.translate[1:],
        rotate=layer.rotate[1:, 1:],
        shear=layer.shear[-1:],
        affine=layer.affine.affine_matrix[1:, 1:],
        units=layer.units[1:],
        axis_labels=layer.axis_labels[1:],
        edge_color=colour,
        face_color="transparent",
        edge_width=max(min(layer.data.shape[1:]) / 200, 1),
        metadata={KEY: {DRAWING: name}},
    )


def is_drawing(shapes: Shapes, what: str) -> bool:
    """True for a layer that `drawing_on` made for `what`, whatever it is called now; False for the user's own."""
    return record_of(shapes).get(DRAWING) == what


def is_line(shapes: Shapes, index: int) -> bool:
    """True for a line or a path, False for what has an area."""
    return shapes.shape_type[index] in LINES


def vertices(shapes: Shapes, index: int, *, on: Image) -> NDArray[np.float64]:
    """The corners (N, 2) px (row, column) of a shape, in the pixels of `on`; an ellipse is a polygon."""
    world = [shapes.data_to_world(corner)[-2:] for corner in np.asarray(shapes.data[index], np.float64)]
    time = on.data_to_world((0, 0, 0))[0]
    corners = np.array([on.world_to_data((time, *place))[1:] for place in world])
    return _ellipse(corners) if shapes.shape_type[index] == "ellipse" else corners


def mask_of(corners: NDArray[np.float64], *, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where, in frames of `shape` (Y, X), the middles of the pixels lie in a polygon of `corners` (N, 2) px."""
    from skimage.draw import polygon2mask

    return np.asarray(polygon2mask(shape, corners), bool)


def line_of(corners: NDArray[np.float64], *, pixel_size: tuple[float, float] | None) -> Line:
    """The line through `corners` (N, 2) px, in steps of the smaller side of the pixels (row, column) in mm."""
    size = np.asarray(pixel_size or (1.0, 1.0))
    reached = np.concatenate([[0.0], np.cumsum(np.hypot(*(np.diff(corners, axis=0) * size).T))])
    distance = np.linspace(0.0, reached[-1], max(round(reached[-1] / size.min()), 1) + 1)
    points = np.stack([np.interp(distance, reached, axis) for axis in corners.T], axis=1)
    return Line(points, float(reached[-1]), "px" if pixel_size is None else "mm")


def profile(frame: Any, line: Line, *, width: int = 1) -> NDArray[np.float32]:
    """The values (D,) of `frame` (Y, X) along `line`, float32, the mean of `width` px across it; NaN outside.

    Between pixels the values are interpolated linearly, which correlates the noise of neighbours a little.
    """
    from scipy.ndimage import map_coordinates

    tangent = np.gradient(line.points, axis=0)
    normal = tangent[:, ::-1] * (-1, 1) / np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    across = np.arange(width) - (width - 1) / 2
    where = line.points.T[:, np.newaxis] + across[:, np.newaxis] * normal.T[:, np.newaxis]  # (2, width, D)
    values = map_coordinates(np.asarray(frame), where, output=np.float32, order=1, cval=np.nan)
    return np.asarray(values.mean(axis=0), np.float32)


def _ellipse(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The polygon of an ellipse, which napari keeps as the `corners` (4, n) of the rectangle around it."""
    middle = corners.mean(axis=0)
    first, second = (corners[1] - corners[0]) / 2, (corners[2] - corners[1]) / 2
    turn = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)[:, np.newaxis]
    return np.asarray(middle + np.cos(turn) * first + np.sin(turn) * second)
