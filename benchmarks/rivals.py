"""What a user has at hand: classical denoisers, each with the best of its strengths or told the true noise."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter1d
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

from cases import Case
from napari_fluorodenoise.primitives.anscombe import stabilize, unstabilize


def by_frame(denoise: Callable[[np.ndarray], np.ndarray], video: np.ndarray) -> np.ndarray:
    return np.stack([denoise(frame) for frame in video])


def total_variation(video: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    return by_frame(partial(denoise_tv_chambolle, weight=strength * sigma), video)


def non_local_means(video: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    return by_frame(
        partial(denoise_nl_means, h=strength * sigma, sigma=sigma, patch_size=5, patch_distance=6, fast_mode=True),
        video,
    )


def gaussian(video: np.ndarray, sigma: float, strength: tuple[float, float]) -> np.ndarray:
    return gaussian_filter(video, (strength[0], strength[1], strength[1]))


def mean_of_five(video: np.ndarray, sigma: float, strength: None) -> np.ndarray:
    return uniform_filter1d(video, 5, axis=0, mode="nearest")


def recursive(video: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    result = video.copy()
    for t in range(1, len(video)):
        result[t] = strength * video[t] + (1 - strength) * result[t - 1]
    return result


TUNED: dict[str, tuple[Callable[..., np.ndarray], tuple[Any, ...]]] = {
    "TV": (total_variation, (1.0, 1.25, 1.5, 2.0, 2.5, 3.0)),
    "NLM": (non_local_means, (0.6, 0.7, 0.8, 0.9, 1.0, 1.2)),
    "3-D Gaussian": (gaussian, tuple((t, s) for t in (0, 0.4, 0.6, 0.9, 1.3, 2) for s in (0.8, 1.0, 1.25, 1.5, 2))),
    "5-frame mean": (mean_of_five, (None,)),
    "recursive filter": (recursive, (0.15, 0.3, 0.45, 0.6, 0.8)),
}
"""Rivals and the strengths that are tried."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """A rival's `video` (T, Y, X) at the `strength` that is nearest to the truth; `seconds` are for one strength."""

    video: np.ndarray
    strength: Any
    seconds: float


def tuned(case: Case, name: str) -> Tuned:
    """What the rival called `name` makes of `case`, scaled to [0, 1], at the best of its strengths."""
    method, strengths = TUNED[name]
    top = float(case.clean.max())
    scaled, sigma = (case.noisy / top).astype(np.float32), case.sigma / top
    start = time.perf_counter()
    videos = [method(scaled, sigma, strength) * top for strength in strengths]
    seconds = (time.perf_counter() - start) / len(strengths)
    best = min(range(len(videos)), key=lambda index: float(((videos[index] - case.clean) ** 2).mean()))
    return Tuned(videos[best], strengths[best], seconds)


def installed(name: str) -> bool:
    """Whether the rival called `name` is there: nothing asks for it, its licence being non-commercial."""
    return find_spec(name.lower()) is not None


def bm3d(case: Case) -> np.ndarray:
    """What BM3D makes of each frame (T, Y, X), given the true noise."""
    frames = _stabilised(case)
    spectrum = _spectrum(case, frames.shape[1:])
    return _back(case, by_frame(lambda frame: _module("bm3d").bm3d(frame, spectrum), frames))


def bm4d(case: Case) -> np.ndarray:
    """What BM4D makes of the sequence (T, Y, X) as one volume, given the true noise."""
    volume = np.moveaxis(_stabilised(case), 0, 2)
    spectrum = _spectrum(case, volume.shape)
    return _back(case, np.moveaxis(_module("bm4d").bm4d(volume, spectrum), 2, 0))


def _module(name: str) -> Any:
    # bm3d 4.0.3 and bm4d 4.2.5 call what numpy 2.4 no longer has under this name
    if not hasattr(np, "trapz"):
        np.trapz = np.trapezoid  # noqa: NPY201
    return import_module(name)


def _line(case: Case) -> dict[str, float]:
    """The true photon-transfer line; its variance never falls below that of the read noise."""
    level = float(case.clean.mean())
    return {"slope": case.slope, "read_variance": case.read_variance, "floor": case.read_variance, "level": level}


def _stabilised(case: Case) -> np.ndarray:
    """The noisy frames with noise of unit variance, float64."""
    return stabilize(case.noisy, **_line(case)).astype(np.float64)


def _back(case: Case, values: np.ndarray) -> np.ndarray:
    return unstabilize(values.astype(np.float32), residual=0.0, **_line(case))


def _spectrum(case: Case, shape: tuple[int, ...]) -> np.ndarray | float:
    """The power of the stabilised noise at each frequency of the first two axes, times the number of values.

    White noise is 1, its deviation, which lets both methods take their shorter way.
    """
    correlation = case.autocorrelation
    if correlation.size == 1:
        return 1.0
    placed, radius = np.zeros(shape[:2]), len(correlation) // 2
    placed[: len(correlation), : len(correlation)] = correlation
    power = np.fft.fft2(np.roll(placed, (-radius, -radius), (0, 1))).real.clip(0) * np.prod(shape)
    return power if len(shape) == 2 else np.repeat(power[:, :, None], shape[2], axis=2)
