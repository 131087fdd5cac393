from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import correlate

from napari_fluorodenoise.physics.differences import BLOCK, Blocks
from napari_fluorodenoise.physics.noise import Line, detrended, planes
from napari_fluorodenoise.physics.response import (
    RADIUS,
    autocorrelation,
    delta,
    fwhm,
    kept_by_detrending,
    lag_mixing,
    response,
    temporal_correlation,
)


def kernel(sigma=0.6):
    axis = np.exp(-(np.arange(-3, 4) ** 2) / (2 * sigma**2))
    return np.outer(axis, axis) / axis.sum() ** 2


def true_autocorrelation(h, read_share=0.0):
    wide = np.pad(h, RADIUS)
    found = correlate(wide, h, mode="constant")[3:-3, 3:-3]
    return (1 - read_share) * found / found.max() + read_share * delta()


def noise_blocks(h, *, number=3000, read_share=0.0, seed=0):
    rng = np.random.default_rng(seed)
    wide = rng.standard_normal((number, BLOCK + 6, BLOCK + 6)).astype(np.float32)
    spread = correlate(wide, h[None].astype(np.float32))[:, 3:-3, 3:-3] / np.sqrt((h**2).sum())
    white = rng.standard_normal(spread.shape)
    noise = np.sqrt(2) * (np.sqrt(1 - read_share) * spread + np.sqrt(read_share) * white)
    motion = rng.random(number)
    return Blocks(noise.astype(np.float32), np.zeros(number), motion, np.full_like(noise, np.nan, np.float32))


UNIT = Line(0.0, 1.0, 1e-6)


@pytest.mark.parametrize("read_share", [0.0, 0.3])
def test_autocorrelation_is_found_from_blocks_without_their_plane(read_share):
    found, reach = autocorrelation(noise_blocks(kernel(), number=8000, read_share=read_share), UNIT)
    assert abs(reach) < 0.003
    expected = true_autocorrelation(kernel(), read_share)
    assert found[RADIUS, RADIUS] == 1
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert found.sum() == pytest.approx(expected.sum(), abs=0.35)


def test_white_noise_is_white():
    np.testing.assert_array_equal(autocorrelation(noise_blocks(np.pad([[1.0]], 3)), UNIT)[0], delta())
    np.testing.assert_array_equal(autocorrelation(noise_blocks(kernel(), number=10), UNIT)[0], delta())


def test_lags_mix_as_brute_force_says():
    size, radius = 5, 1
    basis = planes(size).reshape(3, -1)
    left = np.eye(size**2) - basis.T @ basis
    y, x = np.divmod(np.arange(size**2), size)
    lags = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    pair = {(i, j): (y[None] - y[:, None] == i) & (x[None] - x[:, None] == j) for i, j in lags}
    expected = [[(pair[k] * (left @ pair[m] @ left)).sum() / pair[k].sum() for m in lags] for k in lags]
    np.testing.assert_allclose(lag_mixing(size, radius), expected, atol=1e-12)


def test_share_kept_by_detrending_is_what_detrending_keeps():
    blocks = noise_blocks(kernel(1.0), number=4000)
    kept = (detrended(blocks.difference) ** 2).mean() / (blocks.difference**2).mean()
    assert kept_by_detrending(true_autocorrelation(kernel(1.0))) == pytest.approx(kept, abs=0.01)
    assert kept_by_detrending(delta()) == pytest.approx(1 - 3 / BLOCK**2)


@pytest.mark.parametrize("read_share", [0.0, 0.3])
def test_response_leaves_the_read_noise_out(read_share):
    found = response(true_autocorrelation(kernel(0.5), read_share), read_share=read_share)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found[3:-3, 3:-3], kernel(0.5), atol=0.01)


def test_response_to_white_noise_is_one_pixel():
    np.testing.assert_array_equal(response(delta(), read_share=0.2), delta())


@pytest.mark.parametrize("lag", [0.0, 0.2])
def test_lag_between_frames_is_found(lag):
    rng = np.random.default_rng(0)
    fresh = rng.standard_normal((3, 2000, BLOCK, BLOCK)).astype(np.float32)
    frames = [fresh[0]]
    for new in fresh[1:]:
        frames.append(lag * frames[-1] + np.sqrt(1 - lag**2) * new)
    still = SimpleNamespace(motion=rng.random(2000), mean=np.zeros(2000))
    blocks = Blocks(frames[0] - frames[1], still.mean, still.motion, frames[1] - frames[2])
    correlation, error = temporal_correlation(blocks, UNIT)
    assert correlation == pytest.approx(lag, abs=0.02)
    assert 0.002 < error < 0.01


@pytest.mark.parametrize("sigma", [0.8, 1.5, 2.5])
def test_the_width_of_a_gaussian(sigma):
    axis = np.arange(-12, 13)
    profile = np.exp(-(axis**2) / (2 * sigma**2))
    assert fwhm(np.outer(profile, profile)) == pytest.approx(2.3548 * sigma, rel=0.05)
