"""The recursion on scenes whose background is known."""

import numpy as np
import pytest

from napari_fluorodenoise.primitives.pcp import Pursuit


def clipped(deviation, background):
    return np.clip(deviation, -2.5, 2.5)


def pursue(frames, known, *, rank=1, window=30):
    pursuit = Pursuit(rank=rank, window=window, loops=2, keep=clipped)
    background = pursuit.start(frames[:10], known[:10])
    for frame, seen in zip(frames, known, strict=True):
        background = pursuit.step(background, frame, seen)
    return background


def test_a_still_scene_gives_its_temporal_mean():
    rng = np.random.default_rng(0)
    frames = (rng.uniform(50, 100, 2000) + rng.standard_normal((30, 2000))).astype(np.float32)
    error = pursue(frames, np.ones(frames.shape, bool)).model.last - frames.mean(axis=0)
    assert np.sqrt((error**2).mean()) < 0.1


def test_brightness_is_followed_and_a_passing_object_is_not():
    scene = np.linspace(50, 100, 2000, dtype=np.float32)
    gains = np.linspace(1.0, 0.8, 40, dtype=np.float32)
    frames = np.outer(gains, scene)
    for t, frame in enumerate(frames):
        frame[20 * t : 20 * t + 40] -= 25
    error = np.abs(pursue(frames, np.ones(frames.shape, bool)).model.last - frames[-1])
    assert np.median(error) < 0.2
    assert error[:600].max() < 0.5  # the object left these places long ago


def test_what_comes_into_view_is_averaged_by_how_often_it_was_seen():
    rng = np.random.default_rng(1)
    scene = rng.uniform(50, 100, 2000).astype(np.float32)
    frames = (scene + rng.standard_normal((60, 2000))).astype(np.float32)
    known = np.ones(frames.shape, bool)
    known[:40, 1000:] = False  # seen 20 times
    known[:, 1900:] = False
    background = pursue(np.where(known, frames, 0).astype(np.float32), known)
    error = background.model.last - scene
    assert np.sqrt((error[:1000] ** 2).mean()) < 0.25
    assert np.sqrt((error[1000:1900] ** 2).mean()) < 1.5 / np.sqrt(20)
    assert not background.model.last[1900:].any()
    assert set(background.count[1000:1900]) == {20}


def test_a_higher_rank_holds_two_patterns():
    rng = np.random.default_rng(2)
    patterns = rng.uniform(50, 100, (2, 2000)).astype(np.float32)
    phase = np.linspace(0, 6, 60)
    frames = (np.stack([1 + 0.2 * np.sin(phase), 1 + 0.2 * np.cos(phase)], axis=1) @ patterns).astype(np.float32)
    background = pursue(frames, np.ones(frames.shape, bool), rank=2)
    np.testing.assert_allclose(background.model.last, frames[-1], rtol=0.01)


@pytest.mark.parametrize("rank", [1, 3])
def test_a_frame_in_the_span_is_filled_exactly(rank):
    rng = np.random.default_rng(4)
    basis = np.linalg.qr(rng.standard_normal((60, rank)))[0].astype(np.float32)
    frame = basis @ rng.uniform(1, 2, rank).astype(np.float32)
    known = np.arange(60) % 3 > 0
    pursuit = Pursuit(rank=rank, window=30, loops=2, keep=clipped)
    filled, _ = pursuit.split(np.where(known, frame, 0), known, basis)
    np.testing.assert_allclose(filled, frame, atol=1e-4)
