import numpy as np
import pytest
from scipy.ndimage import correlate

from napari_fluorodenoise.physics.differences import BLOCK, Blocks
from napari_fluorodenoise.physics.noise import Bins, Line, detrended, planes
from napari_fluorodenoise.physics.response import (
    RADIUS,
    autocorrelation,
    delta,
    fwhm,
    kept_by_detrending,
    lag_mixing,
    noise_power_spectrum,
    response,
    undetrended,
)
from napari_fluorodenoise.primitives.spectra import root, transfer


def kernel(sigma=0.6):
    axis = np.exp(-(np.arange(-3, 4) ** 2) / (2 * sigma**2))
    return np.outer(axis, axis) / axis.sum() ** 2


def true_autocorrelation(h, read_share=0.0):
    wide = np.pad(h, RADIUS)
    found = correlate(wide, h, mode="constant")[3:-3, 3:-3]
    return (1 - read_share) * found / found.max() + read_share * delta()


def noise(h, *, number=3000, read_share=0.0, seed=0):
    """Blocks of differences of noise behind the response `h`, and the generator that made them."""
    rng = np.random.default_rng(seed)
    wide = rng.standard_normal((number, BLOCK + 6, BLOCK + 6)).astype(np.float32)
    spread = correlate(wide, h[None].astype(np.float32))[:, 3:-3, 3:-3] / np.sqrt((h**2).sum())
    white = rng.standard_normal(spread.shape)
    made = np.sqrt(2) * (np.sqrt(1 - read_share) * spread + np.sqrt(read_share) * white)
    return made.astype(np.float32), rng


def noise_blocks(h, *, number=3000, read_share=0.0, seed=0):
    made, rng = noise(h, number=number, read_share=read_share, seed=seed)
    return Blocks.of(made, np.zeros(number), rng.random(number), np.full_like(made, np.nan))


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
    made, _ = noise(kernel(1.0), number=4000)
    kept = (detrended(made) ** 2).mean() / (made**2).mean()
    assert kept_by_detrending(true_autocorrelation(kernel(1.0))) == pytest.approx(kept, abs=0.01)
    assert kept_by_detrending(delta()) == pytest.approx(1 - 3 / BLOCK**2)


@pytest.mark.parametrize("read_share", [0.0, 0.3])
def test_response_leaves_the_read_noise_out(read_share):
    found = response(true_autocorrelation(kernel(0.5), read_share), read_share=read_share)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found[3:-3, 3:-3], kernel(0.5), atol=0.01)


def test_response_to_white_noise_is_one_pixel():
    np.testing.assert_array_equal(response(delta(), read_share=0.2), delta())


@pytest.mark.parametrize("sigma", [0.8, 1.5, 2.5])
def test_the_width_of_a_gaussian(sigma):
    axis = np.arange(-12, 13)
    profile = np.exp(-(axis**2) / (2 * sigma**2))
    assert fwhm(np.outer(profile, profile)) == pytest.approx(2.3548 * sigma, rel=0.05)


@pytest.mark.parametrize("read_share", [0.1, 0.3])
def test_what_whitens_holds_the_read_noise_and_the_response_does_not(read_share):
    lags = true_autocorrelation(kernel(0.6), read_share)
    whitening, blur = root(lags), response(lags, read_share=read_share)
    size = (48, 48)
    quanta = transfer(blur, size) ** 2
    both = (1 - read_share) * quanta / quanta.sum() * 48 * 25 + read_share
    np.testing.assert_allclose(transfer(whitening, size) ** 2 / both * both[0, 0], 1, rtol=0.04)
    assert fwhm(blur) > 1.03 * fwhm(whitening)
    assert blur.sum() == pytest.approx(whitening.sum()) == pytest.approx(1)
    np.testing.assert_allclose(response(lags, read_share=0.0), whitening, atol=1e-12)


def test_read_noise_cannot_exceed_what_the_spectrum_leaves():
    lags = true_autocorrelation(kernel(0.6), 0.1)
    least = transfer(lags, (64, 64)).min()
    np.testing.assert_array_equal(response(lags, read_share=0.9), response(lags, read_share=least))


@pytest.mark.parametrize("read_share", [0.0, 0.3])
@pytest.mark.parametrize(("variance", "pixel_size"), [(1.0, (1.0, 1.0)), (40.0, (0.3, 0.2))])
def test_the_mean_of_the_noise_power_spectrum_is_the_variance_times_the_area(read_share, variance, pixel_size):
    lags = true_autocorrelation(kernel(), read_share)
    found = noise_power_spectrum(lags, variance=variance, pixel_size=pixel_size)
    area = pixel_size[0] * pixel_size[1]
    assert found.shape == (64, 64)
    assert found.mean() == pytest.approx(variance * area)
    assert found[32, 32] == pytest.approx(found.max()) == pytest.approx(variance * area * lags.sum())
    np.testing.assert_allclose(found[1:, 1:], found[:0:-1, :0:-1], rtol=1e-9)
    white = noise_power_spectrum(delta(), variance=variance, pixel_size=pixel_size, size=32)
    np.testing.assert_allclose(white, variance * area)


def test_the_spectrum_is_that_of_an_ensemble_of_noise():
    rng = np.random.default_rng(0)
    noise = (
        3 * correlate(rng.standard_normal((400, 64, 64)), kernel()[None], mode="wrap") / np.sqrt((kernel() ** 2).sum())
    )
    ensemble = np.fft.fftshift((np.abs(np.fft.fft2(noise)) ** 2).mean(0) / 64**2)
    stated = noise_power_spectrum(true_autocorrelation(kernel()), variance=9.0)
    assert np.median(np.abs(ensemble / stated - 1)) < 0.06


def test_read_noise_loses_less_to_detrending_than_quanta_do():
    slope, read, level, h = 5.0, 900.0, 300.0, kernel(1.0)
    share = read / (slope * level + read)
    white = kept_by_detrending(delta())
    quanta = kept_by_detrending(true_autocorrelation(h))
    seen = Line(slope * quanta, read * white, 1.0, errors=(0.1, 10.0), bins=Bins(*np.ones((3, 4))))
    whole = undetrended(seen, true_autocorrelation(h, share), intensity=level)
    assert whole.slope == pytest.approx(slope, rel=1e-9)
    assert whole.read_variance == pytest.approx(read, rel=1e-6)
