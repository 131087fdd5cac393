"""Sequences with a known truth, their detectors, and denoisers with one fault each."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.physics.chain import ImagingChain, Lag
from napari_fluorodenoise.physics.detector import measure
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.quality.residual import tiles
from napari_fluorodenoise.quality.trust import trust

LAGGING = ImagingChain(lag=Lag(time_constants=(-1000 * ImagingChain().frame_interval / np.log(0.1),)))
SCENES = {
    "beating": {},
    "panning, few photons": {"pan": 3.0, "photons": 30},
    "still, very few photons": {"still": True, "photons": 10},
    "noise shared in time": {"pan": 1.0, "photons": 100, "chain": LAGGING},
    "white noise, collimated": {"photons": 300, "collimated": True, "chain": ImagingChain(scintillator=None)},
}


class Sample:
    """A phantom and its detector; `judged(result)` are the verdicts on a result, by the check's name."""

    def __init__(self, name, seed):
        self.phantom = phantom(frames=24, shape=(256, 256), rng=seed, **SCENES[name])
        self.noisy, self.clean = self.phantom.noisy, self.phantom.clean
        self.frames = self.noisy.data.astype(np.float32)
        self.detector = measure(self.noisy)

    def trust(self, result):
        return trust(self.noisy, self.noisy.with_data(np.float32(result)), detector=self.detector)

    def tiles(self, result):
        return tiles(self.noisy, self.noisy.with_data(np.float32(result)), detector=self.detector)

    def judged(self, result):
        return {check.name: check.verdict for check in self.trust(result).checks}

    def with_line(self, deviations):
        """The truth with a line that is not there, in noise deviations."""
        rows, columns = np.indices(self.clean.shape[1:])
        line = np.exp(-0.5 * ((rows - 70 - 0.4 * columns) / 1.2) ** 2)
        sigma = np.sqrt(self.phantom.slope * self.clean + self.phantom.read_variance)
        return self.clean - deviations * sigma * line


def recursive(frames, *, keep):
    """A filter that keeps a share of its last output."""
    result = np.array(frames, np.float32)
    for t in range(1, len(result)):
        result[t] = (1 - keep) * result[t] + keep * result[t - 1]
    return result


def blurred(frames, *, sigma):
    return gaussian_filter(np.float32(frames), (0, sigma, sigma))


@pytest.fixture(scope="session")
def sample():
    """`sample(scene, seed)`, made once."""
    made = {}

    def of(name="beating", seed=0):
        if (name, seed) not in made:
            made[name, seed] = Sample(name, seed)
        return made[name, seed]

    return of


@pytest.fixture(scope="session")
def faulty():
    """Denoisers with one fault each, from a `Sample` to frames, by the check that has to catch them."""
    return {
        "Removed structure": lambda s: blurred(s.frames, sigma=3),
        "Invented structure": lambda s: s.with_line(2.5),
        "Lag": lambda s: recursive(s.frames, keep=0.6),
        "Texture": lambda s: s.frames,
        "Bias": lambda s: 1.03 * s.clean,
    }


@pytest.fixture(scope="session")
def filters():
    return {"recursive": recursive, "blurred": blurred}
