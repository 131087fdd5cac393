"""The recursion on scenes whose background is known."""

import numpy as np
import pytest

from napari_fluorodenoise.primitives.pcp import Pursuit, fill

EVERYTHING = (slice(None), slice(None))


def clipped(deviation, background, cell):
    return np.clip(deviation, -2.5, 2.5)


def pursue(frames, known, *, rank=1, window=30):
    """The background (n,) after `frames` (t, n) of which `known` (t, n) was seen, and how often."""
    pursuit = Pursuit(rank=rank, window=window, loops=2, keep=clipped)
    frames, known = (array.reshape(len(array), 40, -1) for array in (frames, known))
    background = pursuit.start(frames[:10], known[:10])
    for frame, seen in zip(frames, known, strict=True):
        pursuit.step(background, frame, EVERYTHING, seen)
    return background.picture.ravel(), background.count.ravel()


def test_a_still_scene_gives_its_temporal_mean():
    rng = np.random.default_rng(0)
    frames = (rng.uniform(50, 100, 2000) + rng.standard_normal((30, 2000))).astype(np.float32)
    error = pursue(frames, np.ones(frames.shape, bool))[0] - frames.mean(axis=0)
    assert np.sqrt((error**2).mean()) < 0.1


def test_brightness_is_followed_and_a_passing_object_is_not():
    scene = np.linspace(50, 100, 2000, dtype=np.float32)
    gains = np.linspace(1.0, 0.8, 40, dtype=np.float32)
    frames = np.outer(gains, scene)
    for t, frame in enumerate(frames):
        frame[20 * t : 20 * t + 40] -= 25
    error = np.abs(pursue(frames, np.ones(frames.shape, bool))[0] - frames[-1])
    assert np.median(error) < 0.2
    assert error[:600].max() < 0.5  # the object left these places long ago


def test_what_comes_into_view_is_averaged_by_how_often_it_was_seen():
    rng = np.random.default_rng(1)
    scene = rng.uniform(50, 100, 2000).astype(np.float32)
    frames = (scene + rng.standard_normal((60, 2000))).astype(np.float32)
    known = np.ones(frames.shape, bool)
    known[:40, 1000:] = False  # seen 20 times
    known[:, 1900:] = False
    background, count = pursue(np.where(known, frames, 0).astype(np.float32), known)
    error = background - scene
    assert np.sqrt((error[:1000] ** 2).mean()) < 0.25
    assert np.sqrt((error[1000:1900] ** 2).mean()) < 1.5 / np.sqrt(20)
    assert not background[1900:].any()
    assert set(count[1000:1900]) == {20}


def test_a_higher_rank_holds_two_patterns():
    rng = np.random.default_rng(2)
    patterns = rng.uniform(50, 100, (2, 2000)).astype(np.float32)
    phase = np.linspace(0, 6, 60)
    frames = (np.stack([1 + 0.2 * np.sin(phase), 1 + 0.2 * np.cos(phase)], axis=1) @ patterns).astype(np.float32)
    background, _ = pursue(frames, np.ones(frames.shape, bool), rank=2)
    np.testing.assert_allclose(background, frames[-1], rtol=0.01)


def batch(columns, *, weight, rounds=100):
    """Principal component pursuit by the textbook: min |L|_* + weight |S|_1 with L + S = columns, by ADMM.

    E. Candes et al., J. ACM 58, 2011, doi 10.1145/1970392.1970395, algorithm 1.
    """
    mu = columns.size / (4 * np.abs(columns).sum())
    S, Y = np.zeros_like(columns), np.zeros_like(columns)
    for _ in range(rounds):
        X = columns - S + Y / mu
        squares, V = np.linalg.eigh(X.T @ X)
        L = X @ (V * np.maximum(1 - 1 / (mu * np.sqrt(np.maximum(squares, 1e-12))), 0)) @ V.T  # shrunken by 1 / mu
        rest = columns - L + Y / mu
        S = np.sign(rest) * np.maximum(np.abs(rest) - weight / mu, 0)
        Y += mu * (columns - L - S)
    return L


