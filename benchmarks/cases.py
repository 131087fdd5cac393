"""Noisy sequences whose truth is known, by name: a scene and a noise, such as `pan-30` or `p2c3-.003`.

Scenes: `still` and `pan` (3 px per frame) are the phantom; `p2c3` and so on are real clips that the repository does not
contain, 2x2-binned to [0, 1], of which the middle frames are taken as clean. Noise: a number below 1 is the variance of
white Gaussian noise on values in [0, 1]; one from 1 on is the quanta per pixel, on average, behind a scintillator whose
point response blurs signal and noise alike, with read noise of 2 quanta (rms). The truth is blurred as well: it is what
a perfect denoiser returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import convolve2d
from skimage.io import imread

from napari_fluorodenoise.physics.chain.scintillator import Scintillator, blurred
from napari_fluorodenoise.physics.phantom import phantom

CLIPS = ("p2c3", "p3c3", "p5c3", "p7c1", "p7c4")
SCENES = {"still": 0.0, "pan": 3.0, **dict.fromkeys(CLIPS)}
"""Speed of the phantom's view in px per frame; None for a clip."""
DATA = Path(__file__).parents[2] / "shared" / "data"
READ_NOISE = 2.0
PIXEL = 0.3
"""Pixel in mm for which a clip's point response is drawn, as the phantom's."""
WHITE = np.ones((1, 1))


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """A sequence `noisy` (T, Y, X) and its truth `clean` float32, in the same units, and the true noise.

    The noise variance is `slope` * clean + `read_variance`; quanta are spread by `response` (k, k), read noise is not.
    `span` is the range that PSNR and SSIM refer to; `wire` (T, Y, X) what a guidewire takes away, where there is one.
    """

    name: str
    noisy: np.ndarray
    clean: np.ndarray
    span: float
    slope: float = 0.0
    read_variance: float
    response: np.ndarray
    wire: np.ndarray | None = None

    @property
    def sigma(self) -> float:
        """The noise's rms."""
        return float(np.std(self.noisy - self.clean))

    @property
    def autocorrelation(self) -> np.ndarray:
        """Of the noise (2k-1, 2k-1), 1 in the middle, at the mean intensity."""
        quanta = convolve2d(self.response, self.response[::-1, ::-1])
        quanta *= self.slope * float(self.clean.mean()) / quanta.max()
        quanta[len(quanta) // 2, len(quanta) // 2] += self.read_variance
        return quanta / quanta.max()


def named(name: str, *, frames: int, size: int, seed: int, data: Path = DATA) -> Case:
    """The case of at most `frames` frames of `size` x `size` pixels; raises ValueError for a `name` that is none."""
    scene, _, number = name.partition("-")
    try:
        level = float(number)
    except ValueError:
        level = 0.0
    if scene not in SCENES or not level > 0:
        raise ValueError(f"expected a case as SCENE-NUMBER ({', '.join(SCENES)}), such as pan-30, found {name!r}")
    speed = SCENES[scene]
    if speed is not None:
        return simulated(level, frames=frames, size=size, seed=seed, pan=speed)
    clean = clip(data / f"angiodata_{scene}", frames=frames, size=size)
    return (gaussian if level < 1 else scintillating)(f"angiography {scene}", clean, level, seed)


def simulated(level: float, *, frames: int, size: int, seed: int, pan: float) -> Case:
    """The phantom at `level` quanta, or at 60 scaled to [0, 1] and with white noise of variance `level`."""
    title, photons = f"pan {pan:g} px/frame" if pan else "still", 60 if level < 1 else level
    made = phantom(frames=frames, shape=(size, size), photons=photons, read_noise=READ_NOISE, pan=pan, rng=seed)
    if level < 1:
        return gaussian(f"phantom, {title}", made.clean / made.clean.max(), level, seed)
    return Case(
        name=f"phantom, {level:g} photons, {title}",
        noisy=made.noisy.numpy(),
        clean=made.clean,
        span=float(np.ptp(made.clean)),
        slope=made.slope,
        read_variance=made.read_variance,
        response=made.response,
        wire=made.wire,
    )


def clip(folder: Path, *, frames: int, size: int) -> np.ndarray:
    """The middle (T, Y, X) of the clip in `folder`, 2x2-binned, float32 in [0, 1]."""
    files = sorted(folder.glob("*.jpg"))
    if not files:
        raise ValueError(f"{folder}: expected a folder of frames (.jpg), found none")
    files = files[max(0, (len(files) - frames) // 2) :][:frames]
    stack = np.stack([imread(file) for file in files]).astype(np.float32) / 255
    binned = stack.reshape(len(stack), stack.shape[1] // 2, 2, stack.shape[2] // 2, 2).mean((2, 4))
    y, x = (max(0, n - size) // 2 for n in binned.shape[1:])
    return np.ascontiguousarray(binned[:, y : y + size, x : x + size])


def gaussian(title: str, clean: np.ndarray, variance: float, seed: int) -> Case:
    """`clean` with white noise of one variance."""
    noise = np.random.default_rng(seed).normal(0, np.sqrt(variance), clean.shape)
    return Case(
        name=f"{title}, variance {variance:g}".replace("0.", "."),
        noisy=(clean + noise).astype(np.float32),
        clean=clean,
        span=1.0,
        read_variance=variance,
        response=WHITE,
    )


def scintillating(title: str, clean: np.ndarray, photons: float, seed: int) -> Case:
    """`clean` seen with so many quanta per pixel, on average, behind a scintillator, and read."""
    rng, response = np.random.default_rng(seed), Scintillator().response(PIXEL)
    quantum = float(clean.mean()) / photons
    light = np.stack([blurred(frame, response) for frame in rng.poisson(clean / quantum).astype(np.float32)])
    return Case(
        name=f"{title}, {photons:g} photons",
        noisy=(quantum * (light + rng.normal(0, READ_NOISE, clean.shape))).astype(np.float32),
        clean=np.stack([blurred(frame, response) for frame in clean]),
        span=1.0,
        slope=quantum * float((response**2).sum()),
        read_variance=(READ_NOISE * quantum) ** 2,
        response=response,
    )
