"""Rectangles in the viewer as boxes of a sequence's pixels: what was drawn, and what the window shows. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Layer, Shapes
from numpy.typing import NDArray

from napari_fluorodenoise.part import Box

__all__ = ["drawn_boxes", "viewed_box"]

ROUNDING = 1e-3
"""Pixels by which a shape may reach over an edge: napari keeps shapes in float32."""


def drawn_boxes(shapes: Shapes, source: Image) -> tuple[Box, ...]:
    """The boxes around every shape, in pixels of `source` (T, Y, X), clipped to its frames.

    Raises ValueError where nothing was drawn, or nothing of it lies on the frames.
    """
    boxes = tuple(_clipped(_on(source, shapes, np.asarray(shape, float)), source) for shape in shapes.data)
    inside = tuple(box for box in boxes if box[0] < box[1] and box[2] < box[3])
    if not inside:
        found = "none of its shapes on the frames" if boxes else "nothing drawn"
        raise ValueError(f"expected a rectangle in {shapes.name!r} on {source.name!r}, found {found}; draw one")
    return inside


def viewed_box(source: Image) -> Box:
    """The part of the frames of `source` that its window shows; all of them where it has none, or shows none."""
    low, high = np.asarray(source.corner_pixels)[:, -2:]
    box = _clipped(np.array([low, high + 1], float), source)
    rows, columns = source.data.shape[-2:]
    return box if box[0] < box[1] - 1 and box[2] < box[3] - 1 else (0, rows, 0, columns)


def _on(source: Layer, drawn: Layer, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """`vertices` (n, 2 or 3) of the layer `drawn` as rows and columns (n, 2) in pixels of `source`."""
    world = np.array([drawn.data_to_world(vertex)[-2:] for vertex in vertices])
    return np.array([source.world_to_data((0, *point))[-2:] for point in world]) + 0.5  # pixels' corners, not middles


def _clipped(corners: NDArray[Any], source: Image) -> Box:
    rows, columns = source.data.shape[-2:]
    low = np.floor(corners.min(axis=0) + ROUNDING).astype(int)
    high = np.ceil(corners.max(axis=0) - ROUNDING).astype(int)
    (top, left), (bottom, right) = np.maximum(low, 0), np.minimum(high, (rows, columns))
    return int(top), int(bottom), int(left), int(right)
