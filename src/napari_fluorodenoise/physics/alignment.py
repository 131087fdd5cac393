"""Frames of one scene brought to the same place without touching their noise.

Whole pixels are cut away. What is left of a shift is done in Fourier space: it turns phases and keeps every amplitude,
so the noise keeps its spectrum, which no interpolation between pixels would do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frame = NDArray[np.float32]
    Shift = tuple[int, int]

__all__ = ["BLOCK", "cut", "grid", "moved", "remainder", "shift"]

BLOCK = 16
"""Pixels along a block's side: large beside the noise's correlation, small beside what moves."""
CLEARLY = 0.9
"""A shift of whole pixels leaves less than this share of the unrest there is without it."""
SMOOTH = 1.5
"""Standard deviation, in pixels, of the smoothing before a part of a pixel is looked for."""
CERTAIN = 6.0
"""Gain in squared differences, in those of independent smoothed noise, below which a part of a pixel is chance."""
COARSE = 256
"""Side in pixels, from twice which on frames are made smaller to find a shift."""
MIRRORED = 16
"""Pixels of mirrored border around a frame that is shifted in Fourier space."""


def grid(frame: NDArray[Any]) -> NDArray[Any]:
    """Blocks (R, C, B, B) that tile a frame, without what is left over at its end."""
    rows, columns = frame.shape[0] // BLOCK, frame.shape[1] // BLOCK
    return frame[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)


def cut(frame: NDArray[Any]) -> NDArray[Any]:
    """The blocks of `grid`, (N, B, B)."""
    return grid(frame).reshape(-1, BLOCK, BLOCK)


def shift(fixed: Frame, moving: Frame) -> Shift:
    """Whole pixels (row, column) such that moving[x] shows what fixed[x + shift] shows, for most of the picture.

    The peak of the correlation only proposes: a beating heart may pull it. Of it and no shift at all, the one that
    leaves more of the picture still is followed downhill, and has to gain clearly: of many shifts of mere noise one
    always cancels some of it.
    """
    import cv2

    smooth = [cv2.GaussianBlur(frame, (0, 0), 2.0) for frame in (fixed, moving)]
    costs: dict[Shift, float] = {}

    def cost(shift: Shift) -> float:
        if shift not in costs:
            costs[shift] = _unrest(smooth[0], smooth[1], shift)
        return costs[shift]

    best = min((0, 0), _peak(fixed, moving), key=cost)
    for _ in range(8):
        around = [(best[0] + y, best[1] + x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        nearest = min(around, key=cost)
        if cost(nearest) >= cost(best):
            break
        best = nearest
    chance = 2 / np.sqrt(max(len(cut(fixed)), 16))
    return best if cost(best) < (CLEARLY - chance) * cost((0, 0)) else (0, 0)


def remainder(fixed: Frame, moving: Frame) -> NDArray[np.float64]:
    """The part of a pixel (row, column) by which `moving` has to be `moved` to show most of what `fixed` shows.

    Least squares on the gradient, over the blocks that it leaves no more different than noise does; from no step and
    from that of the whole picture, whichever ends with less. 0 where the gain might be the noise's.
    """
    normal, moment, energy = _gradients(fixed, moving)
    if len(energy) < 4:
        return np.zeros(2)

    def left(step: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(energy - 2 * moment @ step + np.einsum("nij,i,j->n", normal, step, step))

    def solved(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.lstsq(normal[chosen].sum(0), moment[chosen].sum(0), rcond=1e-9)[0])

    found = []
    for step in (np.zeros(2), solved(np.ones(len(energy), bool))):
        for _ in range(12):
            before, step = step, solved(left(step) < 2 * np.quantile(left(step), 0.3))
            if np.abs(step - before).max() < 1e-3:
                break
        found.append(step)
    typical = min(float(np.quantile(left(step), 0.3)) for step in found)
    costs = [np.minimum(left(step), 3 * typical).sum() for step in (np.zeros(2), *found)]
    best = found[int(np.argmin(costs[1:]))]
    independent = 4 * np.pi * SMOOTH**2 * typical / BLOCK**2
    known = np.abs(best).max() < 1 and costs[0] - min(costs[1:]) > CERTAIN * independent
    return -best if known else np.zeros(2)


def _gradients(fixed: Frame, moving: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The gradient's normal matrix (N, 2, 2), its product with the change (N, 2), and the change's energy (N,).

    One of each for every block of the smoothed frames.
    """
    import cv2

    smooth = [cv2.GaussianBlur(frame, (0, 0), SMOOTH) for frame in (fixed, moving)]
    if min(fixed.shape) < BLOCK:
        return np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros(0)
    slopes = np.stack([cut(part) for part in np.gradient((smooth[0] + smooth[1]) / 2)], -1).reshape(-1, BLOCK**2, 2)
    change = cut(smooth[0] - smooth[1]).reshape(-1, BLOCK**2)
    normal = np.matmul(slopes.transpose(0, 2, 1), slopes).astype(np.float64)
    moment = np.matmul(slopes.transpose(0, 2, 1), change[:, :, None])[..., 0].astype(np.float64)
    return normal, moment, np.square(change).sum(1, dtype=np.float64)


