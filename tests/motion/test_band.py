"""Noise and brightness leave little in the band, and how much noise is left is known beforehand."""

import cv2
import numpy as np
import pytest
from scipy.signal import convolve2d

from napari_fluorodenoise.motion.band import band_noise, band_passed, reduced


@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize(
    "kernel", [[[1.0]], [[1.0, 2, 1], [2, 4, 2], [1, 2, 1]], [[0.0, -1, 0], [-1, 6, -1], [0, -1, 0]]]
)
def test_the_noise_that_is_left_is_foretold(kernel, factor):
    kernel = np.array(kernel) / np.linalg.norm(kernel)
    side = 512 * factor
    white = np.random.default_rng(0).standard_normal((side, side), dtype=np.float32)
    noise = cv2.filter2D(white, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)
    left = band_passed(reduced(noise, factor))[32:-32, 32:-32]
    autocorrelation = convolve2d(kernel, kernel[::-1, ::-1])
    assert band_noise(autocorrelation, factor=factor) == pytest.approx(left.var(), rel=0.08)


def test_brightness_and_slow_shading_are_left_out():
    rows, columns = np.mgrid[:96, :96]
    assert np.abs(band_passed(np.full((96, 96), 500.0))).max() < 1e-3
    shaded = band_passed(100 + 0.5 * rows + 0.2 * columns)
    assert np.abs(shaded[33:-33, 33:-33]).max() < 1e-3


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_reduction_averages_squares_and_cuts_off_the_rest(factor):
    image = np.random.default_rng(1).random((13, 17), dtype=np.float32)
    rows, columns = 13 // factor, 17 // factor
    squares = image[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    np.testing.assert_allclose(reduced(image, factor), squares.mean(axis=(1, 3)), rtol=1e-5)


def test_a_picture_smaller_than_the_factor_keeps_one_pixel():
    assert reduced(np.ones((2, 9), np.float32), 4).shape == (1, 2)
