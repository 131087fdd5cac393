"""How well a model observer finds a faint signal at a known place: on denoised frames against raw ones.

A picture can look better and tell less: what a network smooths away no reader gets back (Li et al. 2021, doi
10.1109/TMI.2021.3076810). The Hotelling observer is the best linear one; behind a few channels it needs few samples.

Laws: an invertible linear filter leaves d' of the full Hotelling observer as it is; in white noise of variance v it is
|signal| / sqrt(v), and through channels what is left of the signal in their span.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.quality.scenes import Denoiser, applied, exposed, jackknife, still

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.chain import ImagingChain

__all__ = ["Detectability", "detectability", "hotelling", "laguerre_gauss"]

TILE = 24
"""Pixels: side of the square around each place; signals lie this far apart."""
CHANNELS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Detectability:
    """d' on one `raw` frame and on one `denoised` frame, with standard errors; `gain` is their ratio."""

    raw: float
    raw_error: float
    denoised: float
    denoised_error: float
    gain: float
    gain_error: float


def detectability(
    denoise: Denoiser,
    *,
    contrast: float,
    photons: float,
    rng: np.random.Generator,
    sigma: float = 2.0,
    frames: int = 8,
    size: int = 96,
    repeats: int = 16,
    chain: ImagingChain | None = None,
) -> Detectability:
    """The index d' of a channelised Hotelling observer for a faint bead, in one raw and one denoised frame.

    The bead is a Gaussian of `sigma` pixels whose middle has line integral `contrast`, still, at every place of a grid
    24 pixels apart; each of the `repeats` simulates and denoises one sequence with beads and one without, and the
    middle frame counts. Channels are the first five of Laguerre and Gauss, the first of which is the bead's shape
    (Gallas and Barrett 2003, doi 10.1364/JOSAA.20.001725). A gain above 1 comes from the other frames, so compare it
    with that of a plain temporal mean. Places are taken as independent: a denoiser that looks further than the grid
    learns from the other beads. Raises ValueError where there is no place, or too few samples for the channels.
    """
    if size < TILE:
        raise ValueError(f"expected frames of {TILE} x {TILE} pixels or more, found a size of {size}")
    channels = laguerre_gauss((TILE, TILE), count=CHANNELS, width=float(np.sqrt(2 * np.pi)) * sigma)
    beads = np.tile(_bead(contrast, sigma), (size // TILE, size // TILE))
    found = []
    for _ in range(repeats):
        for picture in (beads, np.zeros_like(beads)):
            drawn = still(picture, frames=frames)
            video, _ = exposed(drawn, frames=frames, photons=photons, chain=chain, rng=rng)
            pair = video.numpy()[frames // 2], applied(denoise, video)[frames // 2]
            found.append([_seen(frame, channels) for frame in pair])
    # (repeats, with or without, raw or denoised, places, channels)
    return _judged(np.array(found).reshape(repeats, 2, 2, -1, CHANNELS))


def hotelling(present: NDArray[np.floating], *, absent: NDArray[np.floating]) -> float:
    """The index d' of the Hotelling observer from samples (N, P) with the signal and (M, P) without it.

    d'² is the Mahalanobis distance of the two means in the pooled covariance, less the bias that it has in samples of
    this size: (n - P - 1) / n x D² - P (1 / N + 1 / M) with n = N + M - 2, exact for normal data of one covariance,
    from the mean of a noncentral F (Anderson, Introduction to Multivariate Statistical Analysis, 2003, chapter 5). 0
    where that is negative. Raises ValueError for fewer than P + 4 samples in all.
    """
    one, other = np.asarray(present, np.float64), np.asarray(absent, np.float64)
    features, freedom = one.shape[1], len(one) + len(other) - 2
    if freedom < features + 2:
        raise ValueError(f"expected at least {features + 4} samples of {features} values, found {freedom + 2}")
    shift = one.mean(axis=0) - other.mean(axis=0)
    scatter = sum((group - group.mean(axis=0)).T @ (group - group.mean(axis=0)) for group in (one, other))
    square = float(shift @ np.linalg.solve(scatter / freedom, shift))
    unbiased = (freedom - features - 1) / freedom * square - features * (1 / len(one) + 1 / len(other))
    return float(np.sqrt(max(unbiased, 0.0)))


def laguerre_gauss(shape: tuple[int, int], *, count: int, width: float) -> NDArray[np.float64]:
    """The first `count` Laguerre-Gauss channels (count, Y, X) about the middle of `shape`, each of unit norm.

    exp(-g / 2) L_j(g) with g = 2 pi r² / width²; `width` in pixels (Gallas and Barrett 2003, doi
    10.1364/JOSAA.20.001725). They suit a round signal: of a wire they see the round part only.
    """
    from scipy.special import eval_laguerre

    y, x = (np.arange(n) - (n - 1) / 2 for n in shape)
    g = 2 * np.pi * (y[:, None] ** 2 + x[None, :] ** 2) / width**2
    channels = np.stack([np.exp(-g / 2) * eval_laguerre(order, g) for order in range(count)])
    return np.asarray(channels / np.linalg.norm(channels, axis=(1, 2), keepdims=True))


def _bead(contrast: float, sigma: float) -> NDArray[np.float32]:
    """Line integrals of a bead in the middle of a tile."""
    offset = np.arange(TILE) - (TILE - 1) / 2
    profile = np.exp(-np.square(offset / sigma) / 2)
    return np.asarray(contrast * profile[:, None] * profile[None, :], np.float32)


def _seen(frame: NDArray[np.generic], channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the channels make of every tile of `frame`: (places, channels)."""
    rows, columns = (n // TILE for n in frame.shape)
    tiles = frame.astype(np.float64).reshape(rows, TILE, columns, TILE)
    return np.asarray(np.einsum("aybx,cyx->abc", tiles, channels).reshape(rows * columns, -1))


def _judged(samples: NDArray[np.float64]) -> Detectability:
    """What the observer finds in (repeats, with or without, raw or denoised, places, channels)."""
    values, errors = (some.tolist() for some in jackknife(samples, _indices))
    return Detectability(
        raw=values[0],
        raw_error=errors[0],
        denoised=values[1],
        denoised_error=errors[1],
        gain=values[2],
        gain_error=errors[2],
    )


def _indices(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The index d' on raw and on denoised frames, and their ratio."""
    present, absent = (np.concatenate(samples[:, index], axis=1) for index in (0, 1))  # (2, n x places, channels)
    raw, denoised = (hotelling(a, absent=b) for a, b in zip(present, absent, strict=True))
    return np.array([raw, denoised, denoised / raw if raw > 0 else np.nan])
