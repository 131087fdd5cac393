"""One contract for every flow estimator there is."""

from typing import get_args

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_fluorodenoise.motion import Estimator, estimator

every_estimator = pytest.mark.parametrize("name", get_args(Estimator))


@pytest.fixture(scope="module")
def scene():
    texture = gaussian_filter(np.random.default_rng(0).standard_normal((96, 96)), 3)
    return (5 * texture / texture.std()).astype(np.float32)


@every_estimator
@pytest.mark.parametrize("by", [(0, 0), (2, -3), (-1.5, 0.5)])
def test_finds_where_the_moving_picture_shows_what_the_fixed_one_does(name, by, scene):
    moving = shift(scene, by, order=3, mode="nearest")  # moving(x + by) == scene(x)
    flow = estimator(name)(scene, moving)
    assert (flow.shape, flow.dtype) == ((96, 96, 2), np.float32)
    np.testing.assert_allclose(np.median(flow[16:-16, 16:-16], axis=(0, 1)), by, atol=0.2)


@every_estimator
def test_neither_contrast_nor_brightness_is_a_motion(name, scene):
    moving = 1.2 * shift(scene, (1, 2), order=3, mode="nearest")
    np.testing.assert_allclose(np.median(estimator(name)(scene, moving)[16:-16, 16:-16], axis=(0, 1)), (1, 2), atol=0.4)


@every_estimator
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 2), (3, 5), (8, 8), (15, 33), (64, 64)])
def test_small_and_blank_pictures_are_read(name, shape):
    rng = np.random.default_rng(0)
    noise = [rng.standard_normal(shape).astype(np.float32) for _ in range(2)]
    flow = estimator(name)(*noise)
    assert flow.shape == (*shape, 2)
    assert np.isfinite(flow).all()
    for value in (0, 7):
        blank = np.full(shape, value, np.float32)
        np.testing.assert_allclose(estimator(name)(blank, blank), 0, atol=1e-3)


@every_estimator
def test_the_pictures_are_left_as_they_are(name, scene):
    fixed, moving = scene.copy(), scene[::-1].copy()
    fixed.flags.writeable = moving.flags.writeable = False
    estimator(name)(fixed, moving)
