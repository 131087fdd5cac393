"""The mode of a flow field is what most agree on."""

import numpy as np
import pytest

from napari_fluorodenoise.motion.mode import flow_mode


@pytest.mark.parametrize("share", [0.9, 0.6, 0.4])
def test_outliers_do_not_move_it(share):
    rng = np.random.default_rng(0)
    count = int(4000 * share)
    agreeing = np.array([3.4, -2.2]) + 0.3 * rng.standard_normal((count, 2))
    others = rng.uniform(-12, 12, (4000 - count, 2))
    np.testing.assert_allclose(flow_mode(np.concatenate([agreeing, others])), (3.4, -2.2), atol=0.1)


def test_the_larger_of_two_motions_wins():
    rng = np.random.default_rng(1)
    still = 0.2 * rng.standard_normal((800, 2))
    moving = np.array([5.0, 1.0]) + 0.2 * rng.standard_normal((1600, 2))
    np.testing.assert_allclose(flow_mode(np.concatenate([still, moving])), (5, 1), atol=0.1)


def test_nothing_moves_where_nothing_is_known():
    np.testing.assert_array_equal(flow_mode(np.empty((0, 2))), 0)
    np.testing.assert_array_equal(flow_mode(np.full((10, 2), 1e6)), 0)
    np.testing.assert_allclose(flow_mode(np.zeros((100, 2))), 0, atol=1e-12)
    np.testing.assert_allclose(flow_mode(np.array([[1.5, -0.5]])), [1.5, -0.5], atol=1e-6)
