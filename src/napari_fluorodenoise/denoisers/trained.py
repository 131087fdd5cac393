"""A network trained on the noisy frames of one video, by one of the `schemes`, and applied to all of them.

The video is brought to noise of unit variance (`domain`), random crops of it train the network (`lessons`, `training`),
and its predictions go back to intensities; what bias is left there is read from the frames and taken away
(`primitives.unbiased`). The error is what held-out data tell: by intensity where other frames do, on average where
tiles do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.denoisers.crops import around
from napari_fluorodenoise.denoisers.domain import Seen, Subject, seen
from napari_fluorodenoise.denoisers.noise import noise_of
from napari_fluorodenoise.denoisers.schemes import (
    CORRELATED,
    INDEPENDENT,
    TOGETHER,
    Scheme,
    beside,
    options_of,
    scheme,
)
from napari_fluorodenoise.primitives.unbiased import NOTHING, Correction, correction, due, tiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.lessons import Lessons
    from napari_fluorodenoise.denoisers.model import Model
    from napari_fluorodenoise.denoisers.networks.parts import Network
    from napari_fluorodenoise.denoisers.schedule import Schedule
    from napari_fluorodenoise.engine.blocks import Block
    from napari_fluorodenoise.engine.progress import Progress
    from napari_fluorodenoise.video import Run

    Frame = NDArray[np.float32]

__all__ = ["SETTINGS", "Asked", "FittedTrained", "doubts", "fit", "refuse", "train"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The settings that are the schemes' own."""

    denoiser: str
    network: str
    training_steps: int
    budget: float | None
    device: str
    held_out: int
    model: str | None
    continue_training: bool
    radius: int
    alpha: float
    n2v2: bool
    passes: int
    student: bool
    schedules: tuple[Schedule, ...]

    @property
    def options(self) -> dict[str, Any]:
        """Those of the scheme."""
        everything = {**vars(self), "radius": min(self.radius, MOST)}
        return {key: everything[key] for key in options_of(self.denoiser)}


SETTINGS = tuple(field.name for field in fields(Asked))
FRAMES = 12
"""Frames over which a bias is read."""
MOST = 3
"""Neighbours on either side that a network sees at the most: those further away tell little, and cost as much."""
SMALLEST = 8
"""Pixels along a frame's side at least."""
SHARES = 4
"""Levels at which the error is measured."""
LEAST = 0.005
"""Share of the noise's variance below which an error is too small to be told."""


@dataclass(frozen=True, eq=False)
class FittedTrained:
    """The network trained for the video `name` of `count` frames, the bias that is due, and the share of noise left.

    `left` is by what the network gives out; `model` is what can be kept, `warnings` what to beware of.
    """

    name: str
    scheme: Scheme
    net: Network
    frames: Seen
    model: Model
    due: Correction = NOTHING
    left: Correction = NOTHING
    warnings: tuple[str, ...] = ()

    @property
    def radius(self) -> int:
        """How many frames on either side it needs."""
        return self.scheme.radius

    def __call__(self, block: Mapping[str, NDArray[Any]], at: Block) -> tuple[Frame, Frame]:
        """The core of `at` (t, y, x) without its noise, and the standard deviation of the error."""
        below = block.get("background") if self.frames.below is not None else None
        here = replace(self.frames, data=block[self.name], below=below, times=None)
        times = range(at.core[0].start, at.core[0].stop)
        done = [self.denoised(here, t, first=at.outer[0].start) for t in times]
        clean, error = zip(*done, strict=True)
        return np.stack(clean), np.stack(error)

    def denoised(self, frames: Seen, t: int, *, first: int = 0) -> tuple[Frame, Frame]:
        """Frame `t` (Y, X) without its noise, and the error's standard deviation; `frames` begin with frame `first`."""
        values = self.predicted(frames, t, first=first)
        below = None if frames.below is None else np.asarray(frames.below[t - first])
        domain = frames.domain
        clean = self.due(domain.back(values, below))
        share = np.interp(values, self.left.at, self.left.due).astype(np.float32)
        return clean, np.sqrt(share * domain.noise(values)) * domain.steepness(clean, below)

    def predicted(self, frames: Seen, t: int, *, first: int = 0) -> Frame:
        """What the network makes of frame `t`, (Y, X)."""
        from napari_fluorodenoise.denoisers.lessons import predicted

        near = around(t, radius=self.radius, count=self.frames.shape[0])
        return predicted(self.scheme, self.net, np.stack([frames[k - first] for k in near]))


def fit(run: Run, name: str, *, progress: Progress, rng: np.random.Generator, **settings: Any) -> FittedTrained:
    """A network trained on the video `name` of `run`, or that of a model applied to it, or trained further.

    The same `rng` gives the same weights on a CPU where no seconds end the training, or `schedules` say how it went.
    """
    from napari_fluorodenoise.denoisers import learning

    asked = Asked(**settings)
    progress(0.0, f"noise of {name}")
    earlier = _earlier(asked)
    chosen, (subject,) = _begun([run], name, asked, earlier)
    if earlier is None or asked.continue_training:
        found, taught, error = learning.learnt(
            [subject], chosen, asked=asked, earlier=earlier, rng=rng, progress=progress
        )
    else:
        found, taught, error = learning.moved(subject, chosen, asked=asked, earlier=earlier, rng=rng)
    warnings = doubts(run, name, asked.denoiser)
    fitted = FittedTrained(name, chosen, found.net, subject.frames, found, warnings=warnings)
    return replace(replace(fitted, due=_due(fitted, subject)), left=_left(fitted, taught, chosen.left(error)))


