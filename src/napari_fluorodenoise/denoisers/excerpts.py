"""What a network that refines denoised frames learns from: parts of the noisy sequence, made noisier.

Noise w like the measured one is added to all frames of an excerpt, and taken, the other way round, from what the
network is held against (T. Pang et al., doi 10.1109/CVPR46437.2021.00208, eq. 8 and 9):

    seen = (y + ALPHA w) / s,      target = (y - w / ALPHA) / s,      s² = 1 + ALPHA².

The two have independent noise, correlated from pixel to pixel or not, so whatever is made of the first, pilots and
network and all, can be held against the second:

    E (made - target)² = E (made - x / s)² + 1 / ALPHA².

Seen frames again have noise of variance 1. Laws: the covariance of both noises is 0; no pixel of the tiles that are
`held` is ever learned from, in any recorruption of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.denoisers.crops import Source, held_out_tiles
from napari_fluorodenoise.denoisers.evidence import CHANNELS, Piloted
from napari_fluorodenoise.denoisers.schemes.draws import drawn
from napari_fluorodenoise.engine.blocks import Block

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.fitted_wiener import FittedWiener

    Frames = NDArray[np.float32]

__all__ = ["CROP", "RECORRUPTING", "TARGET_NOISE", "Excerpt", "Lesson", "excerpts", "learned_from", "lesson", "lessons"]

ALPHA = 0.8
"""Less makes targets noisier, more what is seen: 0.5 and 0.8 came out alike."""
TARGET_NOISE = 1 / ALPHA**2
"""The noise variance of a target: (1 + 1 / ALPHA²) / (1 + ALPHA²)."""
FRAMES, SIDE = 40, 256
"""The largest excerpt: it is seen whole, with all that far frames tell."""
PIXELS = 6_000_000
"""Pixels to learn from, recorrupted again and again where a sequence has fewer."""
FEWEST, MOST = 3, 8
"""Recorruptions."""
RECORRUPTING = "recorrupting"
"""What progress says while that is done."""
CROP = 64
"""Pixels along the side of what is learned from at a time."""


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A part of a sequence: stabilised `values` (T, Y, X), where they lie, and which pixels (Y, X) are `held` out."""

    values: Frames
    offsets: NDArray[np.float64]
    segments: NDArray[np.float64]
    held: NDArray[np.bool_]
    at: tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a network sees, (T, C, Y, X) float16, and what its change to the pilots should be, (T, Y, X) float32."""

    seen: NDArray[np.float16]
    target: Frames
    held: NDArray[np.bool_]


def excerpts(
    frames: NDArray[Any] | da.Array,
    *,
    stabilize: Callable[[NDArray[Any]], Frames],
    places: tuple[NDArray[np.float64], NDArray[np.float64]],
    rng: np.random.Generator,
) -> list[Excerpt]:
    """Parts of `frames` (T, Y, X) spread over them, as many as are recorrupted; a small sequence is one part, whole.

    `places` are the frames' offsets (T, 2) and segments (T,).
    """
    extent = _extent(frames.shape)
    size = int(np.prod(extent))
    number = int(np.clip(round(int(np.prod(frames.shape)) / size), 1, _times(size)))
    held = held_out_tiles(Source(frames, stabilize=stabilize), side=CROP, rng=rng)  # the same ones where parts overlap
    found = []
    for index in range(number):
        room = [n - length for n, length in zip(frames.shape, extent, strict=True)]
        start = (round(room[0] * index / max(number - 1, 1)), *(int(rng.integers(free + 1)) for free in room[1:]))
        t, y, x = (slice(first, first + length) for first, length in zip(start, extent, strict=True))
        values = stabilize(np.asarray(frames[t, y, x]))
        found.append(Excerpt(values, places[0][t], places[1][t], held[y, x], (t, y, x)))
    return found


def lessons(parts: Sequence[Excerpt], *, wiener: FittedWiener, rng: np.random.Generator) -> list[Callable[[], Lesson]]:
    """Calls that recorrupt one of the `parts` each; all together often enough to learn from.

    `wiener` makes the pilots. The calls may run at the same time, in any order.
    """
    number = max(_times(max(part.values.size for part in parts)), len(parts))
    pairs = zip(islice(cycle(parts), number), rng.spawn(number), strict=True)
    return [partial(_recorrupted, part, wiener=wiener, rng=own) for part, own in pairs]


def lesson(part: Excerpt, seen: Frames, target: Frames, *, wiener: FittedWiener) -> Lesson:
    """What is made of the frames `seen` (T, Y, X) of a part, beside their `target`, in the same units."""
    t, y, x = (slice(0, n) for n in seen.shape)
    pilots, left = wiener.filtered(seen, Block((t, y, x), (t, y, x)))
    piloted = Piloted(seen, pilots, left, part.offsets, part.segments, wiener.noise.autocorrelation)
    told = np.empty((len(seen), CHANNELS, *seen.shape[1:]), np.float16)
    for number in range(len(seen)):
        told[number] = piloted.evidence(number)
    return Lesson(told, target - pilots, part.held)


def _recorrupted(part: Excerpt, *, wiener: FittedWiener, rng: np.random.Generator) -> Lesson:
    added = drawn(part.values.shape, rng, autocorrelation=wiener.noise.autocorrelation)
    scale = (1 + ALPHA**2) ** -0.5
    seen = np.float32(scale) * (part.values + np.float32(ALPHA) * added)
    target = np.float32(scale) * (part.values - np.float32(1 / ALPHA) * added)
    return lesson(part, seen, target, wiener=wiener)


def learned_from(shape: tuple[int, int, int]) -> int:
    """How many pixels are recorrupted of a sequence of this shape (T, Y, X)."""
    size = int(np.prod(_extent(shape)))
    return _times(size) * size


def _extent(shape: tuple[int, int, int]) -> list[int]:
    """The frames, rows and columns of an excerpt."""
    return [min(n, most) for n, most in zip(shape, (FRAMES, SIDE, SIDE), strict=True)]


def _times(size: int) -> int:
    """How many excerpts of so many pixels to learn from."""
    return int(np.clip(PIXELS // size, FEWEST, MOST))
