import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.physics.differences import BLOCK, blocks, groups
from napari_fluorodenoise.video import Video


def moving(*, frames=8, step=(2, -3), sigma=1.0, seed=0):
    """A textured scene under a detector that steps by whole pixels, with white noise."""
    rng = np.random.default_rng(seed)
    scene = 200 * gaussian_filter(rng.standard_normal((160, 160)), 3)
    views = [scene[40 + t * step[0] :, 40 + t * step[1] :][:96, :96] for t in range(frames)]
    return Video(data=np.stack(views) + sigma * rng.standard_normal((frames, 96, 96)))


def all_of(video):
    return blocks(groups(video), field=np.ones(video.shape[1:], bool))


def test_whole_pixel_motion_leaves_nothing_but_noise():
    found = all_of(moving())
    assert len(found) == 80
    assert found.difference.var() / 2 == pytest.approx(1, abs=0.03)
    assert np.isnan(found.following).all()


def test_groups_are_spread_over_the_sequence_and_bounded():
    video = Video(data=da.zeros((2000, 512, 512), chunks=(1, 512, 512), dtype=np.uint8))
    found = groups(video)
    assert found[0].start == 0
    assert found[-1].start == 1992
    assert sum(group.frames.size for group in found) <= 2**24


@pytest.mark.parametrize("frames", [2, 3, 4, 5])
def test_few_frames_suffice(frames):
    found = all_of(moving(frames=frames))
    assert len(found) >= 16
    assert found.difference.shape[1:] == (BLOCK, BLOCK)


def test_one_frame_is_refused():
    with pytest.raises(ValueError, match="expected at least two frames, found 1"):
        groups(Video(data=np.zeros((1, 32, 32))))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_unknown_pixels_are_refused_by_frame(value):
    data = np.zeros((6, 32, 32))
    data[4, 3, 3] = value
    with pytest.raises(ValueError, match="frame 4"):
        groups(Video(data=data))


def test_what_lies_outside_the_field_or_is_clipped_is_left_out():
    video = moving(step=(0, 0))
    field = np.zeros(video.shape[1:], bool)
    field[:, :48] = True
    assert len(blocks(groups(video), field=field)) == len(all_of(video)) // 2
    assert len(all_of(video.with_data(np.clip(video.data, 0, None)))) < len(all_of(video))
