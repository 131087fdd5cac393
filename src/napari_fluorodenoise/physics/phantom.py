"""A simulated fluoroscopy sequence whose truth is known: the sample data, the demo's input, and the tests' yardstick.

Per frame: line integrals of a moving chest -> transmission (Beer-Lambert) -> Poisson quanta, spread by the
scintillator's gain (Swank) -> point response, which blurs signal and noise alike -> gain, electronic noise, ADC.
Scatter, glare, lag and exposure control are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.physics.anatomy import Anatomy, Layers
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Phantom", "phantom"]

GAIN = 16.0
"""Counts per quantum: fine enough that the ADC's rounding is far below the noise."""
SWANK = 0.9
"""Swank factor of a CsI scintillator: the variance of the quanta is divided by it."""
FRAME_INTERVAL = 1 / 15
PIXEL_SIZE = 0.3


@dataclass(frozen=True, kw_only=True, eq=False)
class Phantom:
    """A noisy sequence and its truth, in the sequence's units; arrays are (T, Y, X) float32 unless said otherwise.

    `noisy` is the sequence, uint16. `clean` is its noise-free mean as the detector blurs it; `background` is the same
    without wire and contrast agent; `wire` is what the wire takes away (clean minus clean without wire, <= 0).
    `offsets` (T, 2) float64 pixels (row, column) say where a frame's pixel (0, 0) lies in frame 0. `response` (k, k) is
    the point response, sum 1. The noise variance is `slope` * clean + `read_variance`. `field` (Y, X) is True inside
    the collimator.
    """

    noisy: Video
    clean: NDArray[np.float32]
    background: NDArray[np.float32]
    wire: NDArray[np.float32]
    offsets: NDArray[np.float64]
    response: NDArray[np.float64]
    slope: float
    read_variance: float
    field: NDArray[np.bool_]


def phantom(
    *,
    frames: int = 40,
    shape: tuple[int, int] = (256, 256),
    photons: float = 60.0,
    pan: float | ArrayLike = 0.0,
    read_noise: float = 2.0,
    collimated: bool = False,
    rng: np.random.Generator | int = 0,
) -> Phantom:
    """A simulated sequence of `frames` frames of `shape` (Y, X) pixels, with its truth.

    `photons` is the mean number of quanta detected per pixel in the field, `pan` the detector's speed in pixels per
    frame or the offsets (T, 2) themselves, `read_noise` the electronic noise in quanta (rms). `collimated` adds a
    collimator's border.
    """
    rng = np.random.default_rng(rng)
    offsets = _offsets(frames, pan, extent=0.5 * min(shape))
    anatomy = Anatomy(shape=shape, reach=int(np.abs(offsets).max()) + 1, rng=rng)
    field, response = _field(shape, collimated), _response()
    truth = {name: np.empty((frames, *shape), np.float32) for name in ("clean", "background", "wire")}
    noisy = np.empty((frames, *shape), np.uint16)
    fluence: NDArray[np.float32] | None = None
    for t, offset in enumerate(offsets):
        layers = anatomy.layers(seconds=t * FRAME_INTERVAL, offset=offset, contrast=_contrast(t, frames))
        if fluence is None:
            fluence = _fluence(layers.background, field, photons)
        quanta, means = _means(layers, fluence, response)
        for name, mean in means.items():
            truth[name][t] = mean
        noisy[t] = _detect(quanta, response, read_noise=read_noise, rng=rng)
    return Phantom(
        noisy=Video(data=noisy, frame_interval=FRAME_INTERVAL, pixel_size=(PIXEL_SIZE, PIXEL_SIZE)),
        **truth,
        offsets=offsets,
        response=response,
        slope=GAIN * float((response**2).sum()) / SWANK,
        read_variance=(GAIN * read_noise) ** 2 + 1 / 12,
        field=field > 0.5,
    )


def _offsets(frames: int, pan: float | ArrayLike, *, extent: float) -> NDArray[np.float64]:
    """The offsets (T, 2) of a `pan`: a speed, or the offsets themselves."""
    path = np.asarray(pan, np.float64)
    if path.ndim == 0:
        return _pan(frames, speed=float(path), extent=extent)
    if path.shape != (frames, 2):
        raise ValueError(f"expected a speed or offsets of shape ({frames}, 2) as pan, found {path.shape}; match frames")
    return path


