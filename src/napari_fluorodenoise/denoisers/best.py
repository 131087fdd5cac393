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
from napari_fluorodenoise.engine.blocks import Block, Output, map_blocks
from napari_fluorodenoise.engine.keep import kept
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.primitives.unbiased import NOTHING, Correction, correction, due_to_mean_keeping
from napari_fluorodenoise.video import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.fitted_wiener import FittedWiener
    from napari_fluorodenoise.denoisers.model import Model
    from napari_fluorodenoise.denoisers.networks.parts import Network
    from napari_fluorodenoise.denoisers.refining import Lessons, Verdict
    from napari_fluorodenoise.denoisers.training import Trained

    Frames = NDArray[np.float32]

__all__ = ["SETTINGS", "FittedBest", "fit", "train"]

SETTINGS = ("training_steps", "budget", "device", "model", "continue_training", "turns")
WEIGHTS = "best.safetensors"
"""What a training begins with."""
NEIGHBOURS, STEP = 4, 8
"""The filter's settings, those of recipe `fast`, which the guard falls back on."""
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

    @property
    def trains(self) -> bool:
        """Whether the network is to learn from these frames."""
        return self.model is None or self.continue_training


@dataclass(frozen=True, eq=False)
class Subject:
    """A video with its pilots: `known` holds "frames", "pilots" and "left", and where the frames lie."""

    name: str
    wiener: FittedWiener
    known: Run
    places: tuple[NDArray[np.float64], NDArray[np.float64]]

    def piloted(self, frames: NDArray[Any], times: slice) -> Piloted:
        """The `frames` (t, Y, X) at the `times`, with all that is known of them."""
        pilots, left = (np.asarray(self.known.video(what).data[times]) for what in ("pilots", "left"))
        offsets, segments = (part[times] for part in self.places)
        noise = self.wiener.noise
        return Piloted(noise.detector.stabilize(frames), pilots, left, offsets, segments, noise.autocorrelation)


@dataclass(frozen=True, eq=False)
class FittedBest:
    """The network for one video, the share of the pilots' error that is left, and the bias that is due.

    Without a `net` the pilots stay as they are, as recipe `fast` has them. `warnings` say so.
    """

    subject: Subject
    net: Network | None
    turns: int = 1
    share: float = 1.0
    due: Correction = NOTHING
    warnings: tuple[str, ...] = ()

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

    The same `rng` gives the same weights on a CPU, where no `budget` ends the training. With the `truth` (T, Y, X) the
    network learns from that, and nothing is guarded: an upper bound for what it can learn from noisy frames.
    """
    from napari_fluorodenoise.denoisers.refining import verdict
    from napari_fluorodenoise.denoisers.training import chosen

    asked = Asked(**settings)
    subject = _subject(run, name, progress=portion(progress, 0.0, 0.2))
    lessons = _lessons([subject], rng, truth=truth, progress=portion(progress, 0.2, 0.35))
    net = _begun(asked).net.to(chosen(asked.device))
    if asked.trains and lessons.windows:
        net = _trained(net, lessons, subject, asked, rng=rng, progress=portion(progress, 0.35, 0.95)).net
    found = verdict(net, lessons)
    if found.worse and truth is None:
        return FittedBest(subject, None, warnings=(_told(found),))
    return _finished(FittedBest(subject, net.eval(), asked.turns), found, progress=portion(progress, 0.95, 1.0))


def train(runs: Sequence[Run], name: str, *, progress: Progress, rng: np.random.Generator, **settings: Any) -> Model:
    """A model trained on the videos `name` of all `runs`."""
    asked, subjects = Asked(**settings), []
    for index, run in enumerate(runs):
        part = portion(progress, 0.2 * index / len(runs), 0.2 * (index + 1) / len(runs))
        subjects.append(_subject(run, name, progress=part))
    begun = _begun(asked)
    lessons = _lessons(subjects, rng, progress=portion(progress, 0.2, 0.35))
    found = _trained(begun.net, lessons, subjects[0], asked, rng=rng, progress=portion(progress, 0.35, 1.0))
    noise = subjects[0].wiener.noise
    line = {"slope": noise.detector.slope, "read_variance": noise.detector.read_variance}
    record = {"shapes": [list(subject.known.video("frames").shape) for subject in subjects], **found.record}
    return replace(begun, net=found.net, noise={**line, "autocorrelation": noise.autocorrelation}, training=record)


def _subject(run: Run, name: str, *, progress: Progress) -> Subject:
    """The video `name` of `run` with its pilots; computed once, and kept in files where the video is lazy."""
    from napari_fluorodenoise.motion.segments import places

    wiener = fitted_wiener.fit(
        run,
        name,
        progress=portion(progress, 0.0, 0.2),
        rng=np.random.default_rng(0),
        radius=NEIGHBOURS,
        strength=1.0,
        step=STEP,
    )
    if wiener.noise.signed or wiener.noise.shared:
        raise ValueError(f"expected noisy frames for best, found {name!r}, one half of a split; use wiener")
    video = run.video(name)
    kinds = dict.fromkeys(("pilots", "left"), Output(np.dtype(np.float32)))
    made = map_blocks(_Pilots(wiener), {name: video.data}, outputs=kinds, progress=portion(progress, 0.2, 0.6))
    known = Run({"frames": video, **{what: video.of_other_values().with_data(data) for what, data in made.items()}})
    known = kept(known, tuple(kinds), in_files=True, progress=portion(progress, 0.6, 1.0))
    return Subject(name, wiener, known, places(run))


@dataclass(frozen=True, eq=False)
class _Pilots:
    """The filter over blocks, in units of the noise."""

    wiener: FittedWiener
    cuts: str = "t"

    @property
    def halo(self) -> tuple[int, int, int]:
        """The neighbours on either side."""
        return (self.wiener.radius, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """The pilots and the variance of their error, (t, y, x) float32."""
        frames = block[self.wiener.name]
        if not np.isfinite(frames).all():  # nobody shall wait for a training that comes to nothing
            bad = at.outer[0].start + int(np.isfinite(frames).all(axis=(1, 2)).argmin())
            raise ValueError(f"expected finite pixels, found NaN or infinity in frame {bad}; replace them first")
        pilots, left = self.wiener.filtered(self.wiener.noise.detector.stabilize(frames), at)
        return {"pilots": pilots, "left": left}


def _lessons(
    subjects: Sequence[Subject], rng: np.random.Generator, *, progress: Progress, truth: NDArray[Any] | None = None
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
    net: Network,
    lessons: Lessons,
    subject: Subject,
    asked: Asked,
    *,
    rng: np.random.Generator,
    progress: Progress,
) -> Trained[Network]:
    from napari_fluorodenoise.denoisers.refining import refined

    def preview(net: Network) -> Frames:
        _, piloted, here = _window(subject, subject.known.video("frames").shape[0] // 2)
        fitted = FittedBest(subject, net)
        return fitted.restored(*fitted.cleaned(piloted, here))[0]

    return refined(
        net,
        lessons,
        steps=asked.training_steps,
        budget=asked.budget,
        device=asked.device,
        seed=int(rng.integers(2**31)),
        preview=preview,
        progress=progress,
    )


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


def _window(subject: Subject, t: int) -> tuple[NDArray[Any], Piloted, int]:
    """The frames around frame `t` of the whole video, what is known of them, and which of them it is."""
    video = subject.known.video("frames")
    times = slice(max(t - RADIUS, 0), min(t + RADIUS + 1, video.shape[0]))
    frames = np.asarray(video.data[times])
    return frames, subject.piloted(frames, times), t - times.start


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
        frames, piloted, here = _window(subject, t)
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
