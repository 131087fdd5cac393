"""How near a sequence is to its truth.

The truth is the noise-free frame behind the detector's blur, which is what a denoiser should return; against an
unblurred truth a result that sharpens noise would win. All of these average over every pixel and frame: a result that
is excellent in the background and loses the wire still scores well.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SSIM_SIGMA", "decibels", "gradient_rmse", "neighbours", "psnr", "scores", "ssim", "temporal_psnr"]

SSIM_SIGMA = 1.5
"""Pixels: standard deviation of SSIM's Gaussian window, cut off at 3.5 of them (Wang et al. 2004)."""
SSIM_WINDOW = 11
"""Pixels: the side of that window, and so of the smallest frame."""


def psnr(frames: NDArray[Any], *, truth: NDArray[Any], data_range: float | None = None) -> float:
    """The peak signal-to-noise ratio in dB of `frames` (T, Y, X) against `truth`: 10 log10(data_range² / MSE).

    `data_range` is in the frames' units, by default the range (max - min) of the truth, and the mean squared error that
    of all pixels and frames. Infinite where they are equal. Raises ValueError where the shapes differ, a value is not
    finite, or the range is not above 0.
    """
    span = _range(frames, truth, data_range)
    return decibels(_mean(np.square(error).mean() for error in _errors(frames, truth)), data_range=span)


def ssim(frames: NDArray[Any], *, truth: NDArray[Any], data_range: float | None = None) -> float:
    """The mean over frames of the structural similarity of `frames` (T, Y, X) and `truth`, at most 1.

    Gaussian window of standard deviation 1.5 pixels (11 x 11), K1 = 0.01 and K2 = 0.03 of `data_range`, as for `psnr`
    (Wang et al. 2004, doi 10.1109/TIP.2003.819861). The constants matter: with a wide range, a flat region counts as
    similar whatever its noise. Raises what `psnr` does, and ValueError where a frame is smaller than the window.
    """
    from skimage.metrics import structural_similarity

    span = _range(frames, truth, data_range)
    if min(truth.shape[1:]) < SSIM_WINDOW:
        raise ValueError(f"expected frames of {SSIM_WINDOW} x {SSIM_WINDOW} pixels or more, found {truth.shape[1:]}")
    # local variances are differences of squares, for which float32 is too coarse above an offset
    pairs = ((np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in zip(truth, frames, strict=True))
    return _mean(
        structural_similarity(a, b, data_range=span, gaussian_weights=True, sigma=SSIM_SIGMA) for a, b in pairs
    )


def gradient_rmse(frames: NDArray[Any], *, truth: NDArray[Any]) -> float:
    """The root mean square of the error's gradient, in the frames' units per pixel, of `frames` (T, Y, X).

    The gradient is the difference of neighbours, along rows and along columns: central differences would not see an
    error that changes its sign from pixel to pixel. White noise of standard deviation s has 2 s. An error that is
    the same everywhere has none. Raises ValueError as `psnr`.
    """
    _check(frames, truth)
    return float(np.sqrt(_mean(neighbours(error) for error in _errors(frames, truth))))


def temporal_psnr(frames: NDArray[Any], *, truth: NDArray[Any], data_range: float | None = None) -> float:
    """The PSNR in dB of the changes from frame to frame of `frames` (T, Y, X): what flickers or lags, as error.

    `data_range` as for `psnr`, of the frames, not of their changes. For noise that is new in every frame it is 3 dB
    below `psnr`; an error that stays has none. Raises what `psnr` does, and ValueError for a single frame.
    """
    span = _range(frames, truth, data_range)
    if len(truth) < 2:
        raise ValueError("expected at least two frames to compare their changes, found one")
    changes = (np.square(after - before).mean() for before, after in pairwise(_errors(frames, truth)))
    return decibels(_mean(changes), data_range=span)


def scores(frames: NDArray[Any], *, truth: NDArray[np.float32], data_range: float | None = None) -> tuple[float, float]:
    """PSNR in dB and the frames' mean SSIM (Gaussian window, sigma 1.5) of `frames` (T, Y, X) against `truth`.

    Both are relative to `data_range`, in the frames' units: by default the range of the truth.
    """
    return psnr(frames, truth=truth, data_range=data_range), ssim(frames, truth=truth, data_range=data_range)


def decibels(error: float, *, data_range: float) -> float:
    """10 log10(data_range² / error) of a mean squared `error`; infinite where there is none."""
    return float(10 * np.log10(data_range**2 / error)) if error > 0 else float("inf")


def neighbours(error: NDArray[np.float32]) -> float:
    """The mean square of the differences of `error` (Y, X) down the columns, plus that along the rows."""
    return sum(float(np.square(np.diff(error, axis=axis)).mean()) for axis in (0, 1) if error.shape[axis] > 1)


def _errors(frames: NDArray[Any], truth: NDArray[Any]) -> Iterable[NDArray[np.float32]]:
    """The error (Y, X) of each frame."""
    for frame, true in zip(frames, truth, strict=True):
        yield np.asarray(frame, np.float32) - np.asarray(true, np.float32)


def _mean(values: Iterable[Any]) -> float:
    return float(np.mean([float(value) for value in values]))


def _range(frames: NDArray[Any], truth: NDArray[Any], data_range: float | None) -> float:
    """The range that errors are relative to, once both sequences were looked at."""
    _check(frames, truth)
    # as floats: the range of int16 does not fit into int16
    span = float(np.max(truth)) - float(np.min(truth)) if data_range is None else float(data_range)
    if not span > 0:
        found = "a truth that is even" if data_range is None else f"{data_range:g}"
        raise ValueError(f"expected a data range above 0, found {found}; state one in the frames' units")
    return span


def _check(frames: NDArray[Any], truth: NDArray[Any]) -> None:
    if np.ndim(truth) != 3 or np.shape(frames) != np.shape(truth):
        found = f"{np.shape(frames)} and {np.shape(truth)}"
        raise ValueError(f"expected frames and truth of one shape (T, Y, X), found {found}; crop them alike")
    for name, values in (("frames", frames), ("the truth", truth)):
        if not np.isfinite(values).all():
            raise ValueError(f"expected finite pixels in {name}, found NaN or infinity; replace them first")
