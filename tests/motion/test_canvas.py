"""The way to the canvas and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.motion.canvas import Canvas, resampled

offset = st.tuples(st.floats(-30, 30), st.floats(-30, 30))


@given(offsets=st.lists(offset, min_size=1, max_size=5))
def test_every_frame_fits_and_comes_back(offsets):
    canvas = Canvas.around(np.array([(0.0, 0.0), *offsets]), frame=(24, 20))
    image = gaussian_filter(np.random.default_rng(0).standard_normal((24, 20)), 3).astype(np.float32)
    for t in range(len(offsets) + 1):
        placed, known = canvas.place(image, t)
        assert placed.shape == known.shape == canvas.shape
        assert not placed[~known].any()
        back = canvas.view(placed, t)
        np.testing.assert_allclose(back[5:-5, 5:-5], image[5:-5, 5:-5], atol=0.01 * np.ptp(image))


def test_whole_offsets_are_exact():
    canvas = Canvas.around(np.array([(0, 0), (-3, 5)]), frame=(8, 9))
    image = np.arange(72, dtype=np.uint16).reshape(8, 9)
    assert (canvas.shape, canvas.origin) == ((11, 14), (-3, 0))
    placed, known = canvas.place(image, 1)
    np.testing.assert_array_equal(placed[:8, 5:], image)
    assert known.sum() == image.size
    np.testing.assert_array_equal(canvas.view(placed, 1), image)


@pytest.mark.parametrize("part", [(0.0, 0.0), (0.5, 0.25), (0.3, 1.0)])
def test_a_picture_is_read_a_little_further_on(part):
    rows, columns = np.mgrid[:40, :40].astype(np.float32)

    def scene(r, c):
        return np.sin(r / 3) + np.cos(c / 4)

    read = resampled(scene(rows, columns), np.array(part))
    np.testing.assert_allclose(read[5:-5, 5:-5], scene(rows + part[0], columns + part[1])[5:-5, 5:-5], atol=5e-3)
