"""How a network comes to be trained: made to measure or taken from a model, trained, and for Self2Self distilled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_fluorodenoise.denoisers.crops import Crops, Source
from napari_fluorodenoise.denoisers.lessons import BATCH, CROP, Lessons, lessons, predicted
from napari_fluorodenoise.denoisers.model import Model
from napari_fluorodenoise.denoisers.networks import NETWORKS, network
from napari_fluorodenoise.denoisers.schemes import options_of
from napari_fluorodenoise.denoisers.schemes.self2self import Self2Self
from napari_fluorodenoise.denoisers.schemes.supervised import Supervised
from napari_fluorodenoise.denoisers.training import PATIENCE, Trained, chosen, train
from napari_fluorodenoise.engine.progress import Progress, portion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.domain import Seen, Subject
    from napari_fluorodenoise.denoisers.networks.parts import Network
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
    share = TEACHER if _taught(scheme) else 1.0
    found = _trained(taught, start, subjects[0], asked, share=share, progress=portion(progress, 0.0, share))
    error = min(held for _, _, held in found.losses)
    if _taught(scheme):
        name, start = "student", _network("student", Supervised(radius=0), subjects, rng)
        ensemble = _of_ensemble(taught, found.net)
        part = portion(progress, share, 1.0)
        found = _trained(ensemble, start, subjects[0], asked, share=1 - share, progress=part)
    options = {key: getattr(scheme, key) for key in options_of(asked.denoiser)}
    return _model(name, found, subjects, asked.denoiser, options), taught, error


def moved(
    subject: Subject, scheme: Scheme, *, asked: Asked, earlier: Model, rng: np.random.Generator
) -> tuple[Model, Lessons, float]:
    """The `earlier` model where it shall be applied, lessons that judge it, and its error; 1 where nothing tells."""
    taught = lessons([subject], scheme, rng=rng, held_out=asked.held_out)
    # laid out as in training: which features an ensemble drops depends on it
    net = earlier.net.to(chosen(asked.device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # a student cannot be judged by hidden pixels
    error = taught.judge(net) if taught.judged and (taught.tests or not _taught(scheme)) else 1.0
    return replace(earlier, net=net), taught, error


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
    taught: Lessons, start: Network, subject: Subject, asked: Asked, *, share: float, progress: Progress
) -> Trained[Network]:
    def preview(net: Network) -> NDArray[np.float32]:
        return _preview(taught.scheme, net, subject.frames)

    return train(
        start,
        loss=taught.loss,
        judge=taught.judge,
        steps=asked.training_steps,
        budget=None if asked.budget is None else share * asked.budget,
        patience=PATIENCE if taught.judged else None,
        device=asked.device,
        seed=taught.seed,
        preview=preview,
        progress=progress,
    )


def _model(
    name: str, found: Trained[Network], subjects: Sequence[Subject], denoiser: str, options: Mapping[str, Any]
) -> Model:
    noise, frames = subjects[0].noise, subjects[0].frames
    line = {"slope": noise.detector.slope, "read_variance": noise.detector.read_variance}
    record = {"shapes": [list(subject.frames.shape) for subject in subjects], **found.record}
    return Model(
        network=name,
        scheme=denoiser,
        net=found.net,
        options=options,
        noise={**line, "autocorrelation": noise.autocorrelation},
        normalisation={"domain": type(frames.domain).__name__.lower()},
        training=record,
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


def _preview(scheme: Scheme, net: Network, frames: Seen) -> NDArray[np.float32]:
    """The middle frame (Y, X) as `net` would have it, in intensities."""
    from napari_fluorodenoise.denoisers.crops import around

    t = frames.shape[0] // 2
    near = around(t, radius=scheme.radius, count=frames.shape[0])
    plain = replace(scheme, student=True) if isinstance(scheme, Self2Self) else scheme  # one pass is enough to see
    values = predicted(plain, net, np.stack([frames[k] for k in near]))
    return frames.domain.back(values, None if frames.below is None else np.asarray(frames.below[t]))
