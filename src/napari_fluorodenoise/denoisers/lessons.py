"""What a scheme is trained on and judged by: windows of one video. This module needs torch.

A scheme is judged by its own loss on tiles that are never trained on (`crops`). Where correlated noise deceives that,
it is judged by other frames, whose noise is independent (`held_out`). Either less the noise is an estimate of the true
squared error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_fluorodenoise.denoisers import held_out as judging
from napari_fluorodenoise.denoisers.crops import Crops, Source
from napari_fluorodenoise.denoisers.domain import Logarithm
from napari_fluorodenoise.denoisers.schemes import CORRELATED, beside
from napari_fluorodenoise.denoisers.schemes.draws import drawn
from napari_fluorodenoise.denoisers.schemes.windows import Windows
from napari_fluorodenoise.denoisers.tiles import applied
from napari_fluorodenoise.denoisers.training import device_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_fluorodenoise.denoisers.domain import Subject
    from napari_fluorodenoise.denoisers.held_out import HeldOut
    from napari_fluorodenoise.denoisers.networks.parts import Network
    from napari_fluorodenoise.denoisers.schemes import Scheme

    Frame = NDArray[np.float32]

__all__ = ["Lessons", "lessons", "predicted"]

BATCH, CROP = 16, 64
DRAWS = 3
"""Times that a scheme which hides pixels is judged on the same windows."""
ALIKE = 0.02
"""Difference between an autocorrelation and its mirror image that is none: crops may then be turned."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """Batches of windows of one video for a `scheme`, and what it is judged by: `tests`, or held-out tiles.

    `judged` False judges nothing: then the last state is kept. `seed` makes every judgement draw the same.
    """

    scheme: Scheme
    crops: Crops
    autocorrelation: NDArray[np.float64]
    rng: np.random.Generator
    tests: Sequence[HeldOut] = ()
    noise: float = 1.0
    judged: bool = True
    seed: int = field(default=0)

    def loss(self, net: Network) -> Tensor:
        """The scheme's loss on a random batch, ()."""
        return self.scheme.loss(net, self._windows(*self.crops.draw(), net), rng=self.rng)

    def state(self) -> dict[str, Any]:
        """What the next batch is drawn from."""
        return {"rng": self.rng.bit_generator.state, "crops": self.crops.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Draw on from a `state` of lessons in the same sequences."""
        self.rng.bit_generator.state = state["rng"]
        self.crops.restore(state["crops"])

    def judge(self, net: Network) -> float:
        """The squared error of `net` as far as held-out data tell, in units of the noise; 0 where nothing tells."""
        if not self.judged:
            return 0.0
        with torch.inference_mode():
            return self._by_frames(net) if self.tests else self._by_tiles(net)

    def _by_frames(self, net: Network) -> float:
        found = [(applied(net, test.given[None]) - test.target)[test.still] for test in self.tests]
        return float(np.mean(np.concatenate(found) ** 2)) - self.noise

    def _by_tiles(self, net: Network) -> float:
        rng, total, weight = np.random.default_rng(self.seed), 0.0, 0
        # what is hidden at a time are few of the pixels
        for frames, target in self.crops.judged() * (DRAWS if self.scheme.independent else 1):
            number = int(target.sum())
            total += number * float(self.scheme.loss(net, self._windows(frames, target, net), rng=rng))
            weight += number
        return total / weight - self.scheme.noise if weight else 0.0

    def _windows(self, frames: Frame, target: NDArray[np.bool_], net: Network) -> Windows:
        at, count = device_of(net), 2 * self.scheme.radius + 1
        everything = torch.from_numpy(frames).to(at)
        truth = everything[:, count : count + 1] if everything.shape[1] > count else None
        draw = partial(_noise, autocorrelation=self.autocorrelation, device=at)
        return Windows(everything[:, :count], torch.from_numpy(target).to(at), draw, truth)


def lessons(subjects: Sequence[Subject], scheme: Scheme, *, rng: np.random.Generator, held_out: int) -> Lessons:
    """What the `scheme` learns from `subjects`, judged at `held_out` places of each where frames judge.

    Those frames, and all whose noise they share, are then not trained on.
    """
    tests: list[HeldOut] = []
    sources = []
    for subject in subjects:
        frames, field = subject.frames, subject.noise.detector.field
        at = judging.places(frames.shape[0], most=held_out if _by_frames(scheme, subject) else 0)
        tests += judging.held_out(frames, at, stabilize=frames.domain.even)
        own = [t for t in range(frames.shape[0]) if t not in at.kept_back] or [0]
        shown: Any = replace(frames, times=own) if at.kept_back else frames
        extras: Any = () if subject.truth is None else (subject.truth,)
        inside = field if field.shape == frames.shape[1:] and field.any() else None
        sources.append(Source(shown, _as_they_are, extras, inside))
    autocorrelation = _mean([subject.noise.autocorrelation for subject in subjects])
    flips = scheme.independent or _turnable(autocorrelation)
    crops = Crops(sources, radius=scheme.radius, side=CROP, batch=BATCH, rng=rng, flips=flips)
    domain = subjects[0].frames.domain
    level = [test.share * float(domain.noise(test.target)[test.still].mean()) for test in tests]
    noise = float(np.mean(level)) if level else 1.0
    return Lessons(scheme, crops, autocorrelation, rng, tests, noise, held_out > 0, int(rng.integers(2**31)))


def predicted(scheme: Scheme, net: Network, frames: Frame) -> Frame:
    """What `net` makes of the middle of a window `frames` (2 radius + 1, Y, X), (Y, X), in tiles."""

    def apply(pictures: Tensor, *masks: Tensor, **options: Any) -> Tensor:
        def part(net: Network, tile: Tensor) -> Tensor:
            own = tile[:, : pictures.shape[1]]
            made: Tensor = net(own, tile[:, pictures.shape[1] :] > 0.5, **options) if masks else net(own)
            return made

        channels = torch.cat([pictures, *masks], dim=1).numpy()
        found = [applied(net, picture, predict=part) for picture in channels]
        return torch.from_numpy(np.stack(found)[:, None])

    with torch.inference_mode():
        result: Frame = scheme.predict(apply, torch.from_numpy(frames)[None])[0, 0].numpy()
    return result


def _by_frames(scheme: Scheme, subject: Subject) -> bool:
    """Whether other frames judge: of schemes that correlated noise deceives, where there is some, or may be.

    They are the worse judges where a view moves: its mean over the frames is blurred, and praises what blurs.
    """
    correlated = beside(subject.noise.autocorrelation) > CORRELATED or isinstance(subject.frames.domain, Logarithm)
    return scheme.independent and correlated and not subject.noise.shared


def _mean(autocorrelations: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The mean of kernels of different size around their centres."""
    largest = max(len(kernel) for kernel in autocorrelations)
    padded = [np.pad(kernel, (largest - len(kernel)) // 2) for kernel in autocorrelations]
    return np.asarray(np.mean(padded, axis=0))


def _noise(
    shape: tuple[int, ...],
    rng: np.random.Generator,
    *,
    autocorrelation: NDArray[np.float64],
    device: torch.device,
) -> Tensor:
    return torch.from_numpy(drawn(shape, rng, autocorrelation=autocorrelation)).to(device)


def _as_they_are(frames: NDArray[Any]) -> Frame:
    return np.asarray(frames, np.float32)


def _turnable(autocorrelation: NDArray[np.float64]) -> bool:
    """Whether noise of that autocorrelation looks the same when it is transposed or mirrored."""
    turned = (autocorrelation.T, autocorrelation[:, ::-1])
    return all(float(np.abs(autocorrelation - other).max()) < ALIKE for other in turned)
