"""Windows of a scene with noise of a known covariance, a linear filter as a network, and one thread."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_fluorodenoise.denoisers.schemes.draws import drawn
from napari_fluorodenoise.denoisers.schemes.windows import Windows


@pytest.fixture(autouse=True)
def one_thread():
    """A small network only waits for more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def windows():
    """Makes windows (N, 2 radius + 1, side, side) of a smooth scene that moves, with as much of it as is asked for."""

    def made(*, radius=0, number=8, side=64, autocorrelation=None, seed=0, contrast=1.0):
        kernel = np.ones((1, 1)) if autocorrelation is None else autocorrelation
        y, x = np.mgrid[:side, :side].astype(float)
        moved = [x - 0.5 * t for t in range(2 * radius + 1)]
        clean = contrast * np.stack([4 * np.sin(y / 6) * np.cos(m / 7) + 2 * np.tanh((m - 30) / 3) for m in moved])
        noise = drawn((number, *clean.shape), np.random.default_rng(seed), autocorrelation=kernel)
        truth = torch.from_numpy(clean[radius].astype(np.float32)).expand(number, 1, side, side)
        return Windows(
            torch.from_numpy((clean + noise).astype(np.float32)),
            torch.ones(number, 1, side, side, dtype=torch.bool),
            lambda shape, rng: torch.from_numpy(drawn(shape, rng, autocorrelation=kernel)),
            truth,
        )

    return made


@pytest.fixture
def smooth():
    """A linear network: of the middle channel a mean over 3 x 3 pixels, its own twice, and a little of all channels."""
    kernel = torch.ones(1, 1, 3, 3) / 10
    kernel[..., 1, 1] *= 2

    def net(pictures):
        middle = pictures.shape[1] // 2
        centre = functional.pad(pictures[:, middle : middle + 1], (1, 1, 1, 1), mode="reflect")
        own = functional.conv2d(centre, kernel)
        return own if pictures.shape[1] == 1 else 0.8 * own + 0.2 * pictures.mean(dim=1, keepdim=True)

    return net
