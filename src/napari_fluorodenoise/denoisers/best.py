"""Each frame as recipe `fast` has it, refined by a network that was trained on the sequence itself.

A filter that knows the noise (`fitted_wiener`) makes a pilot of every frame. What the frame and its neighbours know
beside it, aligned by pilots, are the channels of a small network (`evidence`), whose output is added to the pilot. The
network begins with weights that know what X-ray sequences look like (simulated ones: `weights/`), and learns on from
the noisy frames alone, made noisier (`excerpts`): the noise may be correlated, and every pixel is a target. A
prediction from neighbours, one from the frame alone and one that keeps what only this frame shows are thus weighed
pixel by pixel, by one network.

It is guarded. On tiles that were never learned from, pilots and network are held against the same recorrupted frames;
where the network is no better there, the result is that of `fast`, and a warning says so.

It fails as `fast` does where the noise is not what was measured: noise that is taken for too large is smoothed away
with what hides in it. Training on a sequence of few pixels tells little; then the shipped weights stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.denoisers import fitted_wiener
from napari_fluorodenoise.denoisers.evidence import RADIUS, Piloted
from napari_fluorodenoise.denoisers.pilots import PilotedVideo, piloted_video
from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.primitives.unbiased import NOTHING, Correction, correction, due_to_mean_keeping
from napari_fluorodenoise.video import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.model import Model
    from napari_fluorodenoise.denoisers.networks.parts import Network
    from napari_fluorodenoise.denoisers.refining import Lessons, Verdict
    from napari_fluorodenoise.denoisers.schedule import Schedule

    Frames = NDArray[np.float32]

__all__ = ["SETTINGS", "FittedBest", "fit", "train"]

SETTINGS = ("training_steps", "budget", "device", "model", "continue_training", "turns", "schedules")
WEIGHTS = "best.safetensors"
"""What a training begins with."""
TURNS = tuple(
    (slice(None, None, -1 if y else 1), slice(None, None, -1 if x else 1)) for y, x in ((0, 0), (1, 1), (0, 1), (1, 0))
)
"""Ways to mirror a picture; each goes with its transpose."""
LEAST = 0.1
"""Share of what the filter thinks its error is that is left at least."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The settings that are this denoiser's own."""

    training_steps: int
    budget: float | None
    device: str
    model: str | None
    continue_training: bool
    turns: int
    schedules: tuple[Schedule, ...]

    @property
    def trains(self) -> bool:
        """Whether the network is to learn from these frames."""
        return self.model is None or self.continue_training


@dataclass(frozen=True, eq=False)
class FittedBest:
    """The network for one video, the share of the pilots' error that is left, and the bias that is due.

    Without a `net` the pilots stay as they are, as recipe `fast` has them, and `warnings` say so; the `model` is kept
    all the same.
    """

    subject: PilotedVideo
    net: Network | None
    turns: int = 1
    share: float = 1.0
    due: Correction = NOTHING
    warnings: tuple[str, ...] = ()
    model: Model | None = None

    @property
    def radius(self) -> int:
        """How many frames on either side it needs."""
        return 0 if self.net is None else RADIUS

    def __call__(self, block: Mapping[str, NDArray[Any]], at: Block) -> tuple[Frames, Frames]:
        """The core of `at` (t, y, x) without its noise, and the standard deviation of the error."""
        piloted = self.subject.piloted(block[self.subject.name], at.outer[0])
        made = [self.restored(*self.cleaned(piloted, t)) for t in range(at.inner[0].start, at.inner[0].stop)]
        clean, error = zip(*made, strict=True)
        return np.stack(clean), np.stack(error)

    def cleaned(self, piloted: Piloted, t: int) -> tuple[Frames, Frames]:
        """Frame `t` (Y, X) in units of the noise, and its error variance."""
        if self.net is None:
            return piloted.pilots[t], piloted.left[t]
        change = _turned(self.net, piloted.evidence(t), turns=self.turns)
        return piloted.pilots[t] + change, np.float32(self.share) * piloted.left[t]

    def restored(self, clean: Frames, left: Frames) -> tuple[Frames, Frames]:
        """Intensities (Y, X), and the standard deviation of their error."""
        detector = self.subject.wiener.noise.detector
        if self.net is None:
            frame = self.subject.wiener.restored(clean, left)
        else:
            frame = self.due(detector.unstabilize(clean, residual=np.minimum(left, 1)))
        return frame, np.sqrt(left * detector.variance(frame))


def fit(
    run: Run,
    name: str,
    *,
    progress: Progress,
    rng: np.random.Generator,
    truth: NDArray[Any] | None = None,
    **settings: Any,
) -> FittedBest:
    """The network trained on the video `name` of `run`, or that of a model; the filter alone where that is better.

    The same `rng` gives the same weights on a CPU where no seconds end the training, or `schedules` say how it went.
    With the `truth` (T, Y, X) the network learns from that, and nothing is guarded: an upper bound for what it can
    learn from noisy frames.
    """
    from napari_fluorodenoise.denoisers.refining import verdict
    from napari_fluorodenoise.denoisers.training import laid_out

    asked = Asked(**settings)
    subject = piloted_video(run, name, progress=portion(progress, 0.0, 0.2))
    lessons = _lessons([subject], rng, truth=truth, progress=portion(progress, 0.2, 0.35))
    begun = _begun(asked)
    model = replace(begun, net=laid_out(begun.net, asked.device))
    if asked.trains and lessons.windows:
        model = _trained(model, lessons, [subject], asked, rng=rng, progress=portion(progress, 0.35, 0.95))
    found = verdict(model.net, lessons)
    if found.worse and truth is None:
        return FittedBest(subject, None, warnings=(_told(found),), model=model)
    fitted = FittedBest(subject, model.net.eval(), asked.turns, model=model)
    return _finished(fitted, found, progress=portion(progress, 0.95, 1.0))


