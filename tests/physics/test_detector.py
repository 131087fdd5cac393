import os
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.physics.detector import Detector, measure, measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.video import Run, Video

DATA = Path(os.environ.get("FLUORODENOISE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def sigma_error(detector, truth):
    """Largest relative error of the noise's standard deviation over the intensities there are."""
    means = np.quantile(truth.clean[:, truth.field], [0.02, 0.5, 0.98])
    expected = truth.slope * means + truth.read_variance
    return np.abs(np.sqrt(detector.variance(means) / expected) - 1).max()


@pytest.mark.parametrize(("photons", "pan"), [(30, 0.0), (100, 3.0), (300, 0.0)])
def test_phantom_noise_is_found_in_spite_of_motion(photons, pan):
    truth = phantom(frames=20, photons=photons, pan=pan, rng=5)
    found = measure(truth.noisy)
    assert sigma_error(found, truth) < 0.03
    assert found.slope == pytest.approx(truth.slope, rel=0.1)
    assert found.field.all()
    assert found.warnings == ()
    assert abs(found.temporal_correlation) < 0.05
    np.testing.assert_allclose(found.response[2:-2, 2:-2], truth.response, atol=0.05)


@pytest.mark.parametrize("clip", ["p2c3", "p7c4"])
def test_gaussian_noise_on_real_clips_is_found(clip):
    paths = sorted((DATA / f"angiodata_{clip}").glob("*.jpg"))[:24]
    if not paths:
        pytest.skip(f"no real sequences at {DATA}")
    import cv2

    raw = np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]).astype(np.float32) / 255
    clean = raw.reshape(len(raw), 256, 2, 256, 2).mean((2, 4))
    noisy = clean + np.sqrt(0.003) * np.random.default_rng(0).standard_normal(clean.shape)
    found = measure(Video(data=noisy.astype(np.float32)))
    levels = np.quantile(clean, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(np.sqrt(found.variance(levels) / 0.003), 1, atol=0.03)


def test_the_border_of_a_collimator_is_left_out():
    truth = phantom(frames=16, collimated=True, rng=2)
    found = measure(truth.noisy)
    assert found.field.mean() == pytest.approx(truth.field.mean(), abs=0.03)
    assert sigma_error(found, truth) < 0.03


def test_lazy_frames_measure_alike():
    video = phantom(frames=8, shape=(96, 96)).noisy
    lazy = video.with_data(da.from_array(video.data, chunks=(1, -1, -1)))
    assert measure(lazy).slope == measure(video).slope


@pytest.mark.parametrize(
    "data",
    [
        np.full((4, 40, 40), 7, np.uint8),
        np.full((4, 40, 40), -0.5, np.float32),
        np.zeros((2, 40, 40), np.int32),
        np.random.default_rng(0).random((5, 8, 9)),
    ],
    ids=["constant", "constant float", "zeros", "tiny"],
)
def test_where_there_is_no_noise_to_find_it_says_so(data):
    found = measure(Video(data=data))
    assert "no noise found" in found.warnings[0]
    assert found.variance(np.float64(found.level)) > 0


def test_a_recursive_filter_is_noticed():
    frames = phantom(frames=24, shape=(128, 128), photons=30).noisy.data.astype(np.float32)
    for t in range(1, len(frames)):
        frames[t] = 0.6 * frames[t] + 0.4 * frames[t - 1]
    found = measure(Video(data=frames))
    assert found.temporal_correlation > 0.25
    assert any("consecutive frames" in warning for warning in found.warnings)


@pytest.mark.parametrize("unit", [1, np.float32(1 / 255)], ids=["integers", "floats"])
def test_where_rounding_swallows_the_noise_it_says_so(unit):
    scene = np.repeat(np.arange(3.0, 35.0, 2.0), 16)[:, None]
    noise = 0.15 * np.random.default_rng(0).standard_normal((6, 256, 128))
    found = measure(Video(data=unit * np.rint(scene + noise).astype(np.uint8)))
    assert any("rounding hides" in warning for warning in found.warnings)
    assert found.variance(np.float64(found.level)) == pytest.approx(unit**2 / 12, rel=0.1)
    assert np.isfinite(found.autocorrelation).all()
    assert np.isfinite(found.temporal_correlation)


def test_a_run_is_measured_once():
    run = measured(Run.of(phantom(frames=4, shape=(64, 64)).noisy))
    assert isinstance(run.detector, Detector)
    assert measured(run) is run


def test_stabilized_noise_has_unit_variance_and_comes_back():
    truth = phantom(frames=8, shape=(96, 96))
    found = measure(truth.noisy)
    values = found.stabilize(truth.noisy.data)
    assert (values - found.stabilize(truth.clean)).std() == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(found.unstabilize(values, residual=1.0), truth.noisy.data, atol=0.1)


def test_values_too_large_for_float32_are_refused():
    counts = np.random.default_rng(0).poisson(100, (6, 64, 64)) + 10**8
    with pytest.raises(ValueError, match="float32 can tell apart"):
        measure(Video(data=counts.astype(np.int32)))
