"""A faint pattern that is not there is found, in its place and of its size; noise that is left over is none."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise import denoise
from napari_fluorodenoise.quality.checks.invented import invented


def dots(shape):
    picture = np.zeros(shape)
    picture[8::24, 8::24] = 1
    picture = gaussian_filter(picture, 1.5)
    return picture / picture.max()


def test_its_place_and_size_are_told(sample):
    found = sample("beating", 20)
    wrong = found.clean.copy()
    wrong[:, 64:128, 64:128] += 80 * np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    check = invented(found.tiles(wrong))
    np.testing.assert_array_equal(np.argwhere(check.picture.values > 0).min(0), [4, 4])
    np.testing.assert_array_equal(np.argwhere(check.picture.values > 0).max(0), [7, 7])
    assert check.numbers["slope"] == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("name", ["beating", "panning, few photons"])
def test_a_pattern_on_a_real_result_is_found(name, sample):
    found = sample(name, 20)
    result = denoise(found.noisy, recipe="fast").numpy().astype(np.float32)
    sigma = np.sqrt(found.phantom.slope * found.clean + found.phantom.read_variance)
    assert invented(found.tiles(result)).verdict == "pass"
    assert invented(found.tiles(result - 2.5 * sigma * dots(result.shape[1:]))).verdict == "fail"


def test_a_line_fainter_than_what_matters_passes(sample):
    found = sample("beating", 20)
    assert invented(found.tiles(found.with_line(0.3))).verdict == "pass"


def test_contrast_that_is_too_strong_is_no_invention(sample):
    found = sample("beating", 20)
    mean = found.clean.mean((1, 2), keepdims=True)
    assert invented(found.tiles(mean + 1.05 * (found.clean - mean))).verdict == "pass"


def test_coarse_grey_levels_are_no_invention(sample):
    found = sample("beating", 20)
    coarse = 64 * np.rint(found.clean / 64)
    own = found.tiles(coarse)
    assert (own.invented - own.rounding).max() < own.invented.max() / 2
    assert invented(own).verdict == "pass"
    assert invented(found.tiles(coarse + found.with_line(5.0) - found.clean)).verdict == "fail"