def train(runs: Sequence[Run], name: str, *, progress: Progress, rng: np.random.Generator, **settings: Any) -> Model:
    """A model trained on the videos `name` of all `runs`."""
    asked, subjects = Asked(**settings), []
    for index, run in enumerate(runs):
        part = portion(progress, 0.2 * index / len(runs), 0.2 * (index + 1) / len(runs))
        with pieces.part_of(f"sequence {index}"):
            subjects.append(piloted_video(run, name, progress=part))
    begun = _begun(asked)
    lessons = _lessons(subjects, rng, progress=portion(progress, 0.2, 0.35))
    return _trained(begun, lessons, subjects, asked, rng=rng, progress=portion(progress, 0.35, 1.0))


def _lessons(
    subjects: Sequence[PilotedVideo], rng: np.random.Generator, *, progress: Progress, truth: NDArray[Any] | None = None
) -> Lessons:
    """What is learned from the `subjects`: recorruptions of their frames, or the frames beside the `truth`."""
    from napari_fluorodenoise.denoisers.excerpts import excerpts, lesson, lessons
    from napari_fluorodenoise.denoisers.refining import Lessons, gathered

    calls = []
    for subject in subjects:
        stabilize = subject.wiener.noise.detector.stabilize
        data = subject.known.video("frames").data
        parts = excerpts(data, stabilize=stabilize, places=subject.places, rng=rng)
        if truth is None:
            calls += lessons(parts, wiener=subject.wiener, rng=rng)
        else:
            calls += [
                partial(lesson, part, part.values, stabilize(truth[part.at]), wiener=subject.wiener) for part in parts
            ]
    found = gathered(calls, progress=progress)
    return Lessons(found, rng=rng) if truth is None else Lessons(found, rng=rng, noise=0.0)


def _begun(asked: Asked) -> Model:
    """The model that is asked for, or the one that ships."""
    from napari_fluorodenoise.denoisers.model import load

    if asked.model is None:
        with as_file(files("napari_fluorodenoise.denoisers") / "weights" / WEIGHTS) as path:
            return load(path)
    found = load(asked.model)
    if found.scheme != "best":
        raise ValueError(f"{asked.model}: expected a model of best, found one of {found.scheme}; set denoiser to that")
    return found


def _trained(
    begun: Model,
    lessons: Lessons,
    subjects: Sequence[PilotedVideo],
    asked: Asked,
    *,
    rng: np.random.Generator,
    progress: Progress,
) -> Model:
    """The model that `begun` becomes by `lessons` on the `subjects`."""
    from napari_fluorodenoise.denoisers.refining import refined
    from napari_fluorodenoise.denoisers.training import record

    found = refined(
        begun.net,
        lessons,
        steps=asked.training_steps,
        budget=asked.budget,
        device=asked.device,
        seed=int(rng.integers(2**31)),
        schedule=next(iter(asked.schedules), None),
        look=partial(_shown, subjects[0]),
        progress=progress,
    )
    noise = subjects[0].wiener.noise
    line = {"slope": noise.detector.slope, "read_variance": noise.detector.read_variance}
    told = {"shapes": [list(subject.known.video("frames").shape) for subject in subjects], **record(found)}
    return replace(begun, net=found.net, noise={**line, "autocorrelation": noise.autocorrelation}, training=told)


def _shown(subject: PilotedVideo, net: Network, t: int) -> Frames:
    """Frame `t` (Y, X) as `net` would have it, in intensities."""
    _, piloted, here = subject.around(t)
    fitted = FittedBest(subject, net)
    return fitted.restored(*fitted.cleaned(piloted, here))[0]


def _turned(net: Network, evidence: Frames, *, turns: int) -> Frames:
    """The mean (Y, X) of what `net` makes of `evidence` (C, Y, X) turned in so many ways, and turned back."""
    from napari_fluorodenoise.denoisers.tiles import applied

    total = np.zeros(evidence.shape[1:], np.float32)
    for turn in range(turns):
        mirror, transposed = TURNS[turn // 2], turn % 2
        seen = evidence[:, *mirror]
        made = applied(net, seen.swapaxes(1, 2)).T if transposed else applied(net, seen)
        total += made[mirror]
    return total / np.float32(turns)


def _finished(fitted: FittedBest, found: Verdict, *, progress: Progress) -> FittedBest:
    """`fitted` with the share of the error that is left, and the bias that is due, read from a few frames."""
    subject = fitted.subject
    times = fitted_wiener.sampled(subject.known.video("frames").shape[0])
    usual = float(np.mean([np.asarray(subject.known.video("left").data[t]).mean() for t in times]))
    told = max(usual, found.pilots - found.pilots_doubt)  # the filter's own estimate, where nothing speaks against it
    fitted = replace(fitted, share=max((told - found.gain) / usual, LEAST))
    pairs = []
    for done, t in enumerate(times):
        progress(done / len(times), f"bias of {subject.name}")
        frames, piloted, here = subject.around(t)
        clean, left = fitted.cleaned(piloted, here)
        pairs.append(
            due_to_mean_keeping(
                frames[here],
                fitted.restored(clean, left)[0],
                stabilized=piloted.values[here],
                denoised=clean,
                back=partial(subject.wiener.noise.detector.unstabilize, residual=1.0),
            )
        )
    return replace(fitted, due=correction(pairs))


def _told(found: Verdict) -> str:
    return (
        "recipe fast was used: on recorrupted frames the trained network was no better "
        f"(error {found.pilots - found.gain:.4f} instead of {found.pilots:.4f} of the noise's variance)"
    )
