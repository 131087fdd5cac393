import numpy as np
import pytest
from scipy.ndimage import correlate, gaussian_filter

from napari_fluorodenoise.physics.correlation_map import NEAR, correlation_map
from napari_fluorodenoise.physics.differences import groups
from napari_fluorodenoise.video import Video

BOX = np.full((3, 3), 1 / 9)


def noise(kernel, *, frames=16, size=128, seed=0):
    white = np.random.default_rng(seed).standard_normal((frames, size, size))
    return correlate(white, kernel[None], mode="wrap") / np.sqrt((kernel**2).sum())


def mapped(frames):
    return correlation_map(groups(Video(data=frames)), lambda frame: np.asarray(frame, np.float32))


@pytest.mark.parametrize(("kernel", "expected"), [(np.ones((1, 1)), 0.0), (BOX, 8.0)], ids=["white", "3 x 3 means"])
def test_it_is_the_sum_of_a_pixels_correlations_with_its_neighbours(kernel, expected):
    """Of means over 3 x 3 pixels neighbours (i, j) apart correlate by (3 - |i|)(3 - |j|) / 9: 9 in all, less itself."""
    found = mapped(noise(kernel))
    assert found.shape == (128, 128)
    assert np.median(found) == pytest.approx(expected, abs=0.1 + 0.06 * expected)


def test_a_part_of_the_frame_that_shares_its_noise_is_seen_where_it_lies():
    frames = noise(np.ones((1, 1)), size=160)
    frames[:, :, 80:] = noise(BOX, size=160, seed=1)[:, :, 80:]
    found = mapped(frames)
    assert abs(np.median(found[:, :50])) < 0.2
    assert np.median(found[:, 110:]) > 6


def test_a_scene_that_passes_by_is_not_taken_for_noise():
    scene = 60 * gaussian_filter(np.random.default_rng(2).standard_normal((160, 400)), 2) / 0.14
    views = [scene[:, 100 + 3 * t :][:, :160] for t in range(16)]
    found = mapped(np.stack(views) + noise(np.ones((1, 1)), size=160))
    assert abs(np.median(found)) < 0.3


@pytest.mark.parametrize("frames", [np.full((4, 64, 64), 5.0), np.zeros((4, NEAR, NEAR))], ids=["constant", "tiny"])
def test_without_noise_it_is_zero_and_never_unknown(frames):
    np.testing.assert_array_equal(mapped(frames), 0)
