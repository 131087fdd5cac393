"""Scenes against what they are drawn from: Beer-Lambert, Poisson noise, known profiles and textbook errors."""

import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import ImagingChain
from napari_fluorodenoise.quality.scenes import across, applied, distances, edge, exposed, jackknife, still, wire

IDEAL = ImagingChain(scintillator=None, electronics=None)


def test_quanta_follow_beer_and_lambert_before_the_noise():
    drawn = wire((48, 48), contrast=0.7, width=4.0)
    rng = np.random.default_rng(0)
    video, clean = exposed(still(drawn, frames=300), frames=300, photons=50.0, chain=IDEAL, rng=rng)
    np.testing.assert_allclose(clean[0], 50 * np.exp(-drawn), rtol=1e-5)
    frames = video.numpy()
    assert np.abs(frames.mean(axis=0) - clean[0]).max() < 5 * np.sqrt(50 / 300)
    assert (frames.var(axis=0) / clean[0]).mean() == pytest.approx(1, abs=0.01)


def test_a_wire_is_as_wide_and_as_deep_as_it_says():
    distance, profile = across(wire((64, 64), contrast=0.3, width=3.0)[None], reach=10.0)
    np.testing.assert_allclose(profile, 0.3 * 2.0 ** -np.square(distance / 1.5), atol=3e-3)


def test_an_edge_is_a_smoothed_step_of_transmission():
    drawn = np.exp(-edge((64, 64), contrast=1.0, blur=0.5))
    assert drawn[:, 0] == pytest.approx(1)
    assert drawn[:, -1] == pytest.approx(np.exp(-1))
    assert drawn[np.abs(distances((64, 64))) < 0.02] == pytest.approx((1 + np.exp(-1)) / 2, abs=0.02)


def test_a_profile_across_is_that_of_the_brute_force_mean():
    frames = np.random.default_rng(1).random((2, 40, 40)).astype(np.float32)
    middles, profile = across(frames * 0 + 2, reach=5.0)
    np.testing.assert_allclose(profile, 2)
    distance = distances((40, 40))
    _, ramp = across(np.float32(distance)[None], reach=5.0)
    np.testing.assert_allclose(ramp, middles, atol=1e-6)
    inside = np.abs(distance[5:35] - middles[11]) < 0.125
    _, noise = across(frames, reach=5.0)
    assert noise[11] == pytest.approx(frames[:, 5:35][:, inside].mean(), abs=0.05)


def test_frames_too_small_for_a_profile_are_refused():
    with pytest.raises(ValueError, match=r"reach 12 pixels from their middle, found \(20, 20\)"):
        across(np.ones((1, 20, 20), np.float32), reach=12.0)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    samples = np.random.default_rng(2).normal(3, 1, (20, 4))
    value, error = jackknife(samples, lambda some: some.mean(axis=0))
    np.testing.assert_allclose(value, samples.mean(axis=0))
    np.testing.assert_allclose(error, samples.std(axis=0, ddof=1) / np.sqrt(20))
    with pytest.raises(ValueError, match="at least two repeats"):
        jackknife(samples[:1], lambda some: some.mean(axis=0))


def test_no_signal_and_no_quanta_are_refused():
    for drawn in (wire, edge):
        with pytest.raises(ValueError, match="a contrast other than 0"):
            drawn((16, 16), contrast=0.0, **{"width" if drawn is wire else "blur": 1.0})
    with pytest.raises(ValueError, match="photons above 0 per pixel, found 0"):
        exposed([np.zeros((8, 8), np.float32)], frames=1, photons=0, chain=None, rng=np.random.default_rng(0))


def test_what_is_no_result_is_refused():
    video, _ = exposed(
        still(np.zeros((16, 16), np.float32), frames=2), frames=2, photons=9.0, chain=None, rng=np.random.default_rng(0)
    )
    with pytest.raises(ValueError, match=r"return \(2, 16, 16\) .* found \(1, 16, 16\)"):
        applied(lambda it: it.crop(frames=slice(0, 1)), video)
    with pytest.raises(ValueError, match="finite values"):
        applied(lambda it: it.with_data(np.full(it.shape, np.nan)), video)
