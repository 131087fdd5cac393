"""How a network comes to be trained: made to measure or taken from a model, trained, and for Self2Self distilled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.denoisers.crops import Crops, Source, around
from napari_fluorodenoise.denoisers.lessons import BATCH, CROP, Lessons, lessons, predicted
from napari_fluorodenoise.denoisers.model import Model
from napari_fluorodenoise.denoisers.networks import NETWORKS, network
from napari_fluorodenoise.denoisers.schemes import options_of
from napari_fluorodenoise.denoisers.schemes.self2self import Self2Self
from napari_fluorodenoise.denoisers.schemes.supervised import Supervised
from napari_fluorodenoise.denoisers.training import PATIENCE, Trained, laid_out, record, train
from napari_fluorodenoise.engine.progress import Progress, portion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.domain import Seen, Subject
    from napari_fluorodenoise.denoisers.networks.parts import Network
    from napari_fluorodenoise.denoisers.schedule import Schedule
    from napari_fluorodenoise.denoisers.schemes import Scheme
    from napari_fluorodenoise.denoisers.trained import Asked

__all__ = ["learnt", "moved"]

SAMPLED = 8
"""Frames from which the spread of what a network sees is read, and of which an ensemble tells a student."""
TEACHER = 0.7
"""Share of the time that the training of a student's teacher takes."""


