"""Noisy sequences whose truth is known, and real ones without: what the tables are made on.

A `Scene` is a clean sequence in [0, 1], simulated or read when it is asked for; noise makes a `Case` of it. The phantom
behind a detector is a case at once, since quantum noise is part of its exposure. Clips that are taken as clean hold
noise of their own, and compression: scores on them rank, and do not bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frames = NDArray[np.float32]

__all__ = ["PAN", "Case", "Scene", "clips", "exposed", "gaussian", "phantoms", "sequences", "untold"]

PAN = 3.0
"""Speed of the panning phantom, in pixels per frame."""
SMALLEST = 16
"""Pixels along a frame's side, and frames over 4, that a sequence needs to be in a table."""
WHITE = np.ones((1, 1))


@dataclass(frozen=True)
class Scene:
    """A sequence taken as clean: `clean()` is (T, Y, X) float32 in [0, 1], read or simulated when called."""

    name: str
    clean: Callable[[], Frames]


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """A sequence `noisy` (T, Y, X) float32 and its truth `clean` in the same units; None where nobody knows it.

    The noise variance is `slope` * clean + `read_variance`; quanta are spread by `response` (k, k), read noise is not.
    `span` is the range that PSNR and SSIM refer to. Only peers are told any of this; ours measure.
    """

    name: str
    noisy: Frames
    clean: Frames | None
    span: float
    slope: float = 0.0
    read_variance: float
    response: NDArray[np.float64]

    @property
    def level(self) -> float:
        """The mean intensity."""
        return float((self.noisy if self.clean is None else self.clean).mean())

    @property
    def sigma(self) -> float:
        """The noise's standard deviation at the mean intensity."""
        return float(np.sqrt(max(self.slope * self.level + self.read_variance, 0.0)))

    @property
    def autocorrelation(self) -> NDArray[np.float64]:
        """That of the noise (2k-1, 2k-1) at the mean intensity, 1 in its middle."""
        from scipy.signal import convolve2d

        quanta = convolve2d(self.response, self.response[::-1, ::-1])
        quanta *= self.slope * self.level / quanta.max()
        quanta[len(quanta) // 2, len(quanta) // 2] += self.read_variance
        return np.asarray(quanta / quanta.max())


def phantoms(*, frames: int, size: int, seed: int, pans: Iterable[float] = (PAN, 0.0)) -> list[Scene]:
    """The phantom of `frames` frames of `size` x `size` pixels, once for each speed of its view."""
    simulated = partial(_phantom, frames=frames, size=size, seed=seed)
    return [Scene(_phantom_name(pan), partial(simulated, pan=pan)) for pan in pans]


def clips(paths: Iterable[Path], *, frames: int, size: int) -> list[Scene]:
    """The sequences at `paths`: the middle `frames` frames, cropped to at most `size` x `size` pixels, in [0, 1]."""
    return [Scene(path.stem, partial(_unit, path, frames=frames, size=size)) for path in sequences(paths)]


def gaussian(name: str, clean: Frames, *, variance: float, seed: int) -> Case:
    """`clean` with white Gaussian noise of one `variance`; not clipped, so some values leave [0, 1]."""
    noise = np.random.default_rng(seed).normal(0, np.sqrt(variance), clean.shape)
    noisy = (clean + noise).astype(np.float32)
    return Case(name=name, noisy=noisy, clean=clean, span=1.0, read_variance=variance, response=WHITE)


def exposed(*, frames: int, size: int, photons: float, pan: float, seed: int) -> Case:
    """The phantom at so many `photons` per pixel behind its detector; the truth is blurred as the detector does."""
    from napari_fluorodenoise.physics.phantom import phantom

    made = phantom(frames=frames, shape=(size, size), photons=photons, pan=pan, rng=seed)
    return Case(
        name=f"{_phantom_name(pan)}, {photons:g} photons",
        noisy=made.noisy.numpy().astype(np.float32),
        clean=made.clean,
        span=float(np.ptp(made.clean)),
        slope=made.slope,
        read_variance=made.read_variance - made.slope * made.chain.offset,
        response=made.response,
    )


def untold(path: Path, *, frames: int, size: int) -> Case:
    """The middle `frames` frames at `path` as they are, without truth; what peers are told of the noise is measured."""
    from napari_fluorodenoise.physics.detector import measure
    from napari_fluorodenoise.video import Video

    noisy = _middle(path, frames=frames, size=size)[0]
    found = measure(Video(data=noisy))
    slope = max(found.slope, 0.0)
    return Case(
        name=path.stem,
        noisy=noisy,
        clean=None,
        span=float(np.ptp(noisy)),
        slope=slope,
        read_variance=float(found.variance(found.level)) - slope * found.level,
        response=found.response,
    )


def sequences(paths: Iterable[Path]) -> list[Path]:
    """The sequences at `paths`: each is one itself, or a folder of them. Raises ValueError for a path without any."""
    found = []
    for path in paths:
        inside = list(_sequences(path, deep=2))
        if not inside:
            raise ValueError(f"{path}: expected a grey sequence, or a folder of them, found none; name another")
        found += inside
    return found


def _sequences(path: Path, *, deep: int) -> Iterator[Path]:
    from napari_fluorodenoise.io import FileError, read

    try:
        frames, *sides = read(path).shape
    except FileError:
        if deep and path.is_dir():
            for inside in sorted(path.iterdir()):
                yield from _sequences(inside, deep=deep - 1)
        return
    if frames >= SMALLEST // 4 and min(sides) >= SMALLEST:
        yield path


def _phantom_name(pan: float) -> str:
    return f"phantom, pan {pan:g} px/frame" if pan else "phantom, still"


def _phantom(*, pan: float, frames: int, size: int, seed: int) -> Frames:
    from napari_fluorodenoise.physics.phantom import phantom

    clean = phantom(frames=frames, shape=(size, size), pan=pan, rng=seed).clean
    return np.asarray(clean / clean.max(), np.float32)


def _unit(path: Path, *, frames: int, size: int) -> Frames:
    """The middle of the sequence at `path` in [0, 1]: integers by the bits that they use, floats by their largest."""
    part, dtype = _middle(path, frames=frames, size=size)
    most = float(part.max())
    top = 2.0 ** max(int(most).bit_length(), 8) - 1 if dtype.kind in "ui" else max(most, 1.0)
    return part / np.float32(top)


def _middle(path: Path, *, frames: int, size: int) -> tuple[Frames, np.dtype[Any]]:
    """The middle `frames` frames (T, Y, X) float32, where they show most contrast, and the dtype they had."""
    from napari_fluorodenoise.io import read

    video = read(path)
    first = max(0, (video.shape[0] - frames) // 2)
    part = np.asarray(video.data[first : first + frames], np.float32)
    rows, columns = _contrasted(part[0], size)
    return np.ascontiguousarray(part[:, rows, columns]), video.dtype


def _contrasted(picture: Frames, size: int) -> tuple[slice, slice]:
    """The rows and columns of the part of `size` x `size` pixels, or less, whose values vary most."""
    rows, columns = (range(0, max(n - size, 0) + 1, max(size // 4, 1)) for n in picture.shape)
    y, x = max(((y, x) for y in rows for x in columns), key=lambda at: picture[at[0] :, at[1] :][:size, :size].std())
    return slice(y, y + size), slice(x, x + size)
