"""Tiles equal the whole, whatever is applied, and no tile is larger than was asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter

from napari_fluorodenoise.denoisers.tiles import tiled


def smoothed(frame):
    """The mean over 7 x 7 pixels of all channels: it reaches 3 pixels."""
    return uniform_filter(frame.mean(axis=0), 7, mode="nearest")


def coarse(frame):
    """Means of cells of 4 x 4 pixels, the last ones repeated: cells lie on a grid from the frame's first pixel on."""
    rows, columns = frame.shape[1:]
    padded = np.pad(frame[0], ((0, -rows % 4), (0, -columns % 4)), mode="edge")
    cells = padded.reshape(padded.shape[0] // 4, 4, -1, 4).mean(axis=(1, 3))
    return np.kron(cells, np.ones((4, 4)))[:rows, :columns]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 80))
def test_tiles_equal_the_whole(rows, columns, tile):
    frame = np.random.default_rng(rows + 100 * columns).random((2, rows, columns), dtype=np.float32)
    np.testing.assert_allclose(tiled(smoothed, frame, tile=tile, reach=3), smoothed(frame), atol=1e-6)
    np.testing.assert_allclose(tiled(coarse, frame, tile=tile, reach=3, multiple=4), coarse(frame), atol=1e-6)


def test_tiles_overlap_by_the_reach_start_on_the_grid_and_are_never_too_small():
    shapes = []

    def look(part):
        shapes.append(part.shape[1:])
        assert part.shape[0] == 2
        assert all(int(first) % 4 == 0 for first in part[:, 0, 0])
        return part[0]

    frame = np.stack(np.mgrid[:101, :203]).astype(np.float32)
    found = tiled(look, frame, tile=30, reach=6, multiple=4, least=24)
    np.testing.assert_array_equal(found, frame[0])
    assert len(shapes) == 4 * 7
    assert max(max(shape) for shape in shapes) <= 32 + 6 + 6 + 3
    assert min(min(shape) for shape in shapes) >= 24


def test_a_frame_smaller_than_a_tile_is_applied_as_it_is():
    frame = np.ones((1, 5, 7), np.float32)
    shapes = []
    tiled(lambda part: shapes.append(part.shape) or part[0], frame, reach=40, multiple=8, least=16)
    assert shapes == [(1, 5, 7)]


@pytest.mark.parametrize("wrong", [{"tile": 0, "reach": 1}, {"tile": 8, "reach": -1}])
def test_tiles_of_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="expected tiles of at least a pixel"):
        tiled(smoothed, np.ones((1, 9, 9), np.float32), **wrong)