def train(runs: Sequence[Run], name: str, *, progress: Progress, rng: np.random.Generator, **settings: Any) -> Model:
    """A model trained on the videos `name` of all `runs`, whose noise is of one kind."""
    from napari_fluorodenoise.denoisers import learning

    asked = Asked(**settings)
    progress(0.0, f"noise of {name}")
    earlier = _earlier(asked) if asked.continue_training else None
    chosen, subjects = _begun(runs, name, asked, earlier)
    return learning.learnt(subjects, chosen, asked=asked, earlier=earlier, rng=rng, progress=progress)[0]


def _begun(runs: Sequence[Run], name: str, asked: Asked, earlier: Model | None) -> tuple[Scheme, Sequence[Subject]]:
    """The scheme, and what it is to learn from; an `earlier` model sets its options."""
    noises = []
    for run in runs:
        refuse(run, name, asked.denoiser)
        noises.append(noise_of(run, name))
    options = asked.options if earlier is None else earlier.options
    chosen = scheme(asked.denoiser, noise_autocorrelation=noises[0].autocorrelation, **options)
    subjects = []
    for run, noise in zip(runs, noises, strict=True):
        frames = seen(run, name, noise=noise, bent=chosen.independent)
        truth = replace(frames, data=run.video("truth").data) if asked.denoiser == "supervised" else None
        subjects.append(Subject(frames, noise, truth))
    return chosen, subjects


def _earlier(asked: Asked) -> Model | None:
    """The model that is asked for, which the same scheme trained."""
    from napari_fluorodenoise.denoisers.model import load

    if asked.model is None:
        return None
    found = load(asked.model)
    if found.scheme != asked.denoiser:
        raise ValueError(
            f"{asked.model}: expected a model of {asked.denoiser}, found one of {found.scheme}; set denoiser to that"
        )
    return found


def refuse(run: Run, name: str, denoiser: str) -> None:
    """Raise ValueError where the video `name` is not one that `denoiser` can learn from."""
    if name == "background" and denoiser in TOGETHER:
        raise ValueError(
            f"expected noise that differs from frame to frame for {denoiser}, found 'background', which shares it; "
            f"use {', '.join(INDEPENDENT)} or wiener"
        )
    if denoiser == "supervised":
        expected, found = run.video(name).shape, run.video("truth").shape
        if name != "frames" or expected != found:
            raise ValueError(f"expected a truth of the frames {expected} for supervised, found {found} for {name!r}")
    if min(run.video(name).shape[1:]) < SMALLEST:
        raise ValueError(
            f"expected frames of at least {SMALLEST} x {SMALLEST} pixels for {denoiser}, "
            f"found {run.video(name).shape[1:]}; use wiener"
        )


def doubts(run: Run, name: str, denoiser: str) -> tuple[str, ...]:
    """A sentence where `denoiser` asks for noise independent from pixel to pixel and the video `name` holds other."""
    from napari_fluorodenoise.physics.detector import detector_of

    if denoiser not in INDEPENDENT or name == "frames_decorrelated":
        return ()
    found = beside(detector_of(run).autocorrelation)
    if found <= CORRELATED:
        return ()
    return (
        f"{denoiser} asks for noise that is independent from pixel to pixel, and here neighbouring pixels correlate "
        f"by {found:.2f}: some of it is learned and stays; run Decorrelate before, or use wiener or best",
    )


def _due(fitted: FittedTrained, subject: Subject) -> Correction:
    """What intensities lack on the way back, read from some frames; nothing for what is no intensity, or no frame's."""
    if subject.noise.signed or subject.noise.shared:
        return NOTHING
    count, data = fitted.frames.shape[0], fitted.frames.data
    times = np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int)
    return correction(due(np.asarray(data[t]), fitted.denoised(fitted.frames, t)[0]) for t in times.tolist())


def _left(fitted: FittedTrained, taught: Lessons, error: float) -> Correction:
    """The share of the noise's variance that is left, by what the network gives out, as held-out frames tell.

    `error` is that share on average, for where tiles judge.
    """
    from napari_fluorodenoise.denoisers.lessons import predicted

    pairs = []
    for test in taught.tests:
        clean = predicted(fitted.scheme, fitted.net, test.given[None])
        squares = (clean - test.target) ** 2 / fitted.frames.domain.noise(clean) - test.share
        still = tiled(test.still) > 0.99
        pairs.append(np.stack([tiled(clean)[still], tiled(squares)[still]]))
    at, shares = np.concatenate([np.zeros((2, 0)), *pairs], axis=1)
    parts = np.array_split(np.argsort(at, kind="stable"), SHARES) if len(at) >= SHARES else []
    if not parts:
        return Correction(np.zeros(1), np.clip([error], LEAST, 1))
    levels, means = (np.array([values[part].mean() for part in parts]) for values in (at, shares))
    return Correction(levels, np.clip(means, LEAST, 1))
