"""How much of the detail at an edge a denoiser passes on, by spatial frequency.

Convention: what is measured is the transfer from the true, unblurred edge to the denoised frames, detector included,
and 1 means all of the inserted contrast. A denoiser that adapts has no one transfer function: ask at several contrasts
and doses (Richard et al. 2012, doi 10.1118/1.4725171, who call it the task transfer function).

Laws: the identity gives the blur that was put in; a linear filter multiplies it by its own transfer function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.quality.scenes import BIN, Denoiser, across, applied, edge, exposed, jackknife, still

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.chain import ImagingChain

__all__ = ["Transfer", "task_transfer"]

REACH = 12.0
"""Pixels on either side of the edge that are looked at; what a filter spreads further counts as lost."""
FREQUENCIES = np.linspace(0, 0.5, 26)
"""Cycles per pixel, up to what the pixels can hold."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Transfer:
    """The transfer function at one contrast and dose; arrays (F,) float64, `frequencies` in cycles per pixel.

    `values` are those of the denoised frames, `errors` their standard errors, `detector` those of the same edge
    without noise, before denoising: values / detector is the denoiser's own share.
    """

    frequencies: NDArray[np.float64]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    detector: NDArray[np.float64]


def task_transfer(
    denoise: Denoiser,
    *,
    contrast: float,
    photons: float,
    rng: np.random.Generator,
    blur: float = 0.5,
    frames: int = 8,
    size: int = 96,
    repeats: int = 6,
    chain: ImagingChain | None = None,
) -> Transfer:
    """The transfer function of `denoise` at a slanted edge of line integral `contrast`, behind `photons` per pixel.

    A still edge, smoothed by a Gaussian of standard deviation `blur` pixels, in `repeats` sequences of `frames` frames
    of `size` x `size`: the mean profile across it in bins of 1/4 pixel is differentiated and transformed. Since it is
    known where the edge is, only the part in phase with it counts, which noise does not bias as it does a modulus.
    Blur in time costs a still edge nothing: for that see `event_response`.
    Raises ValueError for fewer than two repeats.
    """
    picture = edge((size, size), contrast=contrast, blur=blur)
    found = []
    for _ in range(repeats):
        video, clean = exposed(still(picture, frames=frames), frames=frames, photons=photons, chain=chain, rng=rng)
        found.append(across(applied(denoise, video), reach=REACH)[1])
    step = float(clean[0, :, -1].mean() - clean[0, :, 0].mean())
    values, errors = jackknife(np.stack(found), lambda profiles: _transform(profiles.mean(axis=0)) / step)
    detector = _transform(across(clean, reach=REACH)[1]) / step
    return Transfer(frequencies=FREQUENCIES, values=values, errors=errors, detector=detector)


def _transform(profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """The in-phase part (F,) of the spectrum of the derivative of an edge's `profile`, in its units.

    The mean over a bin and the difference of two bins each multiply the spectrum by sinc(frequency x bin).
    """
    place = (np.arange(len(profile) - 1) + 1) * BIN - REACH
    waves = np.cos(2 * np.pi * FREQUENCIES[:, None] * place)
    return np.asarray(waves @ np.diff(profile) / np.sinc(FREQUENCIES * BIN) ** 2)
