"""Tiles agree on a shift, whatever a third of them and the noise say."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_fluorodenoise.motion.votes import SAMPLES, preferred, votes

SHAPE = (160, 160)
SHIFT = np.array([0.6, -0.35])


@pytest.fixture(scope="module")
def picture():
    texture = gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE), 3)
    return (texture / texture.std()).astype(np.float32)


def showing(picture, by):
    """The frame with picture(x + by) == frame(x)."""
    return shift(picture, -np.asarray(by), order=5, mode="nearest")


def noise(rng, deviation):
    fine = gaussian_filter(rng.standard_normal(SHAPE), 1.5)
    return (deviation * fine / fine.std()).astype(np.float32)


def everywhere():
    return np.ones(SHAPE, np.float32)


@pytest.mark.parametrize("tolerance", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("by", [(0, 0), SHIFT, (-0.9, 0.1)])
def test_a_part_of_a_pixel_is_found(picture, by, tolerance):
    found = votes(showing(picture, by), picture, weights=everywhere()).agreed(tolerance=tolerance)
    np.testing.assert_allclose(found, by, atol=0.08)


def test_noise_is_averaged_out(picture):
    frame = showing(picture, SHIFT) + noise(np.random.default_rng(1), 0.5)
    found = votes(frame, picture, weights=everywhere()).agreed(tolerance=0.3)
    np.testing.assert_allclose(found, SHIFT, atol=0.15)


@pytest.mark.parametrize("deviation", [0.0, 0.3])
def test_a_third_that_moves_otherwise_does_not_pull(picture, deviation):
    frame = showing(picture, SHIFT)
    frame[:, :53] = showing(picture, (-1.4, 1.2))[:, :53]
    frame += noise(np.random.default_rng(2), deviation or 1e-6)
    for tolerance in (2.0, 1.0, 0.5, 0.3):
        found = votes(frame, picture, weights=everywhere()).agreed(tolerance=tolerance)
    np.testing.assert_allclose(found, SHIFT, atol=0.1)


def test_one_bright_marker_does_not_outvote_the_anatomy(picture):
    marked, frame = picture.copy(), showing(picture, SHIFT)
    for shown in (marked, frame):  # where both show it, it has not moved
        shown[70:90, 70:90] = 50 * gaussian_filter(np.eye(20), 2)
    found = votes(frame, marked, weights=everywhere()).agreed(tolerance=0.3)
    np.testing.assert_allclose(found, SHIFT, atol=0.1)


def test_pixels_without_weight_have_no_say(picture):
    frame, weights = showing(picture, SHIFT), everywhere()
    frame[:100] = showing(picture, (-1, 1))[:100]
    weights[:104] = 0
    np.testing.assert_allclose(votes(frame, picture, weights=weights).agreed(tolerance=0.3), SHIFT, atol=0.1)


def test_what_cannot_tell_says_nothing(picture):
    blank = np.zeros(SHAPE, np.float32)
    assert not votes(blank, blank, weights=everywhere()).agreed(tolerance=0.3).any()
    assert not votes(picture, picture, weights=blank).agreed(tolerance=0.3).any()


def test_lines_tell_nothing_of_the_motion_along_them():
    lines = np.broadcast_to(np.sin(np.arange(160, dtype=np.float32) / 4)[:, None], SHAPE)
    found = votes(showing(lines, (0.5, 0)), lines, weights=everywhere()).agreed(tolerance=0.3)
    np.testing.assert_allclose(found, (0.5, 0), atol=0.05)


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (17, 40)])
def test_small_pictures_are_read(shape):
    frame = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    assert np.isfinite(votes(frame, frame, weights=np.ones(shape, np.float32)).agreed(tolerance=0.3)).all()


def test_the_smaller_residuals_are_preferred_unless_few_tiles_say_so():
    rng = np.random.default_rng(4)
    base = rng.chisquare(10, SHAPE).astype(np.float32)
    assert preferred(base, base, noise=1.0)
    assert preferred(base, base + 1, noise=1.0)
    assert not preferred(base + 1, base, noise=1.0)
    one_tile = base.copy()
    one_tile[:32, :32] += 1e4
    assert preferred(one_tile, base + np.float32(SAMPLES / 10), noise=1.0)
