"""Laws of the overlapping cosine blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import convolve

from napari_fluorodenoise.primitives.dct import analyse, block_means, deviation, filtered


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    size_step=st.sampled_from([(4, 2), (8, 4), (8, 8), (16, 4), (16, 8)]),
    seed=st.integers(0, 99),
)
def test_any_positive_weights_give_the_picture_back(shape, size_step, seed):
    rng = np.random.default_rng(seed)
    (size, step), picture = size_step, rng.random(shape, dtype=np.float32)
    weights = rng.uniform(0.1, 1, block_means(picture, size=size, step=step).shape).astype(np.float32)
    back = filtered(lambda at, coefficients: (coefficients, weights[at]), picture, size=size, step=step)
    np.testing.assert_allclose(back, picture, atol=3e-6)


def test_a_block_keeps_its_energy_and_its_mean():
    picture = np.random.default_rng(0).random((8, 8), dtype=np.float32)
    coefficients = analyse(picture, size=8, step=8)
    assert np.sum(coefficients**2) == pytest.approx(np.sum(picture**2), rel=1e-5)
    assert coefficients[0, 0, 0, 0] / 8 == pytest.approx(picture.mean(), rel=1e-5)
    np.testing.assert_allclose(block_means(picture, size=8, step=8), [[picture.mean()]], rtol=1e-5)


def test_the_order_of_a_coefficient_is_row_then_column():
    across = np.cos(np.pi * (np.arange(8) + 0.5) * 3 / 8).astype(np.float32)
    coefficients = analyse(np.tile(across, (8, 1)), size=8, step=8)[0, :, 0, :]
    assert np.unravel_index(np.abs(coefficients).argmax(), (8, 8)) == (0, 3)


def test_the_deviation_is_that_of_filtered_noise():
    kernel = np.array([[0.1, 0.2, 0.1], [0.3, 1.0, 0.3], [0.0, 0.1, 0.0]])
    kernel /= np.sqrt((kernel**2).sum())
    noise = convolve(np.random.default_rng(1).standard_normal((800, 800)), kernel).astype(np.float32)
    padded = np.pad(kernel, 2)
    correlation = np.array(
        [[np.sum(padded * np.roll(padded, (row, column), (0, 1))) for column in range(-2, 3)] for row in range(-2, 3)]
    )
    measured = analyse(noise, size=8, step=8)[1:-1, :, 1:-1].std(axis=(0, 2))
    np.testing.assert_allclose(deviation(correlation, size=8)[0, :, 0, :], measured, rtol=0.05)


def test_white_noise_has_unit_deviation():
    np.testing.assert_allclose(deviation(np.ones((1, 1)), size=16), 1, rtol=1e-5)


def test_a_filtered_picture_does_not_depend_on_the_tiles(monkeypatch):
    picture = np.random.default_rng(2).random((70, 90), dtype=np.float32)

    def shrink(at, coefficients, others):
        keep = np.abs(coefficients) > 0.3
        return others * keep, 1 / (1 + keep.sum(axis=(1, 3), dtype=np.float32))

    whole = filtered(shrink, picture, picture**2, size=16, step=8)
    monkeypatch.setattr("napari_fluorodenoise.primitives.dct.TILE", (2, 3))
    np.testing.assert_allclose(filtered(shrink, picture, picture**2, size=16, step=8), whole, atol=1e-5)
