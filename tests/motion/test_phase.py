"""Large shifts are found in noise and on smooth pictures, where plain phase correlation is lost."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

from napari_fluorodenoise.motion.band import band_passed
from napari_fluorodenoise.motion.phase import dense_flow, phase_shift

SIDE = 128


def pair(by, *, smooth, noise, seed):
    """(fixed, moving), band-passed, with fixed(x) = moving(x + by) but for the noise, each of which has its own."""
    rng = np.random.default_rng(seed)
    scene = gaussian_filter(rng.standard_normal((3 * SIDE, 3 * SIDE)), smooth)
    scene /= scene.std()
    starts = np.array([SIDE, SIDE]), np.array([SIDE, SIDE]) - by
    cut = [scene[row : row + SIDE, column : column + SIDE] for row, column in starts]
    return [band_passed(part + noise * rng.standard_normal(part.shape)) for part in cut]


CASES = [((0, 0), 3, 0.5), ((12, -9), 3, 1.0), ((-42, 20), 3, 0.5), ((38, -40), 3, 1.0), ((-5, -41), 4, 0.0)]


@pytest.mark.parametrize(("by", "smooth", "noise"), CASES)
def test_a_shift_of_up_to_a_third_is_found(by, smooth, noise):
    fixed, moving = pair(by, smooth=smooth, noise=noise, seed=1)
    np.testing.assert_allclose(phase_shift(fixed, moving), by, atol=1.5)


def test_it_finds_more_than_plain_phase_correlation():
    rng = np.random.default_rng(5)
    ours, plain = 0, 0
    for seed in range(10):
        by = rng.integers(-SIDE // 3, SIDE // 3 + 1, 2)
        fixed, moving = pair(by, smooth=3, noise=1.0, seed=seed)
        ours += np.abs(phase_shift(fixed, moving) - by).max() < 2
        plain += np.abs(-phase_cross_correlation(fixed, moving)[0] - by).max() < 2
    assert ours == 10
    assert plain <= 5


def test_the_flow_is_the_same_everywhere():
    fixed, moving = pair((7, -4), smooth=3, noise=0.0, seed=2)
    flow = dense_flow(fixed, moving)
    np.testing.assert_array_equal(flow, np.broadcast_to(flow[0, 0], flow.shape))
    np.testing.assert_allclose(flow[0, 0], (7, -4), atol=0.5)