def _pan(frames: int, *, speed: float, extent: float) -> NDArray[np.float64]:
    """Offsets (T, 2) along an ellipse, at a constant speed: never further than twice `extent` pixels."""
    angle = np.linspace(0, 2 * np.pi, 4097)
    ellipse = extent * np.stack([np.cos(angle) - 1, 0.6 * np.sin(angle)], axis=1)
    travelled = np.r_[0, np.cumsum(np.hypot(*np.diff(ellipse, axis=0).T))]
    distance = np.mod(speed * np.arange(frames), travelled[-1])
    return np.stack([np.interp(distance, travelled, ellipse[:, axis]) for axis in (0, 1)], axis=1)


def _contrast(t: int, frames: int) -> float:
    """How far the contrast agent has flowed in, 0 to 1, in frame `t`."""
    return float(np.clip(t / max(frames - 1, 1) * 1.6 - 0.1, 0, 1))


def _response() -> NDArray[np.float64]:
    """A scintillator's point response (9, 9), FWHM about 1.3 pixels: a narrow core and a broader foot."""
    axis = np.arange(-4, 5)
    radius = axis[:, None] ** 2 + axis[None, :] ** 2
    core, foot = (np.exp(-radius / (2 * sigma**2)) for sigma in (0.52, 1.2))
    return np.asarray(0.8 * core / core.sum() + 0.2 * foot / foot.sum())


def _field(shape: tuple[int, int], collimated: bool) -> NDArray[np.float64]:
    """How open the collimator is (Y, X), 0 to 1: all of the frame, or a slightly turned rectangle within it."""
    if not collimated:
        return np.ones(shape)
    rows, columns = (np.linspace(-1, 1, n) for n in shape)
    turned_rows = rows[:, None] + 0.03 * columns[None, :]
    turned_columns = columns[None, :] - 0.03 * rows[:, None]
    inside = np.minimum(0.86 - np.abs(turned_rows), 0.82 - np.abs(turned_columns)) * min(shape) / 2
    return np.asarray(1 / (1 + np.exp(np.clip(-inside / 0.7, -30, 30))))


def _fluence(background: NDArray[np.float32], field: NDArray[np.float64], photons: float) -> NDArray[np.float32]:
    """Quanta per pixel that reach the patient (Y, X), so that `photons` are detected on average in the field."""
    transmitted = np.exp(-background)[field > 0.5].mean()
    return np.asarray(photons / transmitted * np.maximum(field, 0.02), np.float32)


def _means(
    layers: Layers, fluence: NDArray[np.float32], response: NDArray[np.float64]
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """The mean quanta before the detector's blur, and the means in counts after it."""
    background = fluence * np.exp(-layers.background)
    without_wire = background * np.exp(-layers.vessels)
    quanta = without_wire * np.exp(-layers.wire)
    clean = GAIN * _blur(quanta, response)
    wire = clean - GAIN * _blur(without_wire, response)
    return quanta, {"clean": clean, "background": GAIN * _blur(background, response), "wire": wire}


def _detect(
    quanta: NDArray[np.float32], response: NDArray[np.float64], *, read_noise: float, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """One exposure, in counts."""
    caught = rng.poisson(quanta).astype(np.float32)
    caught += np.sqrt(caught * np.float32(1 / SWANK - 1)) * rng.standard_normal(quanta.shape, dtype=np.float32)
    signal = _blur(caught, response) + np.float32(read_noise) * rng.standard_normal(quanta.shape, dtype=np.float32)
    return np.clip(np.rint(GAIN * signal), 0, 65535).astype(np.uint16)


def _blur(image: NDArray[np.float32], response: NDArray[np.float64]) -> NDArray[np.float32]:
    import cv2

    blurred: NDArray[np.float32] = cv2.filter2D(image, cv2.CV_32F, response, borderType=cv2.BORDER_REFLECT_101)
    return blurred
