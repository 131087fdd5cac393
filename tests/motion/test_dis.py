import numpy as np
from scipy.ndimage import gaussian_filter, shift

from napari_fluorodenoise.motion.dis import dense_flow


def test_finds_where_the_moving_picture_shows_what_the_fixed_one_does():
    scene = gaussian_filter(np.random.default_rng(0).standard_normal((96, 96)), 3).astype(np.float32)
    moved = shift(scene, (2.0, -3.0), order=3, mode="nearest")  # moved(x + (2, -3)) == scene(x)
    flow = dense_flow(scene, moved)
    np.testing.assert_allclose(np.median(flow[16:-16, 16:-16], axis=(0, 1)), (2, -3), atol=0.2)


def test_small_or_empty_pictures_do_not_move():
    assert not dense_flow(np.ones((8, 8), np.float32), np.zeros((8, 8), np.float32)).any()
    assert not dense_flow(np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32)).any()
