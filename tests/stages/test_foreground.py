"""What the background keeps of a deviation, and the lines that lie still in it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.physics.detector import Detector
from napari_fluorodenoise.stages.foreground import Rule, filled

DETECTOR = Detector(
    slope=0.0,
    read_variance=1.0,
    floor=1.0,
    level=100.0,
    autocorrelation=np.pad(np.ones((1, 1)), 4),
    response=np.ones((1, 1)),
    field=np.ones((64, 64), bool),
)


@pytest.mark.parametrize("cell", [1, 2, 4])
def test_noise_is_kept_and_what_is_dark_is_not(cell):
    rng = np.random.default_rng(0)
    deviation = rng.standard_normal((64, 64)).astype(np.float32) / cell
    background = np.full((64, 64), 100, np.float32)
    kept = Rule(DETECTOR, threshold=2.5, dark=True)(deviation, background, cell)
    assert np.mean(np.abs(kept - deviation) > 1e-6) < (0.03 if cell == 1 else 0.1)
    deviation[20:30] -= 5
    kept = Rule(DETECTOR, threshold=2.5, dark=True)(deviation, background, cell)
    assert not kept[22:28].any()


@pytest.mark.parametrize("cell", [1, 4])
def test_the_inverse_of_a_picture_is_judged_the_same(cell):
    deviation = 3 * np.random.default_rng(0).standard_normal((70, 50)).astype(np.float32)
    background = np.full((70, 50), 100, np.float32)
    upright, inverse = (Rule(DETECTOR, threshold=2.5, dark=dark) for dark in (True, False))
    np.testing.assert_array_equal(upright(deviation, background, cell), -inverse(-deviation, background, cell))


def test_strips_give_what_the_whole_gives():
    deviation = 2 * np.random.default_rng(0).standard_normal((200, 1000)).astype(np.float32)
    rule = Rule(DETECTOR, threshold=2.5, dark=True)
    whole = rule(deviation, np.full_like(deviation, 100), 1)
    for rows in (slice(40, 100), slice(100, 160)):
        around = slice(rows.start - 20, rows.stop + 20)
        part = rule(deviation[around], np.full((100, 1000), 100, np.float32), 1)[20:-20]
        np.testing.assert_array_equal(part, whole[rows])


def test_a_line_is_filled_and_edges_and_bands_are_not():
    rows, columns = np.mgrid[:160, :160]
    picture = np.where(columns > 120, 60.0, 100.0) - 20 * (np.abs(rows - 130) < 9)
    line = 6 * np.exp(-((columns - 40 - rows / 8) ** 2) / 4.0) * (rows < 110)
    noise = gaussian_filter(np.random.default_rng(0).standard_normal(picture.shape), 0.7)
    seen = (picture - line + 0.2 * noise).astype(np.float32)
    found = seen * (filled(seen, rule=Rule(DETECTOR, threshold=2.5, dark=True)) - 1)
    assert found[line > 3].mean() > 0.8 * line[line > 3].mean()
    assert np.abs(found[line < 0.01]).mean() < 0.01
