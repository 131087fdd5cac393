"""The laws of a transfer function: the identity gives the blur put in, and a filter multiplies it by its own."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.physics.chain import ImagingChain
from napari_fluorodenoise.quality import task_transfer

IDEAL = ImagingChain(scintillator=None, electronics=None)
MOST = 5
"""Standard errors that the worst of some hundred values may lie off: of 20 repeats it is no normal's, but a t's."""


def gaussian(frequencies, sigma):
    return np.exp(-2 * np.square(np.pi * sigma * frequencies))


def measured(denoise, **settings):
    return task_transfer(denoise, **{"contrast": 1.0, "photons": 200.0, "rng": np.random.default_rng(5), **settings})


def smooth(video):
    return video.with_data(gaussian_filter(video.numpy().astype(np.float32), (0, 1, 1)))


@pytest.mark.parametrize("contrast", [0.2, 1.0])
@pytest.mark.parametrize("blur", [0.5, 0.8])
def test_the_identity_gives_the_blur_that_was_put_in(contrast, blur):
    found = measured(lambda video: video, contrast=contrast, blur=blur, chain=IDEAL, repeats=20)
    true = gaussian(found.frequencies, blur)
    np.testing.assert_allclose(found.detector, true, atol=2e-3)
    assert (np.abs(found.values - true) < MOST * found.errors + 2e-3).all()
    assert found.errors.max() < 0.02 / contrast


def test_errors_are_as_large_as_the_scatter():
    found = [measured(lambda v: v, chain=IDEAL, repeats=20, rng=np.random.default_rng(seed)) for seed in range(6)]
    off = [(one.values - gaussian(one.frequencies, 0.5)) / one.errors for one in found]
    assert 0.8 < np.sqrt(np.mean(np.square(off))) < 1.3


def test_a_filter_multiplies_the_transfer_by_its_own():
    before, after = measured(lambda video: video), measured(smooth)
    own = gaussian(before.frequencies, 1.0)
    np.testing.assert_allclose(after.values, own * before.values, atol=5e-3)
    np.testing.assert_array_equal(after.detector, before.detector)


def test_the_chain_blurs_too():
    found = measured(lambda video: video)
    response = ImagingChain().response
    k = np.arange(len(response)) - len(response) // 2
    waves = np.cos(2 * np.pi * found.frequencies[:, None] * k)
    np.testing.assert_allclose(
        found.detector, waves @ response.sum(axis=0) * gaussian(found.frequencies, 0.5), atol=5e-3
    )


def test_lost_contrast_is_seen_at_low_frequencies():
    def shrink(video):
        frames = video.numpy().astype(np.float32)
        return video.with_data(frames.mean() + 0.8 * (frames - frames.mean()))

    found = measured(shrink, photons=2000.0, chain=IDEAL)
    assert found.values[0] == pytest.approx(0.8, abs=0.01)
