"""What was taken in can be taken out again, and the mean of what frames show is what a frame there would show."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_fluorodenoise.motion.picture import RunningPicture

OFFSETS = np.array([(0, 0), (3.25, -2.5), (-7.5, 4.75), (1, 12)])


@pytest.fixture(scope="module")
def scene():
    return gaussian_filter(np.random.default_rng(0).standard_normal((96, 96)), 2.5).astype(np.float32)


def window(scene, offset):
    return shift(scene, -np.asarray(offset), order=5, mode="nearest")[24:72, 24:64]


def everywhere(frame):
    return np.ones(frame.shape, bool)


def test_frames_of_one_scene_agree(scene):
    picture = RunningPicture((48, 40))
    assert picture.is_blank
    for offset in OFFSETS:
        frame = window(scene, offset)
        picture.add(frame, offset, where=everywhere(frame))
    assert not picture.is_blank
    inner = np.s_[12:-12, 12:-12]
    for offset in (*OFFSETS, np.array([0.4, 2.2])):
        view = picture.view(offset)
        assert view.mean.shape == view.unrest.shape == view.count.shape == (48, 40)
        np.testing.assert_allclose(view.mean[inner], window(scene, offset)[inner], atol=0.02 * np.ptp(scene))
        np.testing.assert_array_equal(picture.mean(offset), view.mean)
        assert view.unrest[inner].max() < 1e-3 * scene.var()


def test_mean_unrest_and_count_are_those_of_the_frames():
    frames = np.random.default_rng(1).standard_normal((5, 20, 24)).astype(np.float32)
    hidden = np.zeros((20, 24), bool)
    hidden[:, :6] = True
    picture = RunningPicture((20, 24))
    for frame in frames:
        picture.add(frame, np.zeros(2), where=~hidden)
    view = picture.view(np.zeros(2))
    np.testing.assert_allclose(view.mean[:, 6:], frames.mean(axis=0)[:, 6:], atol=1e-5)
    np.testing.assert_allclose(view.unrest[:, 6:], frames.var(axis=0)[:, 6:], atol=1e-5)
    np.testing.assert_array_equal(view.count, np.where(hidden, 0, 5))
    np.testing.assert_allclose(view.mean[:, :6], 0, atol=1e-6)


def test_taking_a_frame_out_undoes_taking_it_in(scene):
    rng = np.random.default_rng(2)
    with_it, without = RunningPicture((48, 40)), RunningPicture((48, 40))
    for number, offset in enumerate(OFFSETS):
        frame = window(scene, offset) + rng.standard_normal((48, 40)).astype(np.float32)
        where = rng.random((48, 40)) > 0.3
        with_it.add(frame, offset, where=where)
        if number == 2:
            taken = (frame.copy(), offset, where)
        else:
            without.add(frame, offset, where=where)
    with_it.remove(taken[0], taken[1], where=taken[2])
    for offset in OFFSETS:
        one, other = with_it.view(offset), without.view(offset)
        np.testing.assert_array_equal(one.count, other.count)
        np.testing.assert_allclose(one.mean, other.mean, atol=1e-5)
        np.testing.assert_allclose(one.unrest, other.unrest, atol=1e-5)


def test_nothing_is_known_where_nothing_was_seen():
    picture = RunningPicture((16, 16))
    picture.add(np.ones((16, 16), np.float32), np.zeros(2), where=np.ones((16, 16), bool))
    far = picture.view(np.array([-40.5, 100.25]))
    assert not far.count.any()
    assert not far.mean.any()
    assert not far.unrest.any()
    assert (picture.view(np.zeros(2)).count == 1).all()  # the canvas has grown, the frame is where it was
