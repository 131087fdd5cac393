"""Halves of the quanta: what Poisson says of them, and that what one half makes up is found."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.quality import halves_consistency, thinned
from napari_fluorodenoise.video import Video


@pytest.fixture
def counts():
    return Video(data=np.random.default_rng(0).poisson(40, (12, 96, 96)).astype(np.uint16))


def consistency(denoise, counts, **settings):
    return halves_consistency(denoise, counts, rng=np.random.default_rng(1), **settings)


def test_halves_are_independent_and_add_up(counts):
    one, other = (half.numpy() for half in thinned(counts, rng=np.random.default_rng(1)))
    np.testing.assert_array_equal(one + other, counts.numpy())
    for half in (one, other):
        assert half.mean() == pytest.approx(20, abs=0.05)
        assert half.var() == pytest.approx(20, rel=0.02)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(one.size)


def test_a_gain_and_an_offset_are_kept(counts):
    scaled = counts.with_data(16 * counts.numpy() + 100)
    plain = thinned(counts, rng=np.random.default_rng(1))
    for half, other in zip(thinned(scaled, rng=np.random.default_rng(1), gain=16, offset=100), plain, strict=True):
        np.testing.assert_array_equal(half.numpy(), 16 * other.numpy() + 100)
    found = consistency(lambda video: video, scaled, gain=16, offset=100)
    np.testing.assert_allclose(found.difference, consistency(lambda v: v, counts).difference, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="gain above 0 counts per quantum, found 0"):
        thinned(counts, rng=np.random.default_rng(1), gain=0)
    with pytest.raises(ValueError, match="finite pixels in counts, found NaN or infinity in frame 0"):
        thinned(counts.with_data(np.full((2, 8, 8), np.nan)), rng=np.random.default_rng(1))


def smooth(video):
    # wrapped, so that the noise is no stronger at the border
    return video.with_data(gaussian_filter(video.numpy(), (0, 1.5, 1.5), mode=("nearest", "wrap", "wrap")))


@pytest.mark.parametrize("denoise", [lambda video: video, smooth], ids=["identity", "smooth"])
def test_differences_are_normal_where_nothing_is_made_up(denoise, counts):
    found = consistency(denoise, counts)
    assert found.difference.std() == pytest.approx(1, abs=0.01)
    assert np.abs(found.difference).max() < 6
    assert found.expected == pytest.approx(1 / 96**2)
    assert found.threshold == pytest.approx(norm.isf(found.expected / 2))
    assert found.suspicious.sum() < 40  # 12 by chance, in clumps where it is smooth


def test_the_noise_that_is_left_is_told(counts):
    assert consistency(lambda video: video, counts).residual_noise == pytest.approx(1, abs=0.01)
    left = 1 / (2 * np.sqrt(np.pi) * 1.5)  # of white noise after a Gaussian filter
    assert consistency(smooth, counts).residual_noise == pytest.approx(left, rel=0.03)


def test_what_one_half_makes_up_is_found(counts):
    def imagine(video):
        """Draws a bar where each frame happens to be brightest."""
        frames = smooth(video).numpy()
        peaks = np.argwhere(frames == frames.max(axis=(1, 2), keepdims=True))
        for t, y, x in peaks:
            frames[t, y, max(x - 8, 0) : x + 9] += 9
        return video.with_data(frames)

    found = consistency(imagine, counts)
    assert 12 * 17 < found.suspicious.sum() <= 2 * 12 * 17 + 40
    assert found.share > 10 * found.expected


def test_halves_that_agree_have_nothing_suspicious(counts):
    flat = consistency(lambda video: video.with_data(np.full(video.shape, 20, np.float32)), counts)
    assert flat.share == flat.residual_noise == 0


def test_moving_anatomy_passes_through_the_identity():
    sample = phantom(frames=6, shape=(64, 64), read_noise=0, rng=2)
    quanta = np.random.default_rng(3).poisson(sample.clean / 16).astype(np.uint16)
    found = consistency(lambda video: video, sample.noisy.with_data(quanta))
    assert found.difference.std() == pytest.approx(1, abs=0.03)
    assert found.suspicious.sum() < 20
