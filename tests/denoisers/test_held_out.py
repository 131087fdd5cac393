"""What a denoiser is judged by: frames with independent noise, where nothing moves."""

import numpy as np
import pytest

from napari_fluorodenoise.denoisers.held_out import held_out, places


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 11, 24, 500])
def test_places_lie_inside_and_leave_frames_to_train_on(count):
    at = places(count, most=3)
    assert at.middles
    assert all(0 <= t < count for t in at.middles)
    assert all(t + at.gap < count for t in at.middles)
    assert not at.kept_back & set(at.middles)
    assert len(at.kept_back) <= max(2, count // 3)
    assert len(at.kept_back) < count


def test_still_blocks_are_those_that_do_not_move():
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((5, 64, 64)).astype(np.float32)
    frames[:, :, 32:] += np.arange(5)[:, None, None] * 4  # the right half brightens
    (test,) = held_out(frames, places(5, most=1), stabilize=np.asarray)
    assert test.still.sum() == 64 * 64 // 4
    assert not test.still[:, 32:].any()


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("motion", [0.0, 2.0])
def test_the_difference_to_the_ends_is_the_error_and_their_noise_also_where_motion_is_steady(count, motion):
    rng = np.random.default_rng(1)
    steady = motion * np.arange(count)[:, None, None] * (count == 5)
    frames = (5 + 3 * rng.standard_normal((count, 128, 128)) + steady).astype(np.float32)
    (test,) = held_out(frames, places(count, most=1), stabilize=np.asarray)
    clean = 5 + steady[-1] / 2
    denoised = clean + 0.3 * (test.given - clean)
    error = (denoised - test.target) ** 2 - test.share * 9
    assert error.mean() == pytest.approx(0.81, abs=0.3)
    assert error[test.still].mean() == pytest.approx(0.81, abs=0.6)


@pytest.mark.parametrize("count", [2, 3])
def test_short_sequences_and_small_frames(count):
    frames = np.arange(count * 70, dtype=np.float32).reshape(count, 7, 10)
    (test,) = held_out(frames, places(count, most=3), stabilize=np.asarray)
    assert test.still.all()
    assert test.later[0, 0] != test.given[0, 0]


def test_only_the_middle_of_large_frames_is_looked_at():
    frames = np.zeros((5, 300, 20), np.uint16)
    (test,) = held_out(frames, places(5, most=1), stabilize=lambda f: f.astype(np.float32))
    assert test.given.shape == (256, 20)


def test_nothing_is_kept_back_where_nothing_is_asked_for():
    at = places(24, most=0)
    assert not at.middles
    assert not at.kept_back
    assert held_out(np.zeros((24, 32, 32)), at, stabilize=np.asarray) == []
