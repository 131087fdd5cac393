"""Observers against what theory says of known signals in white noise, and against filters that lose nothing."""

import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import ImagingChain
from napari_fluorodenoise.quality import detectability, hotelling, laguerre_gauss

IDEAL = ImagingChain(scintillator=None, electronics=None)


def drawn(shift, *, count, rng):
    """Samples with and without a signal `shift` in white noise of variance 1."""
    return rng.normal(0, 1, (count, len(shift))) + shift, rng.normal(0, 1, (count, len(shift)))


def test_the_index_is_that_of_theory_and_without_bias():
    shift = np.array([0.5, 0.0, -0.3, 0.2, 0.0, 0.1])
    rng = np.random.default_rng(0)
    squares = []
    for _ in range(1500):
        present, absent = drawn(shift, count=30, rng=rng)
        pooled = (np.cov(present.T) + np.cov(absent.T)) / 2
        change = present.mean(axis=0) - absent.mean(axis=0)
        plain = change @ np.linalg.inv(pooled) @ change
        squares.append((plain, hotelling(present, absent=absent) ** 2))
    plain, unbiased = np.mean(squares, axis=0)
    error = np.std(squares, axis=0)[1] / np.sqrt(1500)
    true = shift @ shift
    assert plain > true + 10 * error
    # values below 0 count as 0, which lifts the mean a little
    assert -3 * error < unbiased - true < 0.02 + 3 * error


def test_an_invertible_filter_loses_nothing():
    rng = np.random.default_rng(1)
    present, absent = drawn(rng.normal(0, 0.2, 64), count=400, rng=rng)
    blur = np.eye(64) + 0.4 * np.eye(64, k=1) + 0.3 * np.eye(64, k=-1)
    before = hotelling(present, absent=absent)
    assert hotelling(present @ blur.T, absent=absent @ blur.T) == pytest.approx(before)
    kept = present[:, ::2], absent[:, ::2]  # half of the pixels are gone: that filter has no inverse
    assert hotelling(kept[0], absent=kept[1]) < 0.9 * before


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="at least 12 samples of 8 values, found 10"):
        hotelling(np.zeros((5, 8)), absent=np.zeros((5, 8)))
    with pytest.raises(ValueError, match="24 x 24 pixels or more, found a size of 20"):
        found(lambda video: video, size=20)


def test_channels_are_orthonormal_and_the_first_is_the_bead():
    channels = laguerre_gauss((96, 96), count=5, width=12.0).reshape(5, -1)
    np.testing.assert_allclose(channels @ channels.T, np.eye(5), atol=1e-6)
    y, x = np.indices((96, 96)) - 47.5
    bead = np.exp(-np.pi * (y**2 + x**2) / 12.0**2).ravel()
    assert channels[0] @ bead == pytest.approx(np.linalg.norm(bead))


def found(denoise, *, seed=0, **settings):
    given = {"contrast": 0.05, "photons": 200.0, "rng": np.random.default_rng(seed), "chain": IDEAL, "repeats": 12}
    return detectability(denoise, **{**given, **settings})


def test_raw_frames_have_the_index_of_white_noise():
    offset = np.arange(24) - 11.5
    bead = 0.05 * np.exp(-(offset[:, None] ** 2 + offset**2) / 8)
    signal, variance = -200 * np.expm1(-bead), 100 * (1 + np.exp(-bead))
    true = np.sqrt((signal**2 / variance).sum())
    several = [found(lambda video: video, seed=seed, frames=1) for seed in range(8)]
    values, errors = np.array([(one.raw, one.raw_error) for one in several]).T
    assert abs(values.mean() - true) < 3.5 * np.sqrt(np.square(errors).sum()) / 8
    assert values.std(ddof=1) < 2 * errors.mean()
    assert all(one.gain == pytest.approx(1) for one in several)


def test_a_mean_in_time_finds_more_and_a_threshold_less():
    def mean(video):
        return video.with_data(np.broadcast_to(video.numpy().mean(axis=0), video.shape))

    def threshold(video):
        """Nothing but what stands out by three standard deviations."""
        frames = video.numpy()
        return video.with_data(np.where(np.abs(frames - 200) > 3 * np.sqrt(200), frames, 200))

    averaged = found(mean, frames=4)
    assert abs(averaged.gain - 2) < 4 * averaged.gain_error < 1
    assert found(threshold, frames=1).gain < 0.8
