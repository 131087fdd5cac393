"""Self2Self: the network is shown a part of the pixels, and held against the others alone."""

import numpy as np
import pytest
import torch

from napari_fluorodenoise.denoisers.networks import network
from napari_fluorodenoise.denoisers.schemes.self2self import SHOWN, Self2Self


class Watched:
    """A network that keeps what it was shown, and gives 0."""

    def __call__(self, pictures, shown, **options):
        self.pictures, self.shown, self.options = pictures, shown, options
        return 0 * pictures


def test_the_loss_is_on_the_hidden_pixels_alone(windows):
    given, net = windows(), Watched()
    loss = Self2Self().loss(net, given, rng=np.random.default_rng(0))
    assert float(net.shown.float().mean()) == pytest.approx(SHOWN, abs=0.01)
    assert float(loss) == pytest.approx(float((given.frames[~net.shown] ** 2).mean()), rel=1e-4)


def test_what_is_told_of_hidden_pixels_does_not_depend_on_them(windows):
    given = windows(number=1)
    net = network("self2self", seed=0, centre=0, channels=8, depth=2).eval()
    torch.nn.init.ones_(net.last.weight)
    shown = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) < SHOWN
    other = torch.where(shown, given.frames, given.frames * -3 + 1)
    with torch.inference_mode():
        torch.testing.assert_close(net(given.frames, shown), net(other, shown), rtol=0, atol=0)


def test_an_ensemble_drops_features_and_is_the_mean_of_its_passes(windows):
    frames, seen = windows(number=1).frames, []

    def net(pictures, shown, *, drops):
        assert drops
        seen.append(shown)
        return shown.float()

    mean = Self2Self(student=False, passes=5).predict(net, frames)
    torch.testing.assert_close(mean, torch.stack([shown.float() for shown in seen]).mean(dim=0))
    assert not torch.equal(seen[0], seen[1])


def test_a_student_needs_one_pass(windows):
    frames = windows(number=1).frames
    torch.testing.assert_close(Self2Self().predict(lambda pictures: 2 * pictures, frames), 2 * frames)