def test_close_to_batch_principal_component_pursuit():
    """Within 1 % of the brightness, at every pixel of the last frame; the sparse part is 25 to 50 %."""
    rng = np.random.default_rng(5)
    frames = np.outer(rng.uniform(0.9, 1.1, 30), rng.uniform(50, 100, 400)).astype(np.float32)
    for t, frame in enumerate(frames):
        frame[10 * t : 10 * t + 15] -= 25
    expected = batch(frames.T.astype(float), weight=1 / np.sqrt(400))[:, -1]
    np.testing.assert_allclose(pursue(frames, np.ones(frames.shape, bool))[0], expected, rtol=0.01)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_each_step_is_the_svd_of_the_matrix_written_out(rank):
    rng = np.random.default_rng(6)
    frames = rng.standard_normal((12, 40, 5)).astype(np.float32) + 5
    known = np.ones(frames.shape, bool)
    pursuit = Pursuit(rank=rank, window=4, loops=1, keep=lambda deviation, background, cell: deviation)
    background = pursuit.start(frames[:6], known[:6])
    background.count += 100  # nothing is young
    for frame in frames[6:]:
        matrix = np.column_stack(
            [(background.basis.reshape(rank, -1).T * background.S) @ background.V.T, frame.ravel()]
        )
        U, S, Vt = np.linalg.svd(matrix, full_matrices=False)
        expected = (U[:, :rank] * S[:rank]) @ Vt[:rank][:, 1:]
        pursuit.step(background, frame, EVERYTHING)
        found = (background.basis.reshape(rank, -1).T * background.S) @ background.V.T
        U, S, Vt = np.linalg.svd(expected, full_matrices=False)
        np.testing.assert_allclose(found[:, -len(expected.T) :], (U[:, :rank] * S[:rank]) @ Vt[:rank], atol=1e-3)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_what_enters_shows_the_frame(rank):
    rng = np.random.default_rng(4)
    patterns = rng.uniform(1, 2, (rank, 1600))
    frames = (rng.uniform(20, 40, (12, rank)) @ patterns).astype(np.float32).reshape(12, 40, 40)
    known = np.ones(frames.shape, bool)
    known[:10, 30:] = False
    pursuit = Pursuit(rank=rank, window=30, loops=2, keep=lambda deviation, background, cell: deviation)
    background = pursuit.start(frames[:10] * known[:10], known[:10])
    for frame, seen in zip(frames[:11], known, strict=False):
        pursuit.step(background, frame * seen, EVERYTHING, seen)
    np.testing.assert_allclose(background.picture, frames[10], rtol=1e-3)


def test_only_the_window_under_the_frame_is_compared():
    rng = np.random.default_rng(7)
    world = rng.uniform(50, 100, (60, 60)).astype(np.float32)
    pursuit = Pursuit(rank=1, window=10, loops=2, keep=clipped)
    background = pursuit.start(world[None], np.ones((1, 60, 60), bool))
    for t in range(20):
        at = (slice(t, t + 40), slice(20 - t, 60 - t))
        pursuit.step(background, (1 + 0.01 * t) * world[at], at)
    np.testing.assert_allclose(background.picture / background.picture[30, 30], world / world[30, 30], rtol=1e-3)


def filled(rank):
    """Orthonormal planes, what mixes them, a frame, where it is filled in, and the planes afterwards."""
    rng = np.random.default_rng(rank)
    planes = np.linalg.qr(rng.standard_normal((60, rank)))[0].T.reshape(rank, 6, 10).astype(np.float32)
    row, values = rng.uniform(5, 9, rank), rng.uniform(1, 2, (6, 10)).astype(np.float32)
    where = np.arange(60).reshape(6, 10) >= 40
    after = planes * ~where
    fill(after, row, values, where=where)
    return planes, row, values, where, after


@pytest.mark.parametrize("rank", [1, 3])
def test_a_filled_basis_reproduces_the_frame_and_is_no_longer_orthonormal(rank):
    planes, row, values, where, after = filled(rank)
    np.testing.assert_allclose(np.tensordot(row, after, 1)[where], values[where], rtol=1e-5)
    np.testing.assert_array_equal(after[:, ~where], planes[:, ~where])
    tall = after.reshape(rank, -1)
    assert np.abs(tall @ tall.T - np.eye(rank)).max() > 0.01


def test_the_rank_one_fill_is_that_of_the_paper():
    planes, row, values, where, _ = filled(1)
    u, known = planes[0][~where], row[0] * planes[0][~where]  # known to both: Y_O = u_O s v
    expected = values[where] * (known @ u) / (known @ known)  # eq. (3), second part
    after = planes * ~where
    fill(after, row, values, where=where)
    np.testing.assert_allclose(after[0][where], expected, rtol=1e-4)


def test_nothing_is_filled_by_a_blank_background():
    planes = np.zeros((2, 3, 3), np.float32)
    fill(planes, np.zeros(2), np.ones((3, 3), np.float32), where=np.ones((3, 3), bool))
    assert not planes.any()
