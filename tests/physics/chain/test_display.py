import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import Display


@pytest.mark.parametrize("curve", ["log", "gamma"])
def test_the_curve_runs_from_black_to_white(curve):
    counts = np.array([[1, 64, 512, 4096, 6e4]], np.float32)
    shown = Display(curve=curve, gamma=0.5, low=64, high=4096).shown(counts, pixel_size=0.3)[0]
    middle = {"log": 255 / 2, "gamma": 255 * np.sqrt(448 / 4032)}[curve]
    assert shown.dtype == np.uint8
    assert shown.tolist() == [0, 0, pytest.approx(middle, abs=0.5), 255, 255]


def test_edges_overshoot_and_plains_stay():
    step = np.full((31, 40), 200, np.float32)
    step[:, 20:] = 1000
    plain = Display().shown(step, pixel_size=0.3)
    sharp = Display(edges=1.5).shown(step, pixel_size=0.3)
    assert (sharp[:, [0, -1]] == plain[:, [0, -1]]).all()
    assert sharp[15, 19] < plain[15, 19]
    assert sharp[15, 20] > plain[15, 20]


def test_the_filter_keeps_a_share_of_the_frame_before():
    display, counts = Display(recursion=0.25), np.array([[8.0, 100.0]])
    first = display.filtered(counts, before=None)
    np.testing.assert_array_equal(first, counts)
    np.testing.assert_allclose(display.filtered(0 * counts, before=first), 0.25 * counts)


def test_low_lies_below_high():
    with pytest.raises(ValueError, match="low below high, found 50 and 20"):
        Display(low=50, high=20)
