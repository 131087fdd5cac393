"""A sequence and its detector in words: values with units and standard errors, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.physics.lag import CERTAIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.detector import Detector
    from napari_fluorodenoise.video import Video

__all__ = ["container", "described"]


def container(video: Video) -> Iterator[tuple[str, str]]:
    """What a file says of its sequence, as titles and texts."""
    frames, rows, columns = video.shape
    megabytes = frames * rows * columns * video.dtype.itemsize / 1e6
    yield "sequence", f"{frames} frames of {rows} x {columns} pixels, {video.dtype}, {megabytes:.1f} MB decoded"
    interval = video.frame_interval
    yield "timing", f"{1e3 * interval:.4g} ms per frame, {1 / interval:.4g} frames/s" if interval else "unknown"
    spacing = video.pixel_size
    yield "spacing", f"{spacing[0]:.4g} x {spacing[1]:.4g} mm (rows, columns)" if spacing else "unknown"


def described(detector: Detector, *, linear: bool) -> Iterator[tuple[str, str]]:
    """What was measured, as titles and texts; `linear` values may be told in quanta."""
    yield "noise", _line(detector)
    if linear and not detector.warnings and (quanta := _quanta(detector)):
        yield "dose", quanta
    yield "response", _response(detector)
    yield "lag", _lag(detector)
    yield "drift", _drift(detector)
    yield "collimator", _field(detector.field)
    for warning in detector.warnings:
        yield "warning", warning


def _line(detector: Detector) -> str:
    deviation = float(np.sqrt(detector.variance(detector.level)))
    at = f"{deviation:.3g} rms at the median, {detector.level:.6g}"
    if not len(detector.bins.mean):
        return f"{at}, taken to be the same everywhere"
    slope = f"({detector.slope:.4g} ± {detector.slope_error:.2g}) x intensity"
    sign = "-" if detector.read_variance < 0 else "+"
    read = f"({abs(detector.read_variance):.4g} ± {detector.read_variance_error:.2g})"
    return f"variance = {slope} {sign} {read}; {at}"


def _quanta(detector: Detector) -> str | None:
    """The noise-equivalent quanta at frequency 0: (mean / standard deviation)² of means over large areas, per pixel."""
    spectral = float(detector.variance(detector.level)) * float(detector.autocorrelation.sum())
    if not detector.quantum_share or detector.slope <= CERTAIN * detector.slope_error or spectral <= 0:
        return None
    quanta = detector.level**2 / spectral
    share = f"{detector.quantum_share:.0%} of the noise at the median is the quanta's, the rest read noise"
    return f"{quanta:.3g} noise-equivalent quanta per pixel, if 0 is no signal; {share}"


def _response(detector: Detector) -> str:
    from napari_fluorodenoise.physics.response import FEWEST, fwhm

    if detector.blocks < FEWEST or detector.variance(detector.level) < 1.1 * detector.floor:
        return "cannot be told: too little noise was found, or rounding hides it; it is taken to be white"
    width = fwhm(detector.response)
    size = f" ({width * detector.pixel_size[1]:.3g} mm)" if detector.pixel_size else ""
    shared = detector.autocorrelation.sum() - 1
    return f"{width:.2f} pixels{size} full width at half maximum; noise correlates with its neighbours by {shared:+.0%}"


def _lag(detector: Detector) -> str:
    lag, error = detector.lag
    if not np.isfinite(error):
        return "cannot be told: too little rests between frames, or rounding hides the noise"
    seen, most = lag > CERTAIN * error, lag + CERTAIN * error
    if not seen and most >= 1:
        return "cannot be told: too little rests between frames, or rounding hides the noise"
    share = f"{lag:.1%} ± {error:.1%}" if seen else f"below {most:.1%}"
    share += f" of a frame's {'signal' if detector.quantum_share else 'noise'}"
    if detector.frame_interval is None:
        return f"{share}; in ms only with a frame interval"
    value, spread = _time_constant(lag if seen else most, error, interval=detector.frame_interval)
    return f"{share}, time constant {f'{value:.3g} ± {spread:.2g}' if seen else f'below {value:.3g}'} ms"


def _time_constant(lag: float, error: float, *, interval: float) -> tuple[float, float]:
    """The time constant in ms of a lag exp(-interval / constant), and its standard error."""
    lag = float(np.clip(lag, 1e-9, 0.99))
    constant = -1e3 * interval / np.log(lag)
    return float(constant), float(constant**2 / (1e3 * interval) * error / lag)


def _drift(detector: Detector) -> str:
    value, error = detector.gain_drift, detector.gain_drift_error
    if not np.isfinite(error):
        return "cannot be told: too few frames, or values below 0"
    if abs(value) > CERTAIN * error:
        return f"gain or exposure {value:+.2%} ± {error:.2%} per frame"
    return f"gain and exposure below {abs(value) + CERTAIN * error:.2%} per frame"


def _field(field: NDArray[np.bool_]) -> str:
    if field.all():
        return "none found"
    rows, columns = (np.flatnonzero(field.any(axis=axis)) for axis in (1, 0))
    box = f"rows {rows[0]}:{rows[-1] + 1}, columns {columns[0]}:{columns[-1] + 1}"
    return f"the field is {field.mean():.0%} of the frame, within {box}"
