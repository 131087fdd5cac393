"""How a frame is matched with patterns, and what starts a background."""

import numpy as np
import pytest

from napari_fluorodenoise.primitives.background import cleaned, combined, matched, strips


def clipped(deviation, background, cell):
    return np.clip(deviation, -2.5 / cell, 2.5 / cell)


@pytest.mark.parametrize("shape", [(24, 30), (300, 280)])
@pytest.mark.parametrize("rank", [1, 2])
def test_weights_are_found_again_whatever_covers_a_tenth(shape, rank):
    rng = np.random.default_rng(0)
    smooth = np.linspace(0.5, 1.0, shape[0])[:, None] * np.ones(shape)
    basis = np.stack([smooth, smooth[:, ::-1] + 0.3 * np.sin(np.arange(shape[1]) / 4)][:rank]).astype(np.float32)
    frame = combined(basis, np.array([90.0, -20.0][:rank])) + rng.standard_normal(shape).astype(np.float32)
    frame[: shape[0] // 10] -= 30
    np.testing.assert_allclose(matched(frame, basis, None, clipped), [90.0, -20.0][:rank], rtol=0.02, atol=0.5)


def test_what_is_not_known_has_no_say():
    basis = np.ones((1, 32, 32), np.float32)
    frame, known = np.full((32, 32), 7, np.float32), np.ones((32, 32), bool)
    frame[:20], known[:20] = 1000, False
    np.testing.assert_allclose(matched(frame, basis, known, clipped), [7], rtol=1e-5)
    assert matched(frame, basis, np.zeros((32, 32), bool), clipped) is None
    assert matched(frame, np.zeros_like(basis), None, clipped) is None


@pytest.mark.parametrize("shape", [(1, 5), (700, 300), (3, 1 << 18)])
def test_strips_cover_every_row_once(shape):
    rows = [row for part in strips(shape) for row in range(shape[0])[part]]
    assert rows == list(range(shape[0]))


def test_first_frames_lose_what_passes_through_them():
    rng = np.random.default_rng(1)
    frames = (50 + rng.standard_normal((9, 40, 40))).astype(np.float32)
    for t, frame in enumerate(frames):
        frame[:, 4 * t : 4 * t + 3] -= 30
    middle, columns = cleaned(frames, np.ones(frames.shape, bool), clipped)
    assert np.abs(middle - 50).max() < 4
    assert np.abs(columns - 50).max() < 6
