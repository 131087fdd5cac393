"""The Wiener filter removes noise of the spectrum it is told, keeps the rest, and says how much is left."""

import numpy as np
import pytest
from scipy.ndimage import convolve

from napari_fluorodenoise.denoisers.wiener import SIZE, wiener
from napari_fluorodenoise.primitives.dct import deviation

BLUR = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
WHITE = deviation(np.ones((1, 1)), size=SIZE)


def scene(shape=(96, 96)):
    rows, columns = np.indices(shape)
    wire = -4 * np.exp(-((columns - 0.4 * rows - 20) ** 2) / 4)
    return (10 * np.sin(rows / 25) + 8 * np.cos(columns / 20) + wire).astype(np.float32)


def coloured(noise):
    return (convolve(noise, BLUR) / np.sqrt((BLUR**2).sum())).astype(np.float32)


def correlation():
    padded = np.pad(BLUR, 2) / np.sqrt((BLUR**2).sum())
    return np.array([[np.sum(padded * np.roll(padded, (r, c), (0, 1))) for c in range(-2, 3)] for r in range(-2, 3)])


def test_without_noise_the_picture_stays():
    clean, left = wiener(scene(), deviation=WHITE, variance=np.full((96, 96), 1e-8, np.float32))
    np.testing.assert_allclose(clean, scene(), atol=1e-3)
    assert left.max() < 2e-8


def test_pure_noise_leaves_next_to_nothing():
    noise = np.random.default_rng(0).standard_normal((128, 128)).astype(np.float32)
    clean, _ = wiener(noise, deviation=WHITE, variance=np.ones_like(noise), keep_mean=False)
    assert clean.std() < 0.15  # 2 % of the power: what exceeds the threshold by chance


@pytest.mark.parametrize("step", [2, 4, 8])
def test_the_error_left_is_about_what_is_said(step):
    noise = np.random.default_rng(1).standard_normal((96, 96)).astype(np.float32)
    clean, left = wiener(scene() + noise, deviation=WHITE, variance=np.ones_like(noise), step=step)
    error = np.mean((clean - scene()) ** 2)
    assert error < 0.1
    assert 0.4 < left.mean() / error < 2.5


def test_correlated_noise_needs_its_spectrum():
    noise = coloured(np.random.default_rng(2).standard_normal((96, 96)))
    told, untold = (
        wiener(scene() + noise, deviation=spectrum, variance=np.ones_like(noise))[0]
        for spectrum in (deviation(correlation(), size=SIZE), WHITE)
    )
    assert np.mean((told - scene()) ** 2) < 0.6 * np.mean((untold - scene()) ** 2)


def test_a_variance_map_weighs_as_the_noise_does():
    variance = np.ones((96, 96), np.float32)
    variance[:, 48:] = 16
    noise = np.sqrt(variance) * np.random.default_rng(3).standard_normal((96, 96)).astype(np.float32)
    clean, left = wiener(noise, deviation=WHITE, variance=variance, keep_mean=False)
    assert clean.std() < 0.4
    assert left[:, 72:].mean() == pytest.approx(16 * left[:, :24].mean(), rel=0.3)


def test_a_pictures_mean_is_never_touched():
    flat = np.full((64, 64), 0.2, np.float32)
    clean, _ = wiener(flat, deviation=WHITE, variance=np.ones_like(flat))
    np.testing.assert_allclose(clean, 0.2, atol=1e-5)


def test_the_input_is_not_modified():
    picture = scene()
    wiener(picture, deviation=WHITE, variance=np.ones_like(picture))
    np.testing.assert_array_equal(picture, scene())
