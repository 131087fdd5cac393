"""A network that denoises each frame by itself, trained on the noisy frames alone: Noise2Self.

A pixel hidden from the network is a fair target where its noise is independent of its neighbours': the network can
only tell the signal (J. Batson & L. Royer, arXiv 1901.11365). The pixels of a 4 x 4 grid are hidden at a time, filled
with their neighbours' mean, and

    || log f(u without J) - log u on J ||²

is minimised (A. Graas & F. Lucka, doi 10.1088/1361-6501/addc06). The inverse filter makes some of a dark region's
intensities negative, so the logarithm is one that goes on below zero (`primitives.logarithm`), bent at the noise of
intensity 0. A mean of logarithms lies below the logarithm of the mean: what is due is read from the frames afterwards
(`primitives.unbiased`).

It fails where noise is correlated: that is learned, and stays. Training that goes on learns even the little correlation
that Decorrelate leaves, so the state is kept that predicts other frames best (`held_out`). Motion does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.denoisers import held_out as judging
from napari_fluorodenoise.denoisers.held_out import HeldOut
from napari_fluorodenoise.denoisers.noise import noise_of
from napari_fluorodenoise.primitives.logarithm import logarithm, power
from napari_fluorodenoise.primitives.unbiased import NOTHING, Correction, correction, due, tiled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from napari_fluorodenoise.denoisers.training import Trained
    from napari_fluorodenoise.engine.blocks import Block
    from napari_fluorodenoise.engine.progress import Progress
    from napari_fluorodenoise.physics.detector import Detector
    from napari_fluorodenoise.video import Run

    Frame = NDArray[np.float32]

__all__ = ["SETTINGS", "FittedNoise2Self", "Scale", "filled", "fit", "grids", "predicted", "train_on"]

SETTINGS = ("training_steps", "held_out")
GRID = 4
"""Distance of the pixels that are hidden at a time."""
BATCH, CROP = 16, 64
FRAMES = 16
"""Frames that crops are taken from, and over which a bias is read."""
SHARES = 4
"""Intensities at which the error is measured."""
LEAST = 0.005
"""Share of the noise's variance below which an error is too small to be told."""


@dataclass(frozen=True)
class Scale:
    """Intensities to what a network sees and back: a logarithm of the given `bend`, 0 on average and 1 in spread."""

    bend: float
    mean: float
    spread: float

    @classmethod
    def of(cls, frames: Sequence[NDArray[Any]], *, bend: float) -> Scale:
        """The scale that suits `frames`."""
        values = np.stack([logarithm(frame, bend=bend) for frame in frames])
        return cls(bend, float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64)) or 1.0)

    def there(self, frame: NDArray[Any]) -> Frame:
        """What a network sees of `frame`, float32."""
        return (logarithm(frame, bend=self.bend) - np.float32(self.mean)) / np.float32(self.spread)

    def back(self, values: Frame) -> Frame:
        """Intensities, float32."""
        return power(values * np.float32(self.spread) + np.float32(self.mean), bend=self.bend)


@dataclass(frozen=True, eq=False)
class FittedNoise2Self:
    """The network trained on the video `name`, the bias that is due, and which share of its noise variance is left."""

    name: str
    net: nn.Module
    scale: Scale
    detector: Detector
    due: Correction = NOTHING
    left: Correction = NOTHING
    radius: int = 0

    def __call__(self, block: Mapping[str, NDArray[Any]], at: Block) -> tuple[Frame, Frame]:
        """The core of `at` (t, y, x) without its noise, and the standard deviation of the error."""
        clean = np.stack([self.restored(frame) for frame in block[self.name][at.inner]])
        share = np.interp(clean, self.left.at, self.left.due)
        return clean, np.sqrt(share * self.detector.variance(clean)).astype(np.float32)

    def restored(self, frame: NDArray[Any]) -> Frame:
        """One frame (Y, X) without its noise."""
        return self.due(self.scale.back(predicted(self.net, self.scale.there(frame))))


def fit(
    run: Run,
    name: str,
    *,
    progress: Progress,
    rng: np.random.Generator,
    training_steps: int,
    held_out: int,
) -> FittedNoise2Self:
    """A network trained on the video `name` of `run`; the same `rng` gives the same weights."""
    progress(0.0, f"noise of {name}")
    video, noise = run.video(name), noise_of(run, name)
    if min(video.shape[1:]) < GRID:
        raise ValueError(f"expected frames of at least {GRID} x {GRID} pixels for noise2self, found {video.shape[1:]}")
    at = judging.places(video.shape[0], most=held_out)
    tests = judging.held_out(video, at, stabilize=noise.detector.stabilize)
    own = [t for t in range(video.shape[0]) if t not in at.kept_back] or [0]
    frames = [np.asarray(video.data[t]) for t in _some(own)]
    scale = Scale.of(frames, bend=_bend(noise.detector))
    trained = train_on(frames, tests, scale, steps=training_steps, progress=progress, rng=rng)
    fitted = FittedNoise2Self(name, trained.net, scale, noise.detector)
    fitted = replace(fitted, due=correction(due(frame, fitted.restored(frame)) for frame in frames))
    return replace(fitted, left=_share_left(fitted, tests))


