"""What a denoiser took away and put in, tile by tile, beside what the noise explains.

Frames are looked at in groups of consecutive ones. With y a tile's coefficients before and x after, divided by the
noise's standard deviation, the residual r = y - x of a denoiser that returns the mean is noise: independent, of unit
variance. Every sum below has a known distribution then, and that is what the checks ask about:

    |r|²               chi-squared; more where structure was removed, or put in
    <x, x - y>         normal with variance |x|², mean 0; positive by |p|² where a pattern p was put in
    <r, y- + y+>       normal, mean 0; positive where r shows what its neighbours show, too. Its variance is
                       |y- + y+|², and 2 (n - 3) per coefficient in n frames, of whose pairs all but two come twice
    <r, y+ - y->       normal with variance below |y+ - y-|², mean 0; positive where x leans on the past
    mean of r          normal with mean 0

y- and y+ are the frames before and after. A share of a frame's own noise in its result makes the first three smaller:
that can hide a fault, and not make one up. What the result has of other frames' noise is in |r|² and <x, x - y> alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.finite import refuse_infinite
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.quality.spectrum import DETAIL, SIZE, SLOW, Noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.detector import Detector
    from napari_fluorodenoise.video import Video

    Frames = NDArray[np.float32]
    Sums = NDArray[np.float64]

__all__ = ["GROUP", "Tiles", "looked_at", "tiles"]

GROUP = 8
"""Consecutive frames that are looked at together."""
PIXELS = 2**24
"""About how many pixels of each sequence are looked at."""
REACH = 2
"""Frames to either side in which detail of the result may be found again: what a temporal filter reaches."""
PILED = 24
"""Pixels of a group at its least or largest value from which on that is no chance: values were cut off there."""
AWAY = 3.0
"""Noise deviations from a cut-off value within which the noise is not whole: further off, its mean changes by less than
0.0004 of them."""
SEEN = 0.999
"""Probability that a tile in which nothing moves is taken for still."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Sums over the frames of G groups, for each of (R, C) tiles: float64 (G, R, C), unless said otherwise.

    `known` (bool) tiles lie inside the collimator, and are not cut off. `level` and `shift` are the means of the result
    and of the residual, `sigma` the noise's standard deviation, `shift_error` that of `shift`, in the frames' units;
    `doubt` is the standard error of the noise's variance, as a share.
    `energy` (G, R, C, 2) is |r|² over slow and over all detail, chi-squared with `freedom` (2,) degrees for noise, and
    `excess` (G, R, C, 2) what r has more than noise per pixel, in noise variances.
    `invented` is <x, x - y>, `nowhere` the same with the mean of y over nearby frames, `detail` |x|², over all detail;
    `rounding` is the most that the result's grey levels add to all three. Over slow detail `again` is <r, y- + y+>,
    `present` <y, y- + y+>, `around` |y- + y+|², `follow` <r, y+ - y->, `change` |y+ - y-|², all 0 for two frames; noise
    that consecutive frames share, a `correlation` (with its standard error), adds to the first two.
    `still` (bool) tells where the group's last frame differs from its first by noise only; `left`, `seen` and
    `expected` (G, SIZE, SIZE) sum the power of that difference over those tiles: after, before, and what the noise has.
    """

    frames: int
    start: NDArray[np.intp]
    correlation: tuple[float, float]
    freedom: Sums
    known: NDArray[np.bool_]
    level: Sums
    shift: Sums
    sigma: Sums
    shift_error: Sums
    doubt: Sums
    energy: Sums
    excess: Sums
    invented: Sums
    nowhere: Sums
    detail: Sums
    rounding: Sums
    again: Sums
    present: Sums
    around: Sums
    follow: Sums
    change: Sums
    still: NDArray[np.bool_]
    left: Sums
    seen: Sums
    expected: Sums

    @property
    def count(self) -> int:
        """Tiles that are known, in all groups together."""
        return int(self.known.sum())


def looked_at(shape: tuple[int, int, int], *, pixels: int = PIXELS) -> tuple[list[int], int]:
    """The first frames of groups spread evenly over a sequence of `shape` (T, Y, X), and the frames in each."""
    count, rows, columns = shape
    size = min(GROUP, count)
    number = max(1, min(count // size, max(2, pixels // (size * rows * columns))))
    return np.unique(np.linspace(0, count - size, number).round().astype(int)).tolist(), size


def tiles(
    noisy: Video, denoised: Video, *, detector: Detector, progress: Progress = silent, pixels: int = PIXELS
) -> Tiles:
    """What groups of frames of `noisy` and `denoised` (T, Y, X) tell; about `pixels` of each, one group at a time.

    Both are in the same units; `detector` is that of `noisy`. Raises ValueError where a frame that is looked at holds
    NaN or infinity.
    """
    starts, size = looked_at(noisy.shape, pixels=pixels)
    noise = Noise.of(detector)
    parts = []
    for n, start in enumerate(starts, start=1):
        before, after = (_frames(video, start, size, name) for video, name in ((noisy, "IN"), (denoised, "OUT")))
        parts.append(_group(before, after, noise))
        progress(n / len(starts), f"frames {start} to {start + size - 1} of {noisy.shape[0]}")
    freedom = size * np.array([SLOW.sum(), DETAIL.sum()], np.float64)
    joined = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    return Tiles(frames=size, start=np.array(starts), freedom=freedom, correlation=_lagging(detector), **joined)


def _frames(video: Video, start: int, size: int, name: str) -> Frames:
    values = np.asarray(video.data[start : start + size])
    refuse_infinite(values, name=name, first=start)
    return values.astype(np.float32)


def _group(before: Frames, after: Frames, noise: Noise) -> dict[str, Any]:
    """What one group of frames (n, Y, X) adds to `Tiles`."""
    from napari_fluorodenoise.primitives.dct import analyse

    rows, columns = (n // SIZE * SIZE for n in before.shape[1:])
    cut = np.s_[:, :rows, :columns]
    level = _means(after[cut]).mean(0)
    variance = noise.variance(level)  # (R, SIZE, C, SIZE)
    scale = np.asarray(1 / np.sqrt(variance), np.float32)
    y, x = (
        np.stack([analyse(f, size=SIZE, step=SIZE) * scale for f in frames[cut]]).astype(np.float32, copy=False)
        for frames in (before, after)
    )
    sigma = np.sqrt(noise.detector.variance(level))
    unit = variance / (sigma**2)[:, None, :, None]  # of a noise of variance 1
    inside = _means(noise.detector.field[None, :rows, :columns].astype(np.float32))[0] == 1
    known = inside & _whole(before[cut], level, sigma)
    return {
        "known": known,
        "level": level,
        "shift": _means(before[cut] - after[cut]).mean(0),
        "sigma": sigma,
        "shift_error": np.sqrt(variance[:, 0, :, 0] * (1 + 2 * _lagging(noise.detector)[0]) / len(y)) / SIZE,
        "doubt": noise.uncertainty(level),
        **_residuals(y - x, unit),
        **_patterns(y, x),
        "rounding": len(y) * _step(after) ** 2 / 4 * _summed(scale**2, DETAIL),
        **_neighbours(y, y - x),
        **_remaining(y, x, unit, known),
    }


def _residuals(r: Frames, unit: Frames) -> dict[str, Any]:
    power = (r**2).sum(0)  # (R, SIZE, C, SIZE)
    over = (power - len(r)) * unit / (len(r) * SIZE**2)
    bands = (SLOW, DETAIL)
    return {
        "energy": np.stack([_summed(power, band) for band in bands], axis=-1),
        "excess": np.stack([_summed(over, band) for band in bands], axis=-1),
    }


def _patterns(y: Frames, x: Frames) -> dict[str, Any]:
    """How far the result's detail is not in its frame, and not in the mean of the frames around it."""
    total = np.concatenate([np.zeros_like(y[:1]), np.cumsum(y, axis=0)])
    first, stop = (np.clip(np.arange(len(y)) + step, 0, len(y)) for step in (-REACH, REACH + 1))
    nearby = (total[stop] - total[first]) / (stop - first).astype(np.float32)[:, None, None, None, None]
    detail = x * x
    return {
        "detail": _summed(detail.sum(0), DETAIL),
        "invented": _summed((detail - x * y).sum(0), DETAIL),
        "nowhere": _summed((detail - x * nearby).sum(0), DETAIL),
    }


