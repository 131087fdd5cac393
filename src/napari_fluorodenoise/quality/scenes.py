"""Scenes on which a denoiser is tried: signals in a flat field, drawn as line integrals and seen through the chain.

A signal is put in where it belongs, before the noise: quanta are fluence x exp(-line integral), then Poisson. The same
scene without noise says what a perfect denoiser would return. Assumes that what a denoiser does to a signal in a flat
field tells what it does in a patient: for one that was trained on anatomy, or looks for similar patches, it may not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.chain import ImagingChain

__all__ = ["BIN", "Denoiser", "across", "applied", "distances", "edge", "exposed", "jackknife", "still", "wire"]

Denoiser: TypeAlias = Callable[[Video], Video]
"""A sequence in counts, to one of the same shape and units."""

BIN = 0.25
"""Pixels: width of the bins across an edge or a wire; four per pixel, so that its profile is not aliased."""
ANGLE = 3.0
"""Degrees from the columns: over 20 rows the line passes once through all places within a pixel."""


def exposed(
    pictures: Iterable[NDArray[np.float32]],
    *,
    frames: int,
    photons: float,
    chain: ImagingChain | None,
    rng: np.random.Generator,
) -> tuple[Video, NDArray[np.float32]]:
    """A noisy sequence of `pictures` (Y, X) of line integrals, and the same without noise (T, Y, X) in counts.

    `photons` are the quanta per pixel where the line integral is 0. `chain` is by default the phantom's detector.
    """
    from napari_fluorodenoise.physics.chain import ImagingChain

    if not photons > 0:
        raise ValueError(f"expected photons above 0 per pixel, found {photons:g}")
    chain = chain or ImagingChain()
    scene = list(pictures)
    fluence = np.full(scene[0].shape, photons, np.float32)
    # no scene is drawn at times within a pulse: these hold still for the length of a frame
    seen = list(replace(chain, exposure=None).expose(iter(scene), frames=frames, fluence=fluence, rng=rng))
    data = np.stack([one.frame for one in seen])
    spacing = (chain.pixel_size, chain.pixel_size)
    video = Video(data=data, frame_interval=chain.frame_interval, pixel_size=spacing)
    return video, np.stack([one.mean for one in seen])


def still(picture: NDArray[np.float32], *, frames: int) -> list[NDArray[np.float32]]:
    """The same picture in every frame."""
    return [picture] * frames


def applied(denoise: Denoiser, video: Video) -> NDArray[np.float32]:
    """What `denoise` makes of `video`, (T, Y, X) float32; raises ValueError where that is no result for it."""
    made = denoise(video)
    if made.shape != video.shape:
        raise ValueError(f"expected the denoiser to return {video.shape} (T, Y, X), found {made.shape}")
    frames = np.asarray(made.numpy(), np.float32)
    if not np.isfinite(frames).all():
        raise ValueError("expected the denoiser to return finite values, found NaN or infinity")
    return frames


def distances(shape: tuple[int, int], *, angle: float = ANGLE) -> NDArray[np.float64]:
    """The signed distance (Y, X) in pixels from a line through the middle, `angle` degrees from the columns."""
    y, x = np.indices(shape)
    turn = np.deg2rad(angle)
    return np.asarray((x - (shape[1] - 1) / 2) * np.cos(turn) + (y - (shape[0] - 1) / 2) * np.sin(turn))


def wire(shape: tuple[int, int], *, contrast: float, width: float) -> NDArray[np.float32]:
    """Line integrals (Y, X) of a straight wire: `contrast` in its middle, a Gaussian `width` pixels wide (FWHM)."""
    _refuse_none(contrast)
    sigma = width / np.sqrt(8 * np.log(2))
    return np.asarray(contrast * np.exp(-np.square(distances(shape) / sigma) / 2), np.float32)


def edge(shape: tuple[int, int], *, contrast: float, blur: float) -> NDArray[np.float32]:
    """Line integrals (Y, X) of a straight edge: 0 on the left, `contrast` far on the right.

    Its transmission is a step that a Gaussian of standard deviation `blur`, in pixels, has smoothed.
    """
    from scipy.special import ndtr

    _refuse_none(contrast)
    return np.asarray(-np.log1p(np.expm1(-contrast) * ndtr(distances(shape) / blur)), np.float32)


def _refuse_none(contrast: float) -> None:
    if not contrast:
        raise ValueError("expected a contrast other than 0, found 0: what is not there cannot be lost")


def across(frames: NDArray[np.float32], *, reach: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middles of the bins across the line, in pixels, and the mean of `frames` (T, Y, X) in each of them.

    Bins of a quarter of a pixel up to `reach` pixels on either side. An eighth of the rows at either end is left out,
    where filters see the frame's border. The pixels of a bin lie off its middle on average; the slope of the profile
    corrects for that, without which a known transfer function was wrong by up to 0.01 and with which by 0.001. Raises
    ValueError where the frames are too small for a bin to have pixels.
    """
    margin = frames.shape[1] // 8
    rows = slice(margin, frames.shape[1] - margin)
    count = round(2 * reach / BIN)
    distance = distances(frames.shape[1:])[rows]
    place = np.floor((distance + reach) / BIN).astype(int)
    used = (place >= 0) & (place < count)
    picture = frames[:, rows].mean(axis=0, dtype=np.float64)
    pixels = np.bincount(place[used], minlength=count)
    if not pixels.all():
        raise ValueError(f"expected frames that reach {reach:g} pixels from their middle, found {frames.shape[1:]}")
    mean, found = (np.bincount(place[used], values[used], minlength=count) / pixels for values in (picture, distance))
    middles = (np.arange(count, dtype=np.float64) + 0.5) * BIN - reach
    return middles, np.asarray(mean + (middles - found) * np.gradient(mean, found), np.float64)


def jackknife(
    samples: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The `statistic` of all `samples` (R, ...) and its standard error, from leaving out one sample at a time.

    `statistic` makes of samples (n, ...) one value. sqrt((R - 1) / R x sum of squared deviations) (Efron and Stein
    1981, doi 10.1214/aos/1176345462): for a mean, the standard error of the mean. Raises ValueError for fewer than two.
    """
    count = len(samples)
    if count < 2:
        raise ValueError(f"expected at least two repeats, whose spread tells the error, found {count}")
    left = np.stack([statistic(np.delete(samples, index, axis=0)) for index in range(count)])
    spread = np.square(left - left.mean(axis=0)).sum(axis=0)
    return statistic(samples), np.sqrt((count - 1) / count * spread)