def learnt(
    subjects: Sequence[Subject],
    scheme: Scheme,
    *,
    asked: Asked,
    earlier: Model | None,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[Model, Lessons, float]:
    """The model that came of it, begun where an `earlier` one ended, its lessons, and the error that they tell."""
    if _taught(scheme) and earlier:
        raise ValueError("expected a model to train further, found a student; train with student=false, or anew")
    taught = lessons(subjects, scheme, rng=rng, held_out=asked.held_out)
    name, start = (earlier.network, earlier.net) if earlier else _made(asked, scheme, subjects, rng)
    share, again = TEACHER if _taught(scheme) else 1.0, iter(asked.schedules)
    trained = partial(_trained, subject=subjects[0], asked=asked)
    part = portion(progress, 0.0, share)
    trainings = [trained(taught, start, share=share, again=next(again, None), progress=part)]
    if _taught(scheme):
        name, start = "student", _network("student", Supervised(radius=0), subjects, rng)
        told, part = _of_ensemble(taught, trainings[0].net), portion(progress, share, 1.0)
        trainings.append(trained(told, start, share=1 - share, again=next(again, None), progress=part))
    error = _error(taught, trainings[-1].net, otherwise=min(held for _, _, held in trainings[0].losses))
    options = {key: getattr(scheme, key) for key in options_of(asked.denoiser)}
    return _model(name, trainings, subjects, asked.denoiser, options, error), taught, error


def moved(
    subject: Subject, scheme: Scheme, *, asked: Asked, earlier: Model, rng: np.random.Generator
) -> tuple[Model, Lessons, float]:
    """The `earlier` model where it shall be applied, lessons that judge it, and its error.

    Where nothing tells it is that of its training; 1 where that is not known.
    """
    taught = lessons([subject], scheme, rng=rng, held_out=asked.held_out)
    net = laid_out(earlier.net, asked.device)
    error = _error(taught, net, otherwise=earlier.training.get("error", 1.0))
    return replace(earlier, net=net), taught, error


def _error(taught: Lessons, net: Network, *, otherwise: float) -> float:
    """The error of `net` by what is held out; a student cannot be judged by hidden pixels."""
    judged = taught.judged and (taught.tests or not _taught(taught.scheme))
    return taught.judge(net) if judged else otherwise


def _taught(scheme: Scheme) -> bool:
    """Whether a student follows."""
    return isinstance(scheme, Self2Self) and scheme.student


def _made(asked: Asked, scheme: Scheme, subjects: Sequence[Subject], rng: np.random.Generator) -> tuple[str, Network]:
    """The network asked for, by name, untrained."""
    name = scheme.network if asked.network == "auto" else asked.network
    if scheme.network == "self2self" and name != "self2self":
        raise ValueError(f"expected the network self2self for self2self, found {name!r}; leave it at auto")
    return name, _network(name, scheme, subjects, rng)


def _network(name: str, scheme: Scheme, subjects: Sequence[Subject], rng: np.random.Generator) -> Network:
    some = [subject.frames[t] for subject in subjects for t in _spread(subject.frames.shape[0])]
    mean = float(np.mean([values.mean(dtype=np.float64) for values in some]))
    power = float(np.mean([np.square(values - np.float32(mean)).mean(dtype=np.float64) for values in some]))
    own = NETWORKS[name].where == NETWORKS[scheme.network].where
    return network(
        name,
        seed=int(rng.integers(2**31)),
        inputs=scheme.inputs,
        centre=scheme.centre,
        offset=mean,
        scale=max(power**0.5, 1e-3),
        **(scheme.sizes if own else {}),
    )


def _trained(
    taught: Lessons,
    start: Network,
    *,
    subject: Subject,
    asked: Asked,
    share: float,
    again: Schedule | None,
    progress: Progress,
) -> Trained[Network]:
    return train(
        start,
        loss=taught.loss,
        judge=taught.judge,
        draws=taught,
        steps=asked.training_steps,
        budget=None if asked.budget is None else share * asked.budget,
        patience=PATIENCE if taught.judged else None,
        schedule=again,
        device=asked.device,
        seed=taught.seed,
        look=partial(_shown, taught.scheme, subject.frames),
        progress=progress,
    )


def _model(
    name: str,
    trainings: Sequence[Trained[Network]],
    subjects: Sequence[Subject],
    denoiser: str,
    options: Mapping[str, Any],
    error: float,
) -> Model:
    noise, frames = subjects[0].noise, subjects[0].frames
    line = {"slope": noise.detector.slope, "read_variance": noise.detector.read_variance}
    shapes = [list(subject.frames.shape) for subject in subjects]
    return Model(
        network=name,
        scheme=denoiser,
        net=trainings[-1].net,
        options=options,
        noise={**line, "autocorrelation": noise.autocorrelation},
        normalisation={"domain": type(frames.domain).__name__.lower()},
        training={"shapes": shapes, **record(*trainings), "error": error},
    )


def _spread(count: int) -> list[int]:
    """A few of `count` frames, evenly spread."""
    chosen: list[int] = np.linspace(0, count - 1, min(SAMPLED, count)).round().astype(int).tolist()
    return chosen


def _of_ensemble(taught: Lessons, teacher: Network) -> Lessons:
    """Lessons in what the ensemble of a Self2Self `teacher` says of some frames (arXiv 2208.14022, eq. 5)."""
    ensemble, told = replace(taught.scheme, student=False), []  # type: ignore[type-var]
    for source in taught.crops.sources:
        pictures = np.stack([source.frame(t) for t in _spread(source.shape[0])])
        said = np.stack([predicted(ensemble, teacher, picture[None]) for picture in pictures])
        told.append(Source(pictures, source.stabilize, (said,), source.field))
    crops = Crops(told, radius=0, side=CROP, batch=BATCH, rng=taught.rng)
    return replace(taught, scheme=Supervised(radius=0), crops=crops)


def _shown(scheme: Scheme, frames: Seen, net: Network, t: int) -> NDArray[np.float32]:
    """Frame `t` (Y, X) as `net` would have it, in intensities."""
    near = around(t, radius=scheme.radius, count=frames.shape[0])
    plain = replace(scheme, student=True) if isinstance(scheme, Self2Self) else scheme  # one pass is enough to see
    values = predicted(plain, net, np.stack([frames[k] for k in near]))
    return frames.domain.back(values, None if frames.below is None else np.asarray(frames.below[t]))
