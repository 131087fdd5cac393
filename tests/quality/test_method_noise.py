import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate2d

import napari_fluorodenoise as fd
from napari_fluorodenoise.quality import (
    gradient_correlation,
    measured_power_spectrum,
    peak_frequency,
    residual_autocorrelation,
    variance_ratio,
    whitened_residual,
)


@pytest.fixture(scope="module")
def scene():
    """Noisy frames, their truth, and the detector as it was measured on others."""
    made = fd.phantom(frames=16, shape=(128, 128), photons=100, rng=1)
    other = fd.phantom(frames=24, shape=(192, 192), photons=100, rng=2)
    return made.noisy.numpy().astype(np.float32), made.clean, fd.measure(other.noisy)


def test_the_autocorrelation_is_the_textbook_s():
    values = np.random.default_rng(0).normal(2, 1, (2, 9, 11))
    found = residual_autocorrelation(values, radius=3)
    values = values - values.mean()
    sums = sum(correlate2d(frame, frame) for frame in values)
    overlap = 2 * correlate2d(np.ones((9, 11)), np.ones((9, 11)))
    means = (sums / overlap)[8 - 3 : 8 + 4, 10 - 3 : 10 + 4]
    np.testing.assert_allclose(found, means / means[3, 3], atol=1e-10)


def test_noise_that_was_taken_away_is_white_and_of_unit_variance(scene):
    noisy, clean, detector = scene
    residual = whitened_residual(noisy, denoised=clean, detector=detector)
    assert residual.var() == pytest.approx(1, abs=0.06)
    found = residual_autocorrelation(residual)
    found[6, 6] = 0
    assert np.abs(found).max() < 0.04
    raw = residual_autocorrelation((noisy - clean) / np.sqrt(detector.variance(clean)))
    assert raw[6, 7] > 0.2


def test_the_variance_lies_on_the_line_for_the_truth_and_under_it_where_noise_is_left(scene):
    noisy, clean, detector = scene
    level, ratio, error = variance_ratio(noisy, denoised=clean, detector=detector, bins=8)
    assert (np.diff(level) > 0).all()
    assert np.abs(ratio - 1).max() < 0.08
    assert error.max() < 0.03
    _, half, _ = variance_ratio(noisy, denoised=(noisy + clean) / 2, detector=detector, bins=8)
    assert half.mean() == pytest.approx(0.25, abs=0.03)


def test_the_error_of_the_ratio_is_that_of_its_spread(scene):
    _, clean, detector = scene
    flat = np.full((1, 64, 64), clean.mean(), np.float64)
    rng, found = np.random.default_rng(3), []
    for _ in range(60):
        white = rng.normal(0, np.sqrt(detector.variance(flat)))
        noise = np.fft.ifft2(np.fft.fft2(white[0]) * _amplitude(detector, (64, 64))).real
        found.append(variance_ratio(flat + noise, denoised=flat, detector=detector, bins=1))
    ratios, errors = np.array([[r[0], e[0]] for _, r, e in found]).T
    assert errors.mean() == pytest.approx(ratios.std(ddof=1), rel=0.35)


def _amplitude(detector, shape):
    spectrum = np.zeros(shape)
    size = detector.autocorrelation.shape[0]
    spectrum[:size, :size] = detector.autocorrelation
    spectrum = np.fft.fft2(np.roll(spectrum, (-(size // 2), -(size // 2)), (0, 1))).real
    return np.sqrt(np.maximum(spectrum, 0) / np.maximum(spectrum, 0).mean())


def test_white_noise_has_its_variance_at_every_frequency():
    noise = np.random.default_rng(4).normal(0, 3, (40, 128, 128))
    frequency, power = measured_power_spectrum(noise, pixel_size=0.2)
    assert frequency[-1] == pytest.approx(2.5, rel=0.02)
    np.testing.assert_allclose(power, 9 * 0.04, rtol=0.08)


def test_the_spectrum_of_blurred_noise_is_that_of_the_blur_and_peaks_where_it_should():
    noise = np.random.default_rng(5).normal(0, 1, (60, 128, 128))
    frequency, power = measured_power_spectrum(gaussian_filter(noise, (0, 1.5, 1.5), mode="wrap"))
    np.testing.assert_allclose(power[1:15], np.exp(-((2 * np.pi * 1.5 * frequency[1:15]) ** 2)), rtol=0.1, atol=0.005)
    assert peak_frequency(frequency, power) == pytest.approx(1 / (2 * np.pi * 1.5 * np.sqrt(2)), abs=0.025)
    assert peak_frequency(*measured_power_spectrum(noise)) > 0.4


def test_only_a_smoother_takes_more_away_at_edges(scene):
    noisy, clean, detector = scene
    smooth = gaussian_filter(noisy, (0, 3, 3))
    for denoised, least, most in ((clean, -0.02, 0.02), (smooth, 0.05, 1)):
        residual = whitened_residual(noisy, denoised=denoised, detector=detector)
        value, error = gradient_correlation(residual, denoised=denoised)
        assert least < value < most
        if denoised is clean:
            assert abs(value) < 5 * error


def test_what_cannot_be_told_is_refused_or_nan(scene):
    noisy, clean, detector = scene
    with pytest.raises(ValueError, match="of one shape"):
        whitened_residual(noisy, denoised=clean[:, :-1], detector=detector)
    broken = clean.copy()
    broken[3, 0, 0] = np.nan
    with pytest.raises(ValueError, match="the result, found NaN or infinity in frame 3"):
        variance_ratio(noisy, denoised=broken, detector=detector)
    with pytest.raises(ValueError, match="larger than the radius"):
        residual_autocorrelation(noisy[:, :4], radius=6)
    with pytest.raises(ValueError, match="at least 256 x 256 pixels"):
        measured_power_spectrum(noisy, side=256)
    with pytest.raises(ValueError, match="found NaN or infinity in frame 3"):
        measured_power_spectrum(broken)
    with pytest.raises(ValueError, match="the result is the sequence itself"):
        residual_autocorrelation(np.zeros_like(noisy))
    assert np.isnan(gradient_correlation(noisy - noisy, denoised=noisy)[0])
    assert np.isnan(gradient_correlation(noisy, denoised=np.ones_like(noisy))[0])
