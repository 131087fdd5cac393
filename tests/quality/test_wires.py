"""Wires through filters whose answer is known: widths add in squares, depths fall, contrasts scale."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.physics.chain import ImagingChain
from napari_fluorodenoise.quality import insertion_slope, wire_profile
from napari_fluorodenoise.quality.scenes import wire

IDEAL = ImagingChain(scintillator=None, electronics=None)
CONTRASTS = (0.05, 0.1, 0.2, 0.4)
FWHM = np.sqrt(8 * np.log(2))


def profile(denoise, **settings):
    given = {"contrast": 0.3, "photons": 100.0, "rng": np.random.default_rng(11), "repeats": 12}
    return wire_profile(denoise, **{**given, **settings})


def slope(denoise, **settings):
    given = {"contrasts": CONTRASTS, "photons": 100.0, "rng": np.random.default_rng(11), "repeats": 12}
    return insertion_slope(denoise, **{**given, **settings})


def smooth(sigma):
    return lambda video: video.with_data(gaussian_filter(video.numpy().astype(np.float32), (0, sigma, sigma)))


def test_the_identity_keeps_a_wire():
    found = profile(lambda video: video)
    assert abs(found.width - found.true_width) < 4 * found.width_error < 0.5
    assert abs(found.depth_ratio - 1) < 4 * found.depth_error < 0.1


def test_the_true_width_is_the_one_put_in():
    # faint, so that the depth in counts has the shape of the line integral
    found = profile(lambda video: video, contrast=0.01, photons=1e6, width=4.0, chain=IDEAL)
    assert found.true_width == pytest.approx(4.0, rel=0.02)
    assert found.width == pytest.approx(4.0, rel=0.1)


def test_a_gaussian_filter_widens_by_its_square_and_flattens_as_much():
    found = profile(smooth(2.0), contrast=0.01, photons=1e6, width=3.0, chain=IDEAL)
    wide = np.hypot(3.0, FWHM * 2.0)
    assert abs(found.width - wide) < 4 * found.width_error + 0.03 * wide
    assert abs(found.depth_ratio - 3.0 / wide) < 4 * found.depth_error + 0.01


def test_a_wire_that_is_gone_has_no_width():
    found = profile(lambda video: video.with_data(np.full(video.shape, 5, np.float32)))
    assert np.isnan(found.width)
    assert found.depth_ratio == 0


def test_contrast_that_is_kept_has_a_slope_of_one():
    found = slope(lambda video: video)
    assert (np.abs(found.recovered - CONTRASTS) < 4.5 * found.errors).all()
    assert abs(found.slope - 1) < 4 * found.slope_error < 0.1


def test_contrast_that_is_lost_or_made_up_shows():
    def shrink(video):
        frames = video.numpy().astype(np.float32)
        return video.with_data(frames.mean() + 0.6 * (frames - frames.mean()))

    assert slope(shrink).slope == pytest.approx(0.6, abs=4 * slope(shrink).slope_error)

    def imagine(video):
        drawn = wire(video.shape[1:], contrast=0.1, width=2.0)
        return video.with_data(video.numpy() - video.numpy().mean() * drawn)

    assert slope(imagine).offset > 0.05
    assert abs(slope(lambda video: video).offset) < 0.02


def test_a_slope_needs_two_contrasts():
    with pytest.raises(ValueError, match="at least two contrasts for a slope, found 1"):
        slope(lambda video: video, contrasts=(0.1,))