def train_on(
    frames: Sequence[NDArray[Any]],
    tests: Sequence[HeldOut],
    scale: Scale,
    *,
    steps: int,
    progress: Progress,
    rng: np.random.Generator,
) -> Trained:
    """A network trained on crops of `frames` (Y, X), at the step that predicts the `tests` best, or the last."""
    import torch

    from napari_fluorodenoise.denoisers.training import train
    from napari_fluorodenoise.denoisers.unet import UNet

    pictures = [scale.there(frame) for frame in frames]
    pairs = [(scale.there(test.given), scale.there(test.later), test.still) for test in tests]

    def loss(net: nn.Module) -> Tensor:
        crops = torch.from_numpy(_crops(pictures, rng))
        hidden = torch.from_numpy(grids(crops.shape, rng.integers(GRID, size=(len(crops), 2))))
        errors = (net(filled(crops, hidden)) - crops)[hidden]
        squared: Tensor = (errors * errors).mean()
        return squared

    def judge(net: nn.Module) -> float:
        errors = [(predicted(net, given) - later)[still] for given, later, still in pairs]
        return float(np.mean(np.concatenate(errors) ** 2)) if errors else 0.0

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        net = UNet()
    return train(net, loss=loss, judge=judge, steps=steps, progress=progress)


def filled(pictures: Tensor, hidden: Tensor) -> Tensor:
    """`pictures` (N, 1, Y, X) with the `hidden` pixels (bool, alike) replaced by their eight neighbours' mean."""
    import torch
    from torch.nn import functional

    kernel = torch.tensor([[0.5, 1.0, 0.5], [1.0, 0.0, 1.0], [0.5, 1.0, 0.5]])[None, None] / 6
    around = functional.conv2d(functional.pad(pictures, (1, 1, 1, 1), mode="reflect"), kernel)
    return torch.where(hidden, around, pictures)


def predicted(net: nn.Module, picture: Frame) -> Frame:
    """What `net` makes of a `picture` (Y, X), with nothing hidden.

    The strict form, every pixel from its neighbours alone, takes 16 passes and came out 0.13 dB further from the truth.
    """
    import torch

    with torch.inference_mode():
        result: Frame = net(torch.from_numpy(picture)[None, None])[0, 0].numpy()
    return result


def grids(shape: Sequence[int], phases: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True (N, 1, Y, X) at every fourth pixel of every fourth row, from the `phases` (N, 2) on."""
    rows, columns = (np.arange(n)[None] % GRID == phases[:, axis, None] for axis, n in enumerate(shape[-2:]))
    return np.asarray(rows[:, None, :, None] & columns[:, None, None, :])


def _crops(pictures: Sequence[Frame], rng: np.random.Generator) -> Frame:
    """A batch (N, 1, side, side) of random parts of `pictures` (Y, X), flipped and transposed at random."""
    side = min(CROP, *pictures[0].shape)
    crops = []
    for _ in range(BATCH):
        picture = pictures[int(rng.integers(len(pictures)))]
        y, x = (int(rng.integers(n - side + 1)) for n in picture.shape)
        crop = picture[y : y + side, x : x + side]
        crop = crop.T if rng.integers(2) else crop
        crops.append(crop[:: 1 - 2 * int(rng.integers(2)), :: 1 - 2 * int(rng.integers(2))])
    return np.ascontiguousarray(np.stack(crops)[:, None])


def _some(numbers: Sequence[int]) -> list[int]:
    """At most `FRAMES` of the frame `numbers`, spread evenly."""
    chosen = np.linspace(0, len(numbers) - 1, min(FRAMES, len(numbers))).round().astype(int)
    return [numbers[index] for index in chosen]


def _bend(detector: Detector) -> float:
    """The noise's standard deviation at intensity 0, of quanta at least one."""
    return float(np.sqrt(detector.variance(np.zeros(1))[0] + 3 / 8 * detector.slope**2))


def _share_left(fitted: FittedNoise2Self, tests: Sequence[HeldOut]) -> Correction:
    """The share of the noise's variance that is left, by intensity, as held-out frames tell; all of it without."""
    pairs = []
    for test in tests:
        clean = fitted.restored(test.given)
        squares = (clean - test.later) * (clean - test.earlier) / fitted.detector.variance(clean)
        still = tiled(test.still) > 0.99
        pairs.append(np.stack([tiled(clean)[still], tiled(squares)[still]]))
    at, shares = np.concatenate([np.zeros((2, 0)), *pairs], axis=1)
    parts = np.array_split(np.argsort(at, kind="stable"), SHARES) if len(at) >= SHARES else []
    if not parts:
        return Correction(np.zeros(1), np.ones(1))
    intensities, means = (np.array([values[part].mean() for part in parts]) for values in (at, shares))
    return Correction(intensities, np.clip(means, LEAST, 1))
