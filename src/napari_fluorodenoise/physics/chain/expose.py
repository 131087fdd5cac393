"""Frame by frame through the chain: the order of the parts, and the state between frames.

Lag stands before the amplifier, where the charge is: quanta trapped in scintillator and photodiodes come out in later
frames and are amplified then, while electronic noise is fresh in every frame and lags nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.physics.chain.scintillator import blurred

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.chain.chain import ImagingChain

    Picture = NDArray[np.float32]
    Scene = Callable[[float], Picture] | Iterable[Picture]

__all__ = ["Exposed", "expose"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Exposed:
    """One frame: `frame` (Y, X) as stored, and `means` (K, Y, X) float32, noise-free counts before any display.

    `means` hold the scene's first part alone, the first two, and so on; the last is the mean of the frame. They see
    the same fixed pattern, drift, lag and dose. `dose` is what brightness control made of the first frame's.
    """

    frame: NDArray[Any]
    means: Picture
    dose: float

    @property
    def mean(self) -> Picture:
        """The noise-free frame (Y, X) float32, in counts."""
        mean: Picture = self.means[-1]
        return mean


def expose(
    chain: ImagingChain, scene: Scene, *, frames: int, fluence: Picture | None, rng: np.random.Generator
) -> Iterator[Exposed]:
    """The frames of a `scene`, as the package describes it; `fluence` (Y, X) in quanta per pixel."""
    dose, pattern, held, before = 1.0, None, None, None
    for t, moments in enumerate(_moments(chain, scene, frames)):
        fluence = _fluence(chain, moments, fluence)
        pattern = _pattern(chain, fluence.shape, rng) if pattern is None else pattern
        charge = _charge(chain, _quanta(chain, moments, np.float32(dose) * fluence), rng)
        if chain.lag is not None:
            # the beam was on before frame 0: the traps start full, and of many frames before little noise is left
            held = chain.lag.steady(np.r_[charge[:-1], charge[-2:-1]]) if held is None else held
            charge, held = chain.lag.step(charge, held=held, frame_interval=chain.frame_interval)
        charge *= pattern if chain.drift is None else np.float32(chain.drift.gain(t)) * pattern
        means, counts = _read(chain, charge, rng)
        if chain.display is None:
            yield Exposed(frame=counts, means=means, dose=dose)
        else:
            before = chain.display.filtered(counts, before=before)
            shown = chain.display.shown(before, pixel_size=chain.pixel_size)
            yield Exposed(frame=shown, means=means, dose=dose)
        if chain.brightness is not None:
            dose = chain.brightness.after(dose, counts, offset=chain.offset)


def _moments(chain: ImagingChain, scene: Scene, frames: int) -> Iterator[list[Picture]]:
    """For each frame the scene's parts (K, Y, X), at each moment of its pulse."""
    if callable(scene):
        moments = (0.0,) if chain.exposure is None else chain.exposure.moments
        for t in range(frames):
            yield [_parts(scene(t * chain.frame_interval + moment)) for moment in moments]
        return
    if chain.exposure is not None:
        raise ValueError(
            "expected a scene that gives line integrals at any time, for the chain has an exposure; found one picture "
            "per frame: pass a callable of seconds, or leave the exposure out"
        )
    given = iter(scene)
    for t in range(frames):
        picture = next(given, None)
        if picture is None:
            raise ValueError(f"expected a picture for each of {frames} frames, found {t}; ask for fewer frames")
        yield [_parts(picture)]


def _parts(picture: Picture) -> Picture:
    """Line integrals (K, Y, X) float32 of a scene's parts, one where it has none."""
    parts = np.asarray(picture, np.float32)
    return parts[None] if parts.ndim == 2 else parts


def _fluence(chain: ImagingChain, moments: list[Picture], fluence: Picture | None) -> Picture:
    """The `fluence` (Y, X), by default that of the beam; raises ValueError where the scene does not suit it."""
    shape = moments[0].shape[-2:] if fluence is None else fluence.shape
    for parts in moments:
        if parts.ndim != 3 or parts.shape[1:] != shape:
            raise ValueError(f"expected line integrals (Y, X) or (K, Y, X) with (Y, X) = {shape}, found {parts.shape}")
        if not np.isfinite(parts).all():
            raise ValueError("expected finite line integrals, found NaN or infinity; replace them in the scene")
    return chain.beam.fluence(moments[0].sum(axis=0)) if fluence is None else fluence


def _pattern(chain: ImagingChain, shape: tuple[int, ...], rng: np.random.Generator) -> Picture:
    if chain.electronics is None:
        return np.ones(shape, np.float32)
    return chain.electronics.pattern((shape[0], shape[1]), rng=rng)


def _quanta(chain: ImagingChain, moments: list[Picture], fluence: Picture) -> Picture:
    """The mean quanta (K, Y, X) that reach the detector during the pulse."""
    pulse = [chain.beam.transmitted(parts, fluence=fluence) for parts in moments]
    quanta = np.asarray(sum(pulse[1:], pulse[0]) / np.float32(len(pulse)))
    for part in (chain.scatter, chain.glare):
        if part is not None:
            quanta = np.stack([part.added(mean, pixel_size=chain.pixel_size) for mean in quanta])
    return quanta


def _charge(chain: ImagingChain, quanta: Picture, rng: np.random.Generator) -> Picture:
    """Charge (K + 1, Y, X) in quanta: that of each mean in `quanta` (K, Y, X), and one draw from the last of them."""
    if chain.scintillator is None:
        return np.concatenate([quanta, rng.poisson(quanta[-1:]).astype(np.float32)])
    light = *quanta, chain.scintillator.caught(quanta[-1], rng=rng)
    return np.stack([blurred(image, chain.response) for image in light])


def _read(chain: ImagingChain, charge: Picture, rng: np.random.Generator) -> tuple[Picture, NDArray[Any]]:
    """The noise-free counts (K, Y, X), and the counts as stored (Y, X)."""
    if chain.electronics is None:
        return charge[:-1], charge[-1]
    return chain.electronics.amplified(charge[:-1]), chain.electronics.read(charge[-1], rng=rng)
