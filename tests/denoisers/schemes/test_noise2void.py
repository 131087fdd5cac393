"""Noise2Void: one pixel in each box is hidden, and nothing of it goes in."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_fluorodenoise.denoisers.schemes.noise2void import BOX, Noise2Void, hidden, near


def test_one_pixel_of_each_box_is_hidden_and_all_are_as_likely():
    rng = np.random.default_rng(0)
    chosen = hidden((500, 1, 24, 16), rng)
    boxes = chosen.reshape(500, 24 // BOX, BOX, 16 // BOX, BOX)
    np.testing.assert_array_equal(boxes.sum(axis=(2, 4)), 1)
    assert boxes.mean(axis=(0, 1, 3)) == pytest.approx(1 / BOX**2, abs=0.02)
    assert hidden((2, 1, 13, 7), rng).shape == (2, 1, 13, 7)


def test_a_pixel_takes_any_of_its_neighbours_values_and_never_its_own():
    pictures = torch.arange(400.0).reshape(1, 1, 20, 20)
    offsets = set()
    for seed in range(40):
        moved = near(pictures, np.random.default_rng(seed)) - pictures
        assert (moved != 0).all()
        offsets |= set(moved[0, 0, 2:-2, 2:-2].flatten().tolist())
    assert offsets == {20 * y + x for y in range(-2, 3) for x in range(-2, 3)} - {0}


@pytest.mark.parametrize("n2v2", [False, True])
def test_a_hidden_pixel_does_not_go_in_and_all_others_do(windows, smooth, n2v2):
    given, shown = windows(), []

    def watched(pictures):
        shown.append(pictures)
        return smooth(pictures)

    scheme, where = Noise2Void(n2v2=n2v2), torch.from_numpy(hidden((8, 1, 64, 64), np.random.default_rng(5)))
    scheme.loss(watched, given, rng=np.random.default_rng(5))
    other = torch.where(where, given.frames + 100, given.frames)
    scheme.loss(watched, replace(given, frames=other), rng=np.random.default_rng(5))
    for pictures, frames in zip(shown, (given.frames, other), strict=True):
        assert (pictures[where] != frames[where]).all()
    torch.testing.assert_close(shown[0][~where], given.frames[~where], rtol=0, atol=0)


def test_the_median_is_that_of_the_neighbourhood_without_the_pixel(windows, smooth):
    given, shown = windows(), []

    def watched(pictures):
        shown.append(pictures)
        return smooth(pictures)

    Noise2Void(n2v2=True).loss(watched, given, rng=np.random.default_rng(5))
    where = hidden((8, 1, 64, 64), np.random.default_rng(5))
    for n, _, y, x in np.argwhere(where[..., 2:-2, 2:-2])[:50]:
        around = given.frames[n, 0, y : y + 5, x : x + 5].flatten().numpy()
        assert float(shown[0][n, 0, y + 2, x + 2]) == pytest.approx(np.median(np.delete(around, 12)))


@pytest.mark.parametrize("n2v2", [False, True])
def test_the_loss_is_the_error_and_the_noise_where_noise_is_independent(windows, n2v2):
    given = windows(number=64, contrast=0)
    blind = Noise2Void(n2v2=n2v2).loss(lambda pictures: 0 * pictures + 0.5, given, rng=np.random.default_rng(0))
    assert float(blind) == pytest.approx(0.25 + Noise2Void.noise, rel=0.05)
