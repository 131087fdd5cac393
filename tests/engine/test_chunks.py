import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.engine.chunks import by_frames, lazy
from napari_fluorodenoise.video import Video

FRAMES = np.random.default_rng(0).integers(0, 4000, (7, 5, 6), np.uint16)


class Stored:
    """What looks like an array, and notes which frames were read; dask takes an empty part to see the dtype."""

    shape, dtype, ndim = FRAMES.shape, FRAMES.dtype, 3

    def __init__(self):
        self.read = []

    def __getitem__(self, at):
        self.read.extend(np.atleast_1d(np.arange(7)[at[0]]).tolist())
        return FRAMES[at]


@pytest.mark.parametrize(("count", "chunks"), [(1, (1,) * 7), (3, (3, 3, 1)), (7, (7,)), (9, (7,))])
def test_chunks_hold_whole_frames(count, chunks):
    cut = by_frames(FRAMES, count=count)
    assert cut.chunks == (chunks, (5,), (6,))
    assert cut.dtype == np.uint16
    np.testing.assert_array_equal(cut.compute(), FRAMES)
    np.testing.assert_array_equal(cut[4:6, 1:3].compute(), FRAMES[4:6, 1:3])


def test_frames_in_memory_are_not_copied():
    frames = FRAMES.copy()
    cut = by_frames(frames)
    frames[2] += 1
    np.testing.assert_array_equal(cut[2].compute(), FRAMES[2] + 1)


def test_frames_elsewhere_are_read_when_asked_for():
    stored = Stored()
    cut = by_frames(stored)
    assert stored.read == []
    np.testing.assert_array_equal(cut[2].compute(), FRAMES[2])
    assert stored.read == [2]


def test_a_lazy_video_stays_as_it_is():
    video = Video(data=da.from_array(FRAMES, chunks=(2, -1, -1)))
    assert lazy(video) is video
    assert lazy(Video(data=FRAMES)).data.numblocks == (7, 1, 1)
