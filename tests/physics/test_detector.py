import os
from dataclasses import fields
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.physics.chain import GainDrift, ImagingChain, Lag, Scintillator
from napari_fluorodenoise.physics.detector import Detector, measure, measured
from napari_fluorodenoise.physics.noise import Bins
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.physics.response import fwhm
from napari_fluorodenoise.primitives.spectra import filtered, transfer
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


def sequence(kind, *, frames=40, size=256, **options):
    """A phantom that is static, has a beating heart, or pans."""
    motion = {"static": {"still": True}, "beating": {}, "panning": {"pan": 3.0}}[kind]
    return phantom(frames=frames, shape=(size, size), **motion, **options)


def response_error(detector, truth):
    """The largest error of the point response, on the larger of the two supports."""
    size = max(len(detector.response), len(truth.response))
    found, true = (np.pad(kernel, (size - len(kernel)) // 2) for kernel in (detector.response, truth.response))
    return np.abs(found - true).max()


CASES = {  # photons, frames, pixels along a side: read noise beside many quanta takes more of them
    "static": (10, 40, 256),
    "beating": (100, 40, 256),
    "panning": (30, 40, 256),
    "beating, bright": (300, 64, 384),
}


@pytest.fixture(scope="module", params=CASES)
def accurate(request):
    photons, frames, size = CASES[request.param]
    truth = sequence(request.param.partition(",")[0], frames=frames, size=size, photons=photons)
    return truth, measure(truth.noisy)


def test_line_and_response_are_accurate(accurate):
    truth, found = accurate
    assert found.quantum_slope == pytest.approx(truth.slope, rel=0.05)
    assert np.sqrt(found.read_variance) == pytest.approx(np.sqrt(truth.read_variance), rel=0.15)
    assert response_error(found, truth) < (0.02 if found.level > 320 else 0.03)  # of 10 quanta, half is read noise
    assert found.warnings == ()


def test_standard_errors_cover_the_truth(accurate):
    truth, found = accurate
    assert abs(found.slope - truth.slope) < 4 * found.slope_error < 0.15 * truth.slope
    assert abs(found.read_variance - truth.read_variance) < 4 * found.read_variance_error
    assert abs(found.gain_drift) < 4 * found.gain_drift_error < 0.002


def test_the_share_of_the_quanta_is_that_of_the_truth(accurate):
    truth, found = accurate
    quanta = truth.slope * np.median(truth.clean)
    assert found.quantum_share == pytest.approx(quanta / (quanta + truth.read_variance), abs=0.03)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sigma", [15.0, 60.0])
def test_plain_gaussian_noise_is_found(sigma, seed):
    truth = phantom(frames=16, shape=(192, 192), chain=ImagingChain(scintillator=None), rng=seed)
    noise = np.random.default_rng(seed).standard_normal(truth.clean.shape, dtype=np.float32)
    found = measure(Video(data=truth.clean + np.float32(sigma) * noise))
    levels = np.quantile(truth.clean, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(np.sqrt(found.variance(levels)), sigma, rtol=0.03)
    assert fwhm(found.response) == pytest.approx(1, abs=0.05)


@pytest.fixture(scope="module", params=[("static", 0.03), ("beating", 0.1)])
def lagging(request):
    kind, lag = request.param
    interval = ImagingChain().frame_interval
    chain = ImagingChain(lag=Lag(time_constants=(-1000 * interval / np.log(lag),)))
    truth = sequence(kind, chain=chain)
    return lag, truth, measure(truth.noisy)


def test_lag_is_found_with_its_error_and_the_slope_without_it(lagging):
    lag, truth, detector = lagging
    found, error = detector.lag
    assert found == pytest.approx(lag, abs=3 * error)
    assert 3 * error < found
    assert detector.quantum_slope == pytest.approx(truth.slope, rel=0.08)
    assert detector.slope == pytest.approx(truth.slope * (1 - lag) / (1 + lag), rel=0.08)
    assert np.sqrt(detector.read_variance) == pytest.approx(np.sqrt(truth.read_variance), rel=0.15)
    assert detector.warnings == ()


@pytest.mark.parametrize("seed", range(3))
def test_what_passes_by_is_not_taken_for_lag(seed):
    truth = sequence("panning", frames=24, photons=300, rng=seed)
    found = measure(truth.noisy)
    assert found.lag[0] < 3 * found.lag[1]
    assert found.quantum_slope == found.slope


@pytest.mark.parametrize(("kind", "percent"), [("static", 0.5), ("beating", -0.3), ("panning", 0.5)])
def test_gain_drift_is_found_with_its_error(kind, percent):
    truth = sequence(kind, chain=ImagingChain(drift=GainDrift(percent=percent)))
    found = measure(truth.noisy)
    assert found.gain_drift == pytest.approx(percent / 100, abs=4 * found.gain_drift_error)
    assert found.gain_drift_error < 0.0005
    assert "brightens" in found.warnings[0] if percent > 0 else "darkens" in found.warnings[0]
    middle = 1 + percent / 100 * (truth.noisy.shape[0] - 1) / 2
    assert found.slope == pytest.approx(middle * truth.slope, rel=0.1)


def neighbours(noise):
    """The summed correlation (share) of a pixel with the 7 x 7 around it, over noise (T, Y, X)."""
    power = (np.abs(np.fft.rfft2(noise)) ** 2).mean(axis=0)
    lags = np.fft.irfft2(power, noise.shape[1:])
    near = np.arange(-3, 4)
    return lags[np.ix_(near, near)].sum() / lags[0, 0] - 1


BROAD = Scintillator(weights=(1.0,), widths=(0.255,))
"""Two pixels of full width at half maximum."""


@pytest.mark.parametrize(
    ("scintillator", "kind", "before"),
    [(Scintillator(), "static", 2.0), (Scintillator(), "panning", 2.0), (BROAD, "static", 5.0)],
    ids=["usual, static", "usual, panning", "broad"],
)
def test_frames_that_were_not_looked_at_are_whitened(scintillator, kind, before):
    truth = sequence(kind, frames=52, photons=100, chain=ImagingChain(scintillator=scintillator), rng=7)
    found, pad = measure(truth.noisy.crop(frames=slice(0, 40))), 16
    blur = transfer(found.whitening, (256 + 2 * pad, 256 + 2 * pad))
    inverse = np.reciprocal(np.maximum(blur, 0.12 * blur.max())).astype(np.float32)
    unseen, clean = truth.noisy.numpy()[40:].astype(np.float32), truth.clean[40:]
    scale = np.sqrt(truth.slope * clean + truth.read_variance)
    assert neighbours((unseen - clean) / scale) > before
    after = filtered(unseen, inverse, pad=pad) - filtered(clean, inverse, pad=pad)
    # while all of the scene moves, what is left of its motion widens the correlation that is measured
    assert abs(neighbours(after / scale)) < (0.1 if kind == "panning" else 0.05)


def numbers(value):
    """All numbers in a detector's field."""
    if isinstance(value, Bins):
        return np.concatenate([value.mean, value.variance, value.error])
    if value is None or (isinstance(value, tuple) and all(isinstance(part, str) for part in value)):
        return np.zeros(0)
    return np.asarray(value, float).ravel()


def textured(rng, *, moving):
    """Frames (12, 96, 96) of noise over a texture: the same one, or another in every frame."""
    scene = gaussian_filter(rng.standard_normal((12 if moving else 1, 96, 96)), (0, 3, 3))
    return np.clip(600 + 1000 * scene + 20 * rng.standard_normal((12, 96, 96)), 1, None)


BAD = {
    "two frames": (lambda frames: frames[:2], None),
    "three frames": (lambda frames: frames[:3], None),
    "one changing pixel": (lambda frames: frames * 0 + 7 + (np.indices(frames.shape).sum(0) == 20), "no noise found"),
    "constant": (lambda frames: np.full_like(frames, 7), "no noise found"),
    "saturated": (lambda frames: np.minimum(frames, np.quantile(frames, 0.3)), "of the pixels are saturated"),
    "all saturated but a corner": (
        lambda frames: np.where(np.indices(frames.shape[1:]).max(0) < 20, frames, 2000.0),
        "of the pixels are saturated",
    ),
    "integer steps": (lambda frames: 100 * np.rint(frames / 100), "grey levels are 100 apart"),
    "rounded away": (lambda frames: 400 * np.rint(frames / 400), "no noise found"),
    "negative": (lambda frames: frames - 600, None),
    "all negative": (lambda frames: frames - 60000, None),
    "tiny values": (lambda frames: frames * 1e-12, None),
    "huge values": (lambda frames: frames * 1e10, None),
    "too small": (lambda frames: frames[:, :10, :12], "no noise found"),
    "a strip": (lambda frames: frames[:, :16], None),
}


@pytest.mark.parametrize("moving", [False, True], ids=["still", "all moving"])
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_stated_and_never_nan(name, moving):
    spoil, said = BAD[name]
    found = measure(Video(data=spoil(textured(np.random.default_rng(1), moving=moving)).astype(np.float32)))
    for entry in fields(found):
        values = numbers(getattr(found, entry.name))
        assert not np.isnan(values).any(), entry.name
        assert np.isfinite(values).all() or entry.name.endswith("_error"), entry.name
    assert found.variance(found.level) > 0
    assert np.isfinite([*found.lag[:1], found.quantum_slope, found.quantum_share, *found.whitening.ravel()]).all()
    assert all("nan" not in sentence for sentence in found.warnings)
    if said and not moving:
        assert any(said in sentence for sentence in found.warnings), found.warnings


def test_what_never_rests_is_told():
    found = measure(Video(data=textured(np.random.default_rng(1), moving=True).astype(np.float32)))
    assert any("even the stillest parts change" in sentence for sentence in found.warnings)


def test_one_frame_is_refused():
    with pytest.raises(ValueError, match="expected at least two frames, found 1"):
        measure(Video(data=np.zeros((1, 32, 32))))


@pytest.mark.parametrize("factor", [0.0, 60.0], ids=["blank", "flash"])
def test_one_frame_of_another_exposure_is_left_out(factor):
    truth = phantom(frames=32, shape=(192, 192), still=True, rng=4)
    frames = truth.noisy.data.astype(np.float32)
    frames[13] *= factor
    found = measure(Video(data=frames))
    assert found.slope == pytest.approx(truth.slope, rel=0.08)
    assert found.level == pytest.approx(np.median(truth.clean), rel=0.02)
    assert abs(found.gain_drift) < 3 * found.gain_drift_error
