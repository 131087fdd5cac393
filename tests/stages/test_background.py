"""Shots: where they start, and what a frame is told of the background between the states that are kept."""

import numpy as np
import pytest

from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.primitives.running import RobustMean
from napari_fluorodenoise.stages.background import followed
from napari_fluorodenoise.video import Video

SHAPE = (64, 72)


def clipped(deviation, background, cell):
    return np.clip(deviation, -5, 5)


def shots(frames, *, offsets=None, segments=None):
    count = len(frames)
    return followed(
        Video(data=frames),
        np.zeros((count, 2)) if offsets is None else offsets,
        np.zeros(count) if segments is None else segments,
        field=np.ones(SHAPE, bool),
        follower=RobustMean(window=10, keep=clipped),
        mend=None,
        progress=silent,
    )


@pytest.fixture
def scene():
    return np.random.default_rng(0).uniform(80, 120, SHAPE).astype(np.float32)


def test_a_new_segment_starts_a_shot_that_knows_nothing_of_the_one_before(scene):
    frames = np.stack([scene] * 5 + [200 - scene] * 4)
    found = shots(frames, segments=np.repeat([0.0, 1.0], [5, 4]))
    assert [(shot.start, shot.stop) for shot in found] == [(0, 5), (5, 9)]
    for shot, expected in zip(found, (scene, 200 - scene), strict=True):
        np.testing.assert_allclose(shot.states.last(), expected, rtol=1e-4)


def test_an_opening_collimator_starts_a_shot(scene):
    frames = np.stack([scene] * 8)
    frames[:4, :, :30] *= 0.02
    assert [(shot.start, shot.stop) for shot in shots(frames)] == [(0, 4), (4, 8)]


def test_a_single_frame_is_a_shot(scene):
    (shot,) = shots(scene[None])
    assert (shot.start, shot.stop) == (0, 1)
    np.testing.assert_allclose(shot.background(scene, 0, ahead=10, keep=clipped), scene, rtol=1e-4)


def test_every_pixel_is_counted_as_often_as_it_was_seen(scene):
    offsets = np.array([[0.0, 0.0], [0.0, 3.0], [0.0, 6.0]])
    (shot,) = shots(np.stack([scene] * 3), offsets=offsets)
    assert shot.seen.shape == (64, 78)
    np.testing.assert_array_equal(shot.seen[0, [0, 3, 6, 71, 74, 77]], [1, 2, 3, 3, 2, 1])


def test_brightness_between_states_is_the_frame_s_own(scene):
    frames = np.linspace(1.0, 0.6, 13, dtype=np.float32)[:, None, None] * scene
    (shot,) = shots(frames)
    for t in (0, 5, 12):
        np.testing.assert_allclose(shot.background(frames[t], t, ahead=3, keep=clipped), frames[t], rtol=0.02)
