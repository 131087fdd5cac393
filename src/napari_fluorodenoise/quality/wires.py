"""What becomes of a thin wire: its width, its depth, and how its contrast follows the contrast that was put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.quality.scenes import Denoiser, across, applied, exposed, jackknife, still, wire

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.chain import ImagingChain

__all__ = ["Insertion", "WireProfile", "insertion_slope", "wire_profile"]

REACH = 10.0
"""Pixels on either side of the wire that are looked at."""
CORE = 0.5
"""Pixels on either side of the wire's middle, over which its depth is averaged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WireProfile:
    """A wire across: `distance` (B,) in pixels, `denoised` and `true` (B,) the depth there, in counts.

    `width` is the FWHM of the denoised wire in pixels, `true_width` without noise and denoising; `depth_ratio` the
    depth in the middle, denoised over true. The errors are standard errors.
    """

    distance: NDArray[np.float64]
    denoised: NDArray[np.float64]
    true: NDArray[np.float64]
    width: float
    width_error: float
    true_width: float
    depth_ratio: float
    depth_error: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Insertion:
    """Contrasts put in and found again (C,), and the `slope` of the line through them; the errors are standard errors.

    Ideal is a slope of 1 and an `offset` of 0: a smaller slope loses signal, an offset is contrast that nobody put in.
    """

    inserted: NDArray[np.float64]
    recovered: NDArray[np.float64]
    errors: NDArray[np.float64]
    slope: float
    slope_error: float
    offset: float


def wire_profile(
    denoise: Denoiser,
    *,
    contrast: float,
    photons: float,
    rng: np.random.Generator,
    width: float = 2.0,
    frames: int = 8,
    size: int = 64,
    repeats: int = 6,
    chain: ImagingChain | None = None,
) -> WireProfile:
    """The mean profile across a still wire after `denoise`, beside the true one.

    `contrast` is the line integral in the middle, `width` the FWHM in pixels before the detector's blur, `photons` the
    quanta per pixel around it. The width is NaN where noise leaves no depth to halve. The wire is straight and still:
    a bent or moving one is harder to keep. Raises ValueError for fewer than two repeats.
    """
    drawn = still(wire((size, size), contrast=contrast, width=width), frames=frames)
    found = []
    for _ in range(repeats):
        video, clean = exposed(drawn, frames=frames, photons=photons, chain=chain, rng=rng)
        distance, profile = across(applied(denoise, video), reach=REACH)
        found.append(profile)
    return _described(distance, np.stack(found), true=across(clean, reach=REACH)[1])


def insertion_slope(
    denoise: Denoiser,
    *,
    contrasts: Sequence[float],
    photons: float,
    rng: np.random.Generator,
    width: float = 2.0,
    frames: int = 8,
    size: int = 64,
    repeats: int = 6,
    chain: ImagingChain | None = None,
) -> Insertion:
    """The contrast of a wire after `denoise` against what was put in, and the line by least squares through both.

    `contrasts` are line integrals in the middle of the wire. A recovered contrast is the inserted one times the share
    of the wire's shape, in the denoised frames, that a noise-free frame has; an even change of the background does not
    count. Slopes hide a threshold between two contrasts: look at `recovered` too. Raises ValueError for fewer than two
    contrasts or repeats.
    """
    if len(contrasts) < 2:
        raise ValueError(f"expected at least two contrasts for a slope, found {len(contrasts)}")
    found = np.empty((repeats, len(contrasts)))
    for repeat, index in np.ndindex(found.shape):
        drawn = still(wire((size, size), contrast=contrasts[index], width=width), frames=frames)
        video, clean = exposed(drawn, frames=frames, photons=photons, chain=chain, rng=rng)
        shape = clean[0] - clean[0].mean(dtype=np.float64)
        seen = applied(denoise, video).mean(axis=0, dtype=np.float64)
        found[repeat, index] = contrasts[index] * (seen * shape).sum() / (clean[0] * shape).sum()
    inserted = np.asarray(contrasts, np.float64)
    recovered, errors = jackknife(found, lambda samples: samples.mean(axis=0))
    line, spread = jackknife(found, lambda samples: np.polyfit(inserted, samples.mean(axis=0), 1))
    return Insertion(
        inserted=inserted,
        recovered=recovered,
        errors=errors,
        slope=float(line[0]),
        slope_error=float(spread[0]),
        offset=float(line[1]),
    )


def _described(
    distance: NDArray[np.float64], profiles: NDArray[np.float64], *, true: NDArray[np.float64]
) -> WireProfile:
    """What `profiles` (R, B) of the denoised wire say beside the `true` one (B,)."""
    deep = _depth(distance, true)

    def measured(some: NDArray[np.float64]) -> NDArray[np.float64]:
        depth = _depth(distance, some.mean(axis=0))
        return np.array([_fwhm(distance, depth), _core(distance, depth) / _core(distance, deep)])

    values, errors = jackknife(profiles, measured)
    return WireProfile(
        distance=distance,
        denoised=_depth(distance, profiles.mean(axis=0)),
        true=deep,
        width=float(values[0]),
        width_error=float(errors[0]),
        true_width=_fwhm(distance, deep),
        depth_ratio=float(values[1]),
        depth_error=float(errors[1]),
    )


def _depth(distance: NDArray[np.float64], profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far a `profile` lies below its outer half, where there is no wire."""
    return np.asarray(profile[np.abs(distance) > REACH / 2].mean() - profile)


def _core(distance: NDArray[np.float64], depth: NDArray[np.float64]) -> float:
    return float(depth[np.abs(distance) < CORE].mean())


def _fwhm(distance: NDArray[np.float64], depth: NDArray[np.float64]) -> float:
    """The width at half the depth in the middle, between the first crossings on either side; NaN without any."""
    half, middle = _core(distance, depth) / 2, len(depth) // 2
    if half <= 0:
        return float("nan")
    left = _crossing(-distance[:middle][::-1], depth[:middle][::-1], half)
    return left + _crossing(distance[middle:], depth[middle:], half)


def _crossing(distance: NDArray[np.float64], depth: NDArray[np.float64], half: float) -> float:
    """Where `depth`, from the middle outwards, first falls below `half`, between two bins."""
    below = np.flatnonzero(depth < half)
    if not len(below) or below[0] == 0:
        return float("nan")
    after = below[0]
    share = (depth[after - 1] - half) / (depth[after - 1] - depth[after])
    return float(distance[after - 1] + share * (distance[after] - distance[after - 1]))
