"""Noise2Self sees nothing of a hidden pixel."""

import numpy as np
import pytest
import torch

from napari_fluorodenoise.denoisers.networks import network
from napari_fluorodenoise.denoisers.schemes.noise2self import GRID, Noise2Self, filled, grids


def test_every_pixel_is_hidden_once_and_none_beside_another():
    phases = np.stack(np.divmod(np.arange(GRID**2), GRID), axis=1)
    hidden = grids((GRID**2, 1, 11, 9), phases)
    np.testing.assert_array_equal(hidden.sum(axis=0), 1)
    assert not (hidden[..., 1:] & hidden[..., :-1]).any()


@pytest.mark.parametrize("phase", [(0, 0), (1, 2), (2, 1)])
def test_what_comes_out_at_hidden_pixels_does_not_depend_on_what_was_there(phase):
    net = network("unshuffled", seed=0, centre=0, channels=4)
    torch.nn.init.ones_(net.last.weight)
    picture = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, 40, 37), dtype=np.float32))
    hidden = torch.from_numpy(grids(picture.shape, np.array([phase])))
    other = torch.where(hidden, -3 * picture + 1, picture)
    with torch.inference_mode():
        torch.testing.assert_close(net(filled(picture, hidden)), net(filled(other, hidden)), rtol=0, atol=0)
        assert not torch.allclose(net(picture), net(other))


def test_the_loss_is_the_textbook_s_on_the_grid(windows, smooth):
    given = windows()
    loss = Noise2Self().loss(smooth, given, rng=np.random.default_rng(2))
    phases = np.random.default_rng(2).integers(GRID, size=(8, 2))
    squares = []
    for picture, (row, column) in zip(given.frames, phases, strict=True):
        hidden = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
        hidden[..., row::GRID, column::GRID] = True
        errors = smooth(filled(picture[None], hidden)) - picture[None]
        squares.append(errors[hidden] ** 2)
    assert float(loss) == pytest.approx(float(torch.cat(squares).mean()), rel=1e-5)