def moved(frame: Frame, step: NDArray[np.float64]) -> Frame:
    """`frame` moved by `step` (row, column) pixels: result[x] = frame[x - step]; the noise's spectrum is kept."""
    from scipy.fft import fftfreq, irfft2, rfft2, rfftfreq

    if not step.any():
        return frame
    padded = np.pad(frame, MIRRORED, mode="symmetric")
    rows, columns = fftfreq(padded.shape[0])[:, None], rfftfreq(padded.shape[1])[None, :]
    phase = np.exp(-2j * np.pi * (rows * step[0] + columns * step[1])).astype(np.complex64)
    result: Frame = irfft2(rfft2(padded) * phase, padded.shape)
    return np.ascontiguousarray(result[MIRRORED:-MIRRORED, MIRRORED:-MIRRORED])


def _unrest(fixed: Frame, moving: Frame, shift: Shift) -> float:
    """How much the stiller third of the picture changes after a shift."""
    (y, x), (rows, columns) = shift, fixed.shape
    if rows - abs(y) < BLOCK or columns - abs(x) < BLOCK:
        return np.inf
    a = fixed[max(y, 0) : rows + min(y, 0), max(x, 0) : columns + min(x, 0)]
    b = moving[max(-y, 0) : rows + min(-y, 0), max(-x, 0) : columns + min(-x, 0)]
    return float(np.quantile((cut(a - b)[:, ::2, ::2] ** 2).mean((1, 2)), 0.3))


def _peak(fixed: Frame, moving: Frame) -> Shift:
    """The peak of the band-passed frames' cross-correlation, within an eighth of the frame.

    Large frames are made smaller first: the peak only has to lie near.
    """
    import cv2
    from scipy.fft import irfft2, rfft2

    factor = max(1, min(fixed.shape) // COARSE)
    size = (fixed.shape[1] // factor, fixed.shape[0] // factor)
    small = [cv2.resize(f, size, interpolation=cv2.INTER_AREA) if factor > 1 else f for f in (fixed, moving)]
    window = np.outer(*(np.hanning(n + 2)[1:-1].astype(np.float32) for n in small[0].shape))
    spectra = [rfft2((cv2.GaussianBlur(f, (0, 0), 1.5) - cv2.GaussianBlur(f, (0, 0), 8.0)) * window) for f in small]
    surface = irfft2(spectra[0] * np.conj(spectra[1]), small[0].shape)
    reach = min(max(min(small[0].shape) // 8, 1), min(small[0].shape) - 1)
    index = np.arange(-reach, reach + 1)
    at = np.unravel_index(surface[np.ix_(index, index)].argmax(), (index.size, index.size))
    return factor * int(index[at[0]]), factor * int(index[at[1]])
