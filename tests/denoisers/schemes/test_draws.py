"""Drawn noise has the covariance it is asked for."""

import numpy as np
import pytest

from napari_fluorodenoise.denoisers.schemes.draws import drawn

CORRELATED = np.outer([0.1, 0.5, 1, 0.5, 0.1], [0.1, 0.5, 1, 0.5, 0.1])


@pytest.mark.parametrize("autocorrelation", [np.ones((1, 1)), CORRELATED], ids=["white", "correlated"])
@pytest.mark.parametrize("side", [9, 32])
def test_the_autocorrelation_is_the_one_asked_for_and_nothing_wraps_around(autocorrelation, side):
    noise = drawn(
        (20_000 if side == 9 else 2_000, side, side), np.random.default_rng(0), autocorrelation=autocorrelation
    )
    reach = autocorrelation.shape[0] // 2
    for row in range(3):
        for column in range(3):
            products = noise[:, row:, column:] * noise[:, : side - row, : side - column]
            inside = max(row, column) <= reach
            expected = autocorrelation[reach + row, reach + column] if inside else 0
            assert products.mean() == pytest.approx(expected, abs=0.01)
    assert (noise[:, 0] * noise[:, -1]).mean() == pytest.approx(0, abs=0.01)


def test_an_impossible_autocorrelation_still_gives_unit_variance():
    impossible = np.array([[0, 0.6, 0], [0.6, 1, 0.6], [0, 0.6, 0]])
    noise = drawn((200, 32, 32), np.random.default_rng(0), autocorrelation=impossible)
    assert noise.var() == pytest.approx(1, abs=0.02)


def test_the_same_seed_draws_the_same():
    first, again = (drawn((2, 8, 8), np.random.default_rng(3), autocorrelation=CORRELATED) for _ in range(2))
    np.testing.assert_array_equal(first, again)
