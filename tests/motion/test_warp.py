"""A flow field moves a picture where it says."""

import numpy as np
import pytest

from napari_fluorodenoise.motion.warp import leads_inside, reliable, shifted, warped


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


def flow(row, column, shape=(24, 40)):
    return np.broadcast_to(np.float32([row, column]), (*shape, 2)).copy()


def test_a_flow_is_reliable_where_it_leads_inside_and_back():
    good = reliable(flow(2, -4), flow(-2, 4))
    assert good[:20, 6:].all()
    assert not good[:, :4].any()
    assert not good[22:].any()
    assert not reliable(flow(2, -4), flow(-2, 2.5)).any()
    assert reliable(flow(2, -4), flow(-2, 3.5))[:20, 6:].all()


def test_what_gets_covered_is_not_reliable():
    there, back = flow(0, 0), flow(0, 0)
    there[:, 20:30], back[:, 12:22] = (0, -8), (0, 8)  # a piece slides over what stands still
    good = reliable(there, back)
    assert not good[:, 12:20].any()
    assert good[:, :8].all()
    assert good[:, 25].all()


def test_a_flow_is_not_reliable_beside_a_tear():
    there = flow(3, 0)
    there[:, 20:] = (-3, 0)
    good = reliable(there, -there)
    assert not good[:, 18:22].any()
    assert good[4:-4, :14].all()
    assert good[4:-4, 26:].all()


def test_a_flow_of_odd_shape():
    assert reliable(flow(0, 0, (17, 23)), flow(0, 0, (17, 23))).shape == (17, 23)
    assert reliable(flow(0, 0, (17, 23)), flow(0, 0, (17, 23))).all()


def test_a_shift_reads_the_pixel_it_points_to_and_mirrors_outside():
    picture = np.random.default_rng(0).random((12, 15), dtype=np.float32)
    moved = shifted(picture, np.array([2.0, -3.0]))
    np.testing.assert_allclose(moved[:10, 3:], picture[2:, :-3], atol=1e-6)
    np.testing.assert_allclose(moved[10:, 3:], picture[[10, 9], :-3], atol=1e-6)
    assert (moved.dtype, moved.shape) == (np.float32, (12, 15))


def test_no_shift_is_the_picture_itself():
    picture = np.random.default_rng(0).random((12, 15), dtype=np.float32)
    assert shifted(picture, np.zeros(2)) is picture


@pytest.mark.parametrize("by", [(0.25, 0.0), (0.5, -0.5), (-3.75, 2.25)])
def test_a_shift_by_fractions_is_sharper_than_linear_and_undone_by_its_opposite(by):
    rows, columns = np.mgrid[:60, :70]

    def wave(y, x):
        return np.float32(np.sin(2 * np.pi * (y / 8 + x / 9)))

    by, inside = np.array(by), (slice(8, -8), slice(8, -8))
    moved, expected = shifted(wave(rows, columns), by), wave(rows + by[0], columns + by[1])
    linear = warped(wave(rows, columns), np.broadcast_to(by.astype(np.float32), (60, 70, 2)))
    errors = [np.abs(found - expected)[inside].max() for found in (moved, linear)]
    assert errors[0] < 0.65 * errors[1]
    assert np.abs(shifted(moved, -by) - wave(rows, columns))[inside].max() < 0.1