def _neighbours(y: Frames, r: Frames) -> dict[str, Any]:
    """What the residual shares with the sum of the frames before and after, and with their difference."""
    both, change = y[2:] + y[:-2], y[2:] - y[:-2]
    return {
        "again": _summed((r[1:-1] * both).sum(0), SLOW),
        "present": _summed((y[1:-1] * both).sum(0), SLOW),
        "around": _summed((both * both).sum(0), SLOW),
        "follow": _summed((r[1:-1] * change).sum(0), SLOW),
        "change": _summed((change * change).sum(0), SLOW),
    }


def _remaining(y: Frames, x: Frames, unit: Frames, known: NDArray[np.bool_]) -> dict[str, Any]:
    """The power of the last frame less the first, after and before, over the tiles that are still."""
    from scipy.stats import chi2

    before, after = ((z[-1] - z[0]) ** 2 / 2 for z in (y, x))
    still = known.copy()
    for band in (SLOW, DETAIL):
        still &= _summed(before, band) <= chi2.ppf(SEEN, band.sum())

    def over_still(power: Frames) -> Sums:
        return np.asarray((power * unit).transpose(0, 2, 1, 3)[still].sum(0, dtype=np.float64))

    return {
        "still": still,
        "left": over_still(after),
        "seen": over_still(before),
        "expected": over_still(np.ones_like(before)),
    }


def _step(after: Frames) -> float:
    """The step between the grey levels of a result; rounding to them is off by half of it at the most."""
    from napari_fluorodenoise.physics.differences import Group, grey_step

    return grey_step([Group.of(0, after)])


def _whole(before: Frames, level: Sums, sigma: Sums) -> NDArray[np.bool_]:
    """Tiles (R, C) whose noise is not cut off by the least or the largest value there can be."""
    whole = np.ones(sigma.shape, bool)
    for value, distance in ((before.min(), level - before.min()), (before.max(), before.max() - level)):
        if (before == value).sum() >= PILED:
            whole &= distance > AWAY * sigma
    return whole


def _lagging(detector: Detector) -> tuple[float, float]:
    """The correlation of the noise of consecutive frames and its standard error; none where nothing tells."""
    value, error = detector.temporal_correlation, detector.temporal_correlation_error
    return (float(np.clip(value, 0, 1)), error) if np.isfinite(error) else (0.0, 0.0)


def _blocks(frames: Frames) -> Frames:
    """Frames (..., Y, X) as tiles (..., R, SIZE, C, SIZE)."""
    *others, rows, columns = frames.shape
    return frames.reshape(*others, rows // SIZE, SIZE, columns // SIZE, SIZE)


def _means(frames: Frames) -> Sums:
    return np.asarray(_blocks(frames).mean((-3, -1), dtype=np.float64))


def _summed(power: Frames, band: NDArray[np.bool_]) -> Sums:
    """Sums (R, C) over the coefficients of a `band`."""
    return np.asarray(np.einsum("rucv,uv->rc", power, band.astype(np.float32), dtype=np.float64, casting="unsafe"))
