"""Small line plots as SVG, coloured by the page's style sheet so that they follow its light and its dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.quality.checks import Curve

__all__ = ["plot"]

WIDTH, HEIGHT = 380, 240
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 46
"""Room around the axes, in the units of the drawing."""


def plot(curve: Curve) -> str:
    """`curve` as an SVG element: a line through its points, bars for their errors, a dashed line for `before`."""
    x_range, y_range = _range(curve.x), _y_range(curve)
    x = _scaled(curve.x, x_range, LEFT, WIDTH - RIGHT)
    y, zero = (_scaled(v, y_range, HEIGHT - BOTTOM, TOP) for v in (curve.y, np.zeros(1)))
    parts = [_axes(curve, x_range, y_range)]
    if curve.before is not None:
        before = _scaled(curve.before, y_range, HEIGHT - BOTTOM, TOP)
        parts.append(f'<polyline class="was" points="{_points(x, before)}"/>')
    if y_range[0] < 0:
        parts.append(f'<line class="zero" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{zero[0]:.1f}" y2="{zero[0]:.1f}"/>')
    parts.append(f'<polyline class="line" points="{_points(x, y)}"/>')
    bars = np.zeros_like(curve.y) if curve.error is None else curve.error
    low, high = (_scaled(curve.y + sign * bars, y_range, HEIGHT - BOTTOM, TOP) for sign in (-1, 1))
    for at, middle, a, b in zip(x, y, low, high, strict=True):
        parts.append(f'<line class="bar" x1="{at:.1f}" x2="{at:.1f}" y1="{a:.1f}" y2="{b:.1f}"/>')
        parts.append(f'<circle class="dot" cx="{at:.1f}" cy="{middle:.1f}" r="3"/>')
    title = escape(f"{curve.y_label} against {curve.x_label}")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{"".join(parts)}</svg>'


def _axes(curve: Curve, x_range: tuple[float, float], y_range: tuple[float, float]) -> str:
    base, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<path class="axis" d="M{LEFT} {TOP}V{base}H{right}"/>']
    for value, at in _ticks(x_range, LEFT, right):
        parts.append(f'<text class="tick" x="{at:.1f}" y="{base + 17}" text-anchor="middle">{_told(value)}</text>')
    for value, at in _ticks(y_range, base, TOP):
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{_told(value)}</text>')
    middle = (TOP + base) / 2
    parts.append(f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(curve.x_label)}</text>')
    parts.append(
        f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(curve.y_label)}</text>'
    )
    return "".join(parts)


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _y_range(curve: Curve) -> tuple[float, float]:
    """From 0, or below, to a little above the largest: a small value shall look small."""
    bars = 0 if curve.error is None else curve.error
    values = [curve.y - bars, curve.y + bars, *([] if curve.before is None else [curve.before]), np.zeros(1)]
    low, high = _range(np.concatenate(values))
    room = 0.06 * (high - low)
    return (low - room if low < 0 else 0.0), high + room


def _ticks(limits: tuple[float, float], start: float, stop: float) -> list[tuple[float, float]]:
    """Round values within `limits`, three to eight, and where they are drawn."""
    span = limits[1] - limits[0]
    step = 10.0 ** np.floor(np.log10(span))
    step *= next(part for part in (5, 2, 1, 0.5, 0.2) if span / (step * part) >= 3)
    values = np.arange(np.ceil(limits[0] / step), np.floor(limits[1] / step) + 1) * step
    return [(float(v), float(at)) for v, at in zip(values, _scaled(values, limits, start, stop), strict=True)]


def _told(value: float) -> str:
    """A tick's value: no power of ten below a million, and no minus before 0."""
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value + 0.0:.3g}"


def _scaled(values: NDArray[np.float64], limits: tuple[float, float], start: float, stop: float) -> NDArray[np.float64]:
    return start + (values - limits[0]) / (limits[1] - limits[0]) * (stop - start)


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
