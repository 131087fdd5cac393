"""The noise of tiles in the cosine basis, against noise that was made."""

import numpy as np
import pytest
from scipy.fft import dctn
from scipy.ndimage import convolve

from napari_fluorodenoise.physics.detector import Detector
from napari_fluorodenoise.quality.spectrum import DETAIL, FREQUENCY, SIZE, SLOW, Noise, mean_frequency, profile

KERNEL = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
READ, SLOPE, LEVEL = 40.0, 2.0, 100.0


def detector():
    """Quanta blurred by KERNEL, and white read noise: at LEVEL 200 and 40 of the variance."""
    own = np.zeros((13, 13))
    own[4:9, 4:9] = np.outer(*2 * [np.convolve([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])])
    own /= own[6, 6]
    delta = np.zeros_like(own)
    delta[6, 6] = 1
    share = READ / (SLOPE * LEVEL + READ)
    return Detector(
        slope=SLOPE,
        read_variance=READ,
        floor=1e-3,
        level=LEVEL,
        autocorrelation=(1 - share) * own + share * delta,
        response=KERNEL,
        field=np.ones((256, 256), bool),
        slope_error=0.02,
        read_variance_error=3.0,
    )


@pytest.mark.parametrize("mean", [20.0, 100.0, 500.0])
def test_the_variance_of_every_coefficient_at_any_intensity(mean):
    rng = np.random.default_rng(0)
    quanta = convolve(rng.standard_normal((40, 256, 256)), KERNEL[None], mode="wrap")
    noise = np.sqrt(SLOPE * mean / (KERNEL**2).sum()) * quanta + np.sqrt(READ) * rng.standard_normal(quanta.shape)
    blocks = noise.reshape(40, 16, SIZE, 16, SIZE)
    measured = (dctn(blocks, axes=(2, 4), norm="ortho") ** 2).mean((0, 1, 3))
    expected = Noise.of(detector()).variance(np.full((1, 1), mean))[0, :, 0]
    error = measured * np.sqrt(2 / (40 * 256))
    assert np.abs((measured - expected) / error).max() < 5


def test_the_uncertainty_is_that_of_the_line():
    noise = Noise.of(detector())
    assert noise.uncertainty(np.array(100.0)) == pytest.approx(np.hypot(2.0, 3.0) / 240)


def test_bands_leave_out_brightness():
    assert not DETAIL[:2, :2].any()
    assert DETAIL.sum() == SIZE**2 - 4
    assert (FREQUENCY[SLOW] <= 1 / 8).all()
    assert (SLOW <= DETAIL).all()


def test_the_mean_frequency():
    one = np.zeros((SIZE, SIZE))
    assert np.isnan(mean_frequency(one))
    one[0, 8] = 3.0
    assert mean_frequency(one) == pytest.approx(0.25)
    one[0, 0] = 1e6  # brightness is no frequency
    assert mean_frequency(one) == pytest.approx(0.25)


def test_a_flat_spectrum_has_a_flat_profile():
    frequency, level = profile(np.full((SIZE, SIZE), 2.0))
    np.testing.assert_array_equal(level, 2.0)
    assert (np.diff(frequency) > 0).all()
    assert 1 / SIZE < frequency[0] < frequency[-1] < 0.5
