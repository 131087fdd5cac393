"""Neighbor2Neighbor: two different neighbours of every cell, and the loss of the paper."""

import numpy as np
import pytest
import torch

from napari_fluorodenoise.denoisers.schemes.neighbor2neighbor import GAMMA, Neighbor2Neighbor, pairs, picked


def test_the_two_pictures_take_two_neighbours_of_every_cell():
    first, second = pairs((50, 20, 20), np.random.default_rng(0))
    apart = np.abs(np.stack(np.divmod(first, 2)) - np.stack(np.divmod(second, 2))).sum(axis=0)
    np.testing.assert_array_equal(apart, 1)
    shares = np.bincount((4 * first + second).ravel(), minlength=16) / first.size
    assert np.count_nonzero(shares) == 8
    assert shares[shares > 0] == pytest.approx(1 / 8, abs=0.01)


def test_picking_reads_the_cells_pixels():
    picture = torch.arange(24.0).reshape(1, 1, 4, 6)
    which = torch.tensor([[[0, 1, 2], [3, 0, 1]]])
    expected = torch.tensor([[[[0.0, 3.0, 10.0], [19.0, 14.0, 17.0]]]])
    torch.testing.assert_close(picked(picture, which), expected)


def test_the_loss_is_equation_9(windows, smooth):
    given = windows(side=33)
    loss = Neighbor2Neighbor().loss(smooth, given, rng=np.random.default_rng(4))
    even = given.frames[..., :32, :32]
    first, second = (torch.from_numpy(part) for part in pairs((8, 16, 16), np.random.default_rng(4)))
    error = smooth(picked(even, first)) - picked(even, second)
    change = picked(smooth(even), first) - picked(smooth(even), second)
    expected = (error**2).mean() + GAMMA * ((error - change) ** 2).mean()
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_a_perfect_prediction_of_a_flat_scene_leaves_the_promised_noise(windows):
    loss = Neighbor2Neighbor().loss(lambda p: 0 * p, windows(number=64, contrast=0), rng=np.random.default_rng(0))
    assert float(loss) == pytest.approx(1 + GAMMA, rel=0.03)
    assert Neighbor2Neighbor.noise == pytest.approx(1 + GAMMA)
