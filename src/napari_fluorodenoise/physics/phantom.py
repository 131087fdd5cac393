"""A simulated fluoroscopy sequence whose truth is known: the sample data, the demo's input, and the tests' yardstick.

The line integrals of a moving chest go through an imaging chain (`physics.chain`), by default one of photon noise,
a scintillator's blur of signal and noise alike, and electronic noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.physics.anatomy import Anatomy
from napari_fluorodenoise.physics.chain.beam import Beam
from napari_fluorodenoise.physics.chain.chain import ImagingChain
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Phantom", "phantom"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Phantom:
    """A noisy sequence and its truth, in the sequence's units; arrays are (T, Y, X) float32 unless said otherwise.

    `noisy` is the sequence as the `chain` stores it, uint16 by default. `clean` is its noise-free mean, linear in
    X-rays: blurred as the detector does, before any display and before the ADC cuts off what noise made negative, which
    raises the noisy mean below some 5 photons; `background` is the same without wire and contrast agent;
    `wire` is what the wire takes away (clean minus clean without wire, <= 0). `offsets` (T, 2) float64 pixels (row,
    column) say where a frame's pixel (0, 0) lies in frame 0. The noise variance is `slope` * (clean - the chain's
    offset) + `read_variance`, but for lag, drift and a display. `field` (Y, X) is True inside the collimator.
    """

    noisy: Video
    clean: NDArray[np.float32]
    background: NDArray[np.float32]
    wire: NDArray[np.float32]
    offsets: NDArray[np.float64]
    field: NDArray[np.bool_]
    chain: ImagingChain

    @property
    def response(self) -> NDArray[np.float64]:
        """The point response (k, k), sum 1."""
        return self.chain.response

    @property
    def slope(self) -> float:
        """How fast the noise variance grows with `clean`, in counts."""
        return self.chain.slope

    @property
    def read_variance(self) -> float:
        """The noise variance without X-rays, in counts squared."""
        return self.chain.read_variance


def phantom(
    *,
    frames: int = 40,
    shape: tuple[int, int] = (256, 256),
    photons: float | None = None,
    pan: float | ArrayLike = 0.0,
    read_noise: float | None = None,
    collimated: bool = False,
    still: bool = False,
    chain: ImagingChain | None = None,
    rng: np.random.Generator | int = 0,
) -> Phantom:
    """A simulated sequence of `frames` frames of `shape` (Y, X) pixels, with its truth.

    `photons` is the mean number of quanta detected per pixel in the field, and `read_noise` the electronic noise in
    quanta (rms); where given they replace those of the `chain`, which has 60 and 2 by default. `pan` is the detector's
    speed in pixels per frame or the offsets (T, 2) themselves. `collimated` adds a collimator's border. `still` holds
    heart, breath, wire and contrast agent as in frame 0.
    """
    rng = np.random.default_rng(rng)
    chain = _chain(chain or ImagingChain(), photons=photons, read_noise=read_noise)
    offsets = _offsets(frames, pan, extent=0.5 * min(shape))
    anatomy = Anatomy(shape=shape, reach=int(np.abs(offsets).max()) + 1, rng=rng)
    scene = _scene(anatomy, offsets, frame_interval=chain.frame_interval, still=still)
    field = _field(shape, collimated)
    fluence = chain.beam.fluence(scene(0.0)[0], field=field)
    truth = {name: np.empty((frames, *shape), np.float32) for name in ("clean", "background", "wire")}
    noisy = np.empty((frames, *shape), chain.dtype)
    for t, exposed in enumerate(chain.expose(scene, frames=frames, fluence=fluence, rng=rng)):
        background, without_wire, clean = exposed.means
        noisy[t], truth["clean"][t], truth["background"][t] = exposed.frame, clean, background
        truth["wire"][t] = clean - without_wire
    return Phantom(
        noisy=_video(noisy, chain),
        **truth,
        offsets=offsets,
        field=field > 0.5,
        chain=chain,
    )


def _chain(chain: ImagingChain, *, photons: float | None, read_noise: float | None) -> ImagingChain:
    """The `chain` with another dose and electronic noise, where they are given."""
    if photons is not None:
        chain = replace(chain, beam=Beam(photons=photons))
    if read_noise is None:
        return chain
    if chain.electronics is None:
        raise ValueError(f"expected a chain with electronics for read_noise={read_noise:g}, found none; leave it out")
    return replace(chain, electronics=replace(chain.electronics, read_noise=read_noise))


def _video(frames: NDArray[np.generic], chain: ImagingChain) -> Video:
    spacing = (chain.pixel_size, chain.pixel_size)
    video = Video(data=frames, frame_interval=chain.frame_interval, pixel_size=spacing)
    return video if chain.display is None else replace(video, intensity="display")


def _scene(
    anatomy: Anatomy, offsets: NDArray[np.float64], *, frame_interval: float, still: bool
) -> Callable[[float], NDArray[np.float32]]:
    """The line integrals (3, Y, X) of background, contrast agent and wire, at a time in s."""
    times = np.arange(len(offsets))

    def scene(seconds: float) -> NDArray[np.float32]:
        t = round(seconds / frame_interval, 9)  # whole at a frame's time, where the offsets are known exactly
        offset = np.array([np.interp(t, times, offsets[:, axis]) for axis in (0, 1)])
        moment = 0.0 if still else seconds
        layers = anatomy.layers(seconds=moment, offset=offset, contrast=_contrast(0 if still else t, len(offsets)))
        return np.stack([layers.background, layers.vessels, layers.wire])

    return scene


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


def _contrast(t: float, frames: int) -> float:
    """How far the contrast agent has flowed in, 0 to 1, at frame `t`."""
    return float(np.clip(t / max(frames - 1, 1) * 1.6 - 0.1, 0, 1))


def _field(shape: tuple[int, int], collimated: bool) -> NDArray[np.float64]:
    """How open the collimator is (Y, X), 0 to 1: all of the frame, or a slightly turned rectangle within it."""
    if not collimated:
        return np.ones(shape)
    rows, columns = (np.linspace(-1, 1, n) for n in shape)
    turned_rows = rows[:, None] + 0.03 * columns[None, :]
    turned_columns = columns[None, :] - 0.03 * rows[:, None]
    inside = np.minimum(0.86 - np.abs(turned_rows), 0.82 - np.abs(turned_columns)) * min(shape) / 2
    return np.asarray(1 / (1 + np.exp(np.clip(-inside / 0.7, -30, 30))))
