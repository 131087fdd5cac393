"""What Stabilize and Decompose add to a denoiser: the ablation of doi 10.1007/978-3-031-16452-1_2, tables 1 and 2.

A sequence that is taken as clean, in [0, 1], gets additive white Gaussian noise of a known variance; it is not clipped,
so some values leave [0, 1]. What each system makes of it is compared with the clean sequence over a range of 1: the
noisy input itself has -10 log10(variance) dB. Real clips are used where a folder holds them.

A system "Stabilize and the denoiser" is missing on purpose: the denoiser follows the motion from frame to frame by
itself and reads no offsets, so it would be the denoiser alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_fluorodenoise.engine.progress import Progress, Training, portion, silent
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.stages.stabilize import Stabilize
from napari_fluorodenoise.video import Run, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ALONE", "CLIPS", "FULL", "INPUT", "Case", "Row", "ablation", "cases", "gains"]

CLIPS: Mapping[str, bool] = {
    "angiodata_p2c3": True,
    "angiodata_p3c3": True,
    "angiodata_p7c1": True,
    "ercp_panning": True,
    "angiodata_p5c3": False,
    "angiodata_p7c4": False,
}
"""The folders of real clips that are looked for, and whether the view pans."""
PAN = 3.0
"""Speed of the panning phantom, in pixels per frame."""
MEAN = 5
"""Frames of the plain temporal mean."""
INPUT, ALONE, FULL = "noisy input", "denoiser alone", "three stages"

System: TypeAlias = Callable[[Video, Progress], Run]


@dataclass(frozen=True)
class Case:
    """A sequence with known truth: `clean()` is (T, Y, X) float32 in [0, 1], read or simulated when called."""

    name: str
    panning: bool
    clean: Callable[[], NDArray[np.float32]]


@dataclass(frozen=True)
class Row:
    """What a system made of a case: PSNR in dB, mean SSIM, mean entropy of a frame in bits, and frames/s.

    `background` is the entropy of the denoised background; None where the system has none. The input has no `rate`.
    """

    case: Case
    variance: float
    system: str
    psnr: float
    ssim: float
    background: float | None
    entropy: float
    rate: float | None


def cases(*, frames: int, size: int, seed: int = 0, data: Path | None = None) -> list[Case]:
    """The phantom, panning and still, and the clips in `data`: `frames` frames, cropped to `size` x `size` pixels.

    Raises ValueError where `data` is given and holds none of `CLIPS`.
    """
    found = [name for name in CLIPS if data is not None and (data / name).is_dir()]
    if data is not None and not found:
        raise ValueError(f"{data}: expected a folder that holds some of {', '.join(CLIPS)}, found none")
    simulated = partial(_phantom, frames=frames, size=size, seed=seed)
    clips = [Case(name, CLIPS[name], partial(_clip, Path(data or "", name), frames, size)) for name in found]
    return [
        Case(f"phantom, pan {PAN:g} px/frame", True, partial(simulated, pan=PAN)),
        Case("phantom, still", False, partial(simulated, pan=0.0)),
        *clips,
    ]


def ablation(
    chosen: Sequence[Case],
    *,
    variances: Sequence[float],
    denoiser: str = "fast",
    seed: int = 0,
    progress: Progress = silent,
) -> Iterator[Row]:
    """A row for each of the `chosen` cases, each variance and each system, as soon as it is known.

    Raises ValueError where `denoiser` names no recipe that begins with Denoise.
    """
    tried = _systems(denoiser)
    some = np.random.default_rng(seed).normal(0.5, 0.05, (4, 64, 64)).astype(np.float32)
    for system in tried.values():
        system(Video(data=some), silent)  # what is imported late is no part of the rate
    total = len(chosen) * len(variances)
    for index, case in enumerate(chosen):
        clean = case.clean()
        for number, variance in enumerate(variances, start=index * len(variances)):
            noise = np.random.default_rng(seed).normal(0, np.sqrt(variance), clean.shape)
            noisy = Video(data=(clean + noise).astype(np.float32))
            part = portion(progress, number / total, (number + 1) / total)
            yield from _rows(case, variance, clean, noisy, tried, part)


def gains(rows: Iterable[Row]) -> dict[tuple[str, float], float]:
    """By how many dB all three stages beat the denoiser alone, for every panning case and variance."""
    psnr = {(row.case.name, row.variance, row.system): row.psnr for row in rows if row.case.panning}
    return {(c, v): psnr[c, v, FULL] - found for (c, v, system), found in psnr.items() if system == ALONE}


def _systems(denoiser: str) -> dict[str, System]:
    """What is compared, by name."""
    alone, full = Recipe.named(denoiser), Recipe.named("sdd")
    first = alone.stages[0]
    if not isinstance(first, Denoise):
        raise ValueError(f"expected a recipe that begins with denoise, such as fast, found {denoiser!r}")
    stages = tuple(replace(first, of=s.of, radius=s.radius) if isinstance(s, Denoise) else s for s in full.stages)
    unstable = tuple(s for s in stages if not isinstance(s, Stabilize))
    return {
        f"{MEAN}-frame mean": _mean,
        ALONE: partial(_run, alone),
        "without Stabilize": partial(_run, Recipe(name="unstable", stages=unstable)),
        FULL: partial(_run, replace(full, stages=stages)),
    }


def _mean(noisy: Video, progress: Progress) -> Run:
    from scipy.ndimage import uniform_filter1d

    return Run({"fused": noisy.with_data(uniform_filter1d(noisy.numpy(), MEAN, axis=0, mode="nearest"))})


def _run(recipe: Recipe, noisy: Video, progress: Progress) -> Run:
    return recipe(noisy, progress=progress, rng=np.random.default_rng(0))


def _rows(
    case: Case,
    variance: float,
    clean: NDArray[np.float32],
    noisy: Video,
    tried: Mapping[str, System],
    progress: Progress,
) -> Iterator[Row]:
    """The row of the noisy input, then that of each system."""
    yield Row(case, variance, INPUT, **_measured(noisy, clean), background=None, rate=None)
    for index, (name, system) in enumerate(tried.items()):
        part = portion(progress, index / len(tried), (index + 1) / len(tried))
        start = time.perf_counter()
        run = system(noisy, _titled(part, f"{case.name}, variance {variance:g}: {name}"))
        rate = noisy.shape[0] / (time.perf_counter() - start)
        background = _entropy(run.video("background_denoised")) if "background_denoised" in run else None
        yield Row(case, variance, name, **_measured(run.video("fused"), clean), background=background, rate=rate)


def _measured(video: Video, clean: NDArray[np.float32]) -> dict[str, float]:
    from napari_fluorodenoise.quality import scores

    psnr, ssim = scores(video.numpy(), truth=clean, data_range=1.0)
    return {"psnr": psnr, "ssim": ssim, "entropy": _entropy(video)}


def _entropy(video: Video) -> float:
    """The mean entropy of a frame's grey levels, 256 from 0 to 1."""
    from napari_fluorodenoise.quality import entropy

    return float(np.mean([entropy(frame, limits=(0.0, 1.0)) for frame in video.numpy()]))


