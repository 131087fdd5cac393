"""The running mean on scenes whose background is known."""

import numpy as np

from napari_fluorodenoise.primitives.running import RobustMean

EVERYTHING = (slice(None), slice(None))


def clipped(deviation, background, cell):
    return np.clip(deviation, -2.5, 2.5)


def followed(frames, known, window=30):
    follower = RobustMean(window=window, keep=clipped)
    background = follower.start(frames[:10], known[:10])
    for frame, seen in zip(frames, known, strict=True):
        follower.step(background, frame, EVERYTHING, seen)
    return background


def test_a_still_scene_gives_its_temporal_mean():
    rng = np.random.default_rng(0)
    frames = (rng.uniform(50, 100, (40, 50)) + rng.standard_normal((30, 40, 50))).astype(np.float32)
    error = followed(frames, np.ones(frames.shape, bool)).picture - frames.mean(axis=0)
    assert np.sqrt((error**2).mean()) < 0.1


def test_brightness_is_followed_and_a_passing_object_is_not():
    scene = np.linspace(50, 100, 2000, dtype=np.float32).reshape(40, 50)
    frames = np.linspace(1.0, 0.8, 40, dtype=np.float32)[:, None, None] * scene
    for t, frame in enumerate(frames):
        frame[:, t : t + 2] -= 25
    error = np.abs(followed(frames, np.ones(frames.shape, bool)).picture - frames[-1])
    assert np.median(error) < 0.3
    assert error[:, :20].max() < 2.5 * 0.5


def test_what_enters_the_view_is_averaged_and_the_rest_stays_0():
    rng = np.random.default_rng(1)
    scene = rng.uniform(50, 100, (40, 50)).astype(np.float32)
    frames = (scene + rng.standard_normal((60, 40, 50))).astype(np.float32)
    known = np.ones(frames.shape, bool)
    known[:40, 20:] = False  # seen 20 times
    known[:, 38:] = False
    background = followed(np.where(known, frames, 0).astype(np.float32), known)
    error = background.picture - scene
    assert np.sqrt((error[20:38] ** 2).mean()) < 1.5 / np.sqrt(20)
    assert not background.picture[38:].any()
