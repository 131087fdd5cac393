"""Measures of regions against values that can be worked out by hand."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.quality import cnr, entropy, reblur, snr


def test_the_entropy_of_known_histograms():
    assert entropy(np.full((8, 8), 3.0)) == 0
    assert entropy(np.arange(256, dtype=np.uint8)) == pytest.approx(8)
    assert entropy(np.arange(256) / 7, bins=4) == pytest.approx(2)
    assert entropy(np.array([0.0, 0.0, 0.0, 1.0])) == pytest.approx(0.25 * 2 + 0.75 * np.log2(4 / 3))


def test_the_entropy_within_stated_limits():
    values = np.linspace(0, 1, 1024)
    assert entropy(values, limits=(0, 2)) == pytest.approx(7, abs=0.02)
    assert entropy(values, limits=(-2, -1)) == 0


def test_grey_levels_of_nan_are_refused():
    with pytest.raises(ValueError, match="finite pixels to count grey levels of"):
        entropy(np.array([1.0, np.nan]))


def test_snr_is_mean_over_deviation_whatever_the_sign():
    values = np.array([[1.0, 3.0], [1.0, 3.0]])
    assert snr(values) == pytest.approx(2 / np.sqrt(4 / 3))
    assert snr(-values) == snr(values)
    assert snr(np.uint16(values)) == snr(values)


def test_cnr_is_the_difference_in_deviations():
    rng = np.random.default_rng(0)
    one, other = rng.normal(5, 1, 200_000), rng.normal(2, 3, (400, 500))
    assert cnr(one, background=other) == pytest.approx(3 / np.sqrt((1 + 9) / 2), rel=0.02)
    assert cnr(other, background=one) == cnr(one, background=other)


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0]])
def test_what_does_not_vary_has_no_ratio(values):
    assert np.isnan(snr(np.array(values)))
    assert np.isnan(cnr(np.array(values), background=np.array([3.0, 3.0])))


def test_reblur_rises_with_blur_and_falls_with_noise():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (96, 96))
    widths = [reblur(gaussian_filter(noise, sigma)) for sigma in (0, 1, 2, 4)]
    assert widths == sorted(widths)
    assert 0 < widths[0] < 0.2
    assert widths[-1] < 1
    smooth = gaussian_filter(noise, 4)
    assert reblur(smooth + 0.1 * noise * smooth.std()) < widths[-1]


def test_reblur_is_blind_to_units():
    frame = np.random.default_rng(1).integers(0, 4000, (48, 48)).astype(np.uint16)
    assert reblur(frame * 1e-9 + 5e-9) == pytest.approx(reblur(frame))
    assert np.isnan(reblur(np.full((48, 48), 7)))
