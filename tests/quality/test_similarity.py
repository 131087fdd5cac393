"""Scores against values that can be worked out by hand, and against scikit-image."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_fluorodenoise.quality import gradient_rmse, psnr, scores, ssim, temporal_psnr


@pytest.fixture
def truth():
    return np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)


def test_scores_against_known_values(truth):
    found, _ = scores(truth + 0.1, truth=truth)
    assert found == pytest.approx(20 + 20 * np.log10(np.ptp(truth)), abs=1e-3)
    assert scores(truth + 1e-5, truth=truth)[1] == pytest.approx(1, abs=1e-6)


def test_the_range_may_be_stated(truth):
    assert scores(truth + 0.1, truth=truth, data_range=2.0)[0] == pytest.approx(20 + 20 * np.log10(2), abs=1e-3)


def test_psnr_is_that_of_scikit_image(truth):
    noisy = truth + np.random.default_rng(1).normal(0, 0.05, truth.shape).astype(np.float32)
    expected = peak_signal_noise_ratio(truth, noisy, data_range=1.0)
    assert psnr(noisy, truth=truth, data_range=1.0) == pytest.approx(expected, abs=1e-4)
    assert psnr(np.uint16(1000 * truth), truth=np.uint16(1000 * truth)) == np.inf


def test_ssim_has_the_window_of_its_paper(truth):
    """Wang et al. 2004 at one pixel: an 11 x 11 Gaussian of sigma 1.5, with the sample covariance of scikit-image."""
    noisy = truth + np.random.default_rng(1).normal(0, 0.2, truth.shape).astype(np.float32)
    weight = np.exp(-np.square(np.arange(-5, 6)) / 4.5)
    weight = np.outer(weight, weight) / weight.sum() ** 2
    values = []
    for a, b in zip(truth, noisy, strict=True):
        for y, x in np.ndindex(22, 22):
            p, q = a[y : y + 11, x : x + 11], b[y : y + 11, x : x + 11]
            m, n = (weight * p).sum(), (weight * q).sum()
            pairs = ((p - m, p - m), (q - n, q - n), (p - m, q - n))
            vp, vq, c = (121 / 120 * (weight * i * j).sum() for i, j in pairs)
            values.append((2 * m * n + 1e-4) * (2 * c + 9e-4) / ((m * m + n * n + 1e-4) * (vp + vq + 9e-4)))
    assert ssim(noisy, truth=truth, data_range=1.0) == pytest.approx(np.mean(values), abs=1e-5)


def test_an_offset_does_not_drown_what_is_compared(truth):
    """Above an offset of many ranges, float32 has no digits left for local variances."""
    noisy = truth + np.random.default_rng(1).normal(0, 0.2, truth.shape).astype(np.float32)
    high, low = (np.rint(1000 * x).astype(np.float32) + 1e6 for x in (truth, noisy))
    expected = [
        structural_similarity(
            a.astype(np.float64), b.astype(np.float64), data_range=1000, gaussian_weights=True, sigma=1.5
        )
        for a, b in zip(high, low, strict=True)
    ]
    assert ssim(low, truth=high, data_range=1000) == pytest.approx(np.mean(expected), abs=1e-6)


def test_the_range_of_signed_integers_is_no_negative_one():
    truth = np.array([-32768, 32767, 0, 0], np.int16).reshape(1, 2, 2)
    assert psnr(truth - np.int16([[[0, 1], [0, 0]]]), truth=truth) == pytest.approx(20 * np.log10(65535 * 2), abs=1e-3)


def test_gradients_of_known_errors(truth):
    rng = np.random.default_rng(2)
    assert gradient_rmse(truth + 3, truth=truth) == pytest.approx(0, abs=1e-5)
    ramp = 0.5 * np.arange(32)[:, None] + 0.25 * np.arange(32)
    assert gradient_rmse(truth + ramp, truth=truth) == pytest.approx(np.hypot(0.5, 0.25), abs=1e-5)
    checkers = np.indices((32, 32)).sum(axis=0) % 2
    assert gradient_rmse(truth + checkers, truth=truth) == pytest.approx(np.sqrt(2), abs=1e-5)
    noise = rng.normal(0, 0.1, (40, 64, 64))
    assert gradient_rmse(noise, truth=np.zeros_like(noise)) == pytest.approx(0.2, rel=0.01)


def test_only_what_changes_from_frame_to_frame_counts_in_time():
    rng = np.random.default_rng(3)
    truth = rng.random((40, 32, 32))
    noise = rng.normal(0, 0.1, truth.shape)
    below = psnr(truth + noise, truth=truth) - temporal_psnr(truth + noise, truth=truth)
    assert below == pytest.approx(10 * np.log10(2), abs=0.1)
    assert temporal_psnr(truth + noise[0], truth=truth) > 100
    late = np.concatenate([truth[:1], truth[:-1]])
    assert temporal_psnr(late, truth=truth) < psnr(late, truth=truth) - 3


@pytest.mark.parametrize("measure", [psnr, ssim, gradient_rmse, temporal_psnr])
def test_what_cannot_be_compared_is_refused(measure, truth):
    with pytest.raises(ValueError, match=r"one shape \(T, Y, X\), found \(3, 32, 31\) and \(3, 32, 32\)"):
        measure(truth[..., 1:], truth=truth)
    with pytest.raises(ValueError, match="finite pixels in frames"):
        measure(np.where(truth > 0.5, np.nan, truth), truth=truth)
    with pytest.raises(ValueError, match="finite pixels in the truth"):
        measure(truth, truth=np.where(truth > 0.5, np.inf, truth))


@pytest.mark.parametrize("measure", [psnr, ssim, temporal_psnr])
def test_a_range_is_needed(measure, truth):
    with pytest.raises(ValueError, match="found a truth that is even"):
        measure(truth, truth=np.zeros_like(truth))
    with pytest.raises(ValueError, match="data range above 0, found -1"):
        measure(truth, truth=truth, data_range=-1.0)


def test_too_little_is_refused(truth):
    with pytest.raises(ValueError, match="at least two frames"):
        temporal_psnr(truth[:1], truth=truth[:1])
    with pytest.raises(ValueError, match="11 x 11 pixels or more"):
        ssim(truth[:, :10], truth=truth[:, :10])