def _phantom(*, pan: float, frames: int, size: int, seed: int) -> NDArray[np.float32]:
    from napari_fluorodenoise.physics.phantom import phantom

    clean = phantom(frames=frames, shape=(size, size), pan=pan, rng=seed).clean
    return np.asarray(clean / clean.max(), np.float32)


def _clip(folder: Path, frames: int, size: int) -> NDArray[np.float32]:
    """The middle `frames` frames of the movie or the frames in `folder`, in [0, 1], where they show most contrast."""
    from napari_fluorodenoise.io import read

    video = read(next(iter(sorted(folder.glob("*.avi"))), folder))
    first = max(0, (video.shape[0] - frames) // 2)
    part = np.asarray(video.data[first : first + frames], np.float32)
    rows, columns = _contrasted(part[0], size)
    top = 1.0 if video.dtype.kind == "f" else float(np.iinfo(video.dtype).max)
    return np.ascontiguousarray(part[:, rows, columns] / np.float32(top))


def _contrasted(picture: NDArray[np.float32], size: int) -> tuple[slice, slice]:
    """The rows and columns of the part of `size` x `size` pixels, or less, whose values vary most."""
    rows, columns = (range(0, max(n - size, 0) + 1, max(size // 4, 1)) for n in picture.shape)
    y, x = max(((y, x) for y in rows for x in columns), key=lambda at: picture[at[0] :, at[1] :][:size, :size].std())
    return slice(y, y + size), slice(x, x + size)


def _titled(progress: Progress, title: str) -> Progress:
    """Progress whose messages are `title`: what runs inside says too much for one line."""

    def titled(fraction: float, message: str, training: Training | None = None) -> None:
        progress(fraction, title, training)

    return titled
