"""A flow field moves a picture where it says."""

import numpy as np

from napari_fluorodenoise.motion.warp import leads_inside, warped


def test_a_whole_displacement_reads_the_pixel_it_points_to():
    picture = np.random.default_rng(0).random((12, 15), dtype=np.float32)
    displacement = np.broadcast_to(np.float32([2, -3]), (12, 15, 2))
    np.testing.assert_allclose(warped(picture, displacement)[:10, 3:], picture[2:, :-3], atol=1e-6)


def test_a_ramp_moves_by_fractions_and_goes_on_at_its_edges():
    ramp = np.tile(np.arange(8, dtype=np.float32), (4, 1))
    moved = warped(ramp, np.broadcast_to(np.float32([0, 0.5]), (4, 8, 2)))
    np.testing.assert_allclose(moved[:, :-1], ramp[:, :-1] + 0.5, atol=0.02)
    np.testing.assert_allclose(moved[:, -1], 7)


def test_it_is_known_what_comes_from_outside():
    displacement = np.broadcast_to(np.float32([2, -3]), (12, 15, 2))
    expected = np.zeros((12, 15), bool)
    expected[:10, 3:] = True
    np.testing.assert_array_equal(leads_inside(displacement), expected)
