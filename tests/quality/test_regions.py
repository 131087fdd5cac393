"""Measures of regions against values that can be worked out by hand."""

import numpy as np
import pytest

from napari_fluorodenoise.quality import cnr, entropy, snr


def test_the_entropy_of_known_histograms():
    assert entropy(np.full((8, 8), 3.0)) == 0
    assert entropy(np.arange(256, dtype=np.uint8)) == pytest.approx(8)
    assert entropy(np.arange(256) / 7, bins=4) == pytest.approx(2)
    assert entropy(np.array([0.0, 0.0, 0.0, 1.0])) == pytest.approx(0.25 * 2 + 0.75 * np.log2(4 / 3))


def test_the_entropy_within_stated_limits():
    values = np.linspace(0, 1, 1024)
    assert entropy(values, limits=(0, 2)) == pytest.approx(7, abs=0.02)
    assert entropy(values, limits=(-2, -1)) == 0


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
