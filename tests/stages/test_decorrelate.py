from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from napari_fluorodenoise.engine.blocks import Output, map_blocks
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.physics.response import delta
from napari_fluorodenoise.primitives.spectra import filtered
from napari_fluorodenoise.stages.decorrelate import PAD, Decorrelate, blurring
from napari_fluorodenoise.video import Run, Video


@pytest.fixture(scope="module")
def truth():
    return phantom(frames=40, photons=100, rng=7)


@pytest.fixture(scope="module")
def measured_run(truth):
    return measured(Run.of(truth.noisy.crop(frames=slice(0, 28))))


@pytest.fixture(scope="module")
def fitted(measured_run):
    return Decorrelate().fit(measured_run)


@pytest.fixture(scope="module")
def run(measured_run):
    return Decorrelate()(measured_run)


def applied(fitted, frames, **options):
    outputs = {"frames_decorrelated": Output(np.dtype(np.float32))}
    return map_blocks(fitted, {"frames": frames}, outputs=outputs, **options)["frames_decorrelated"]


def neighbours(noise):
    """The summed correlation (share) of a pixel with the 7 x 7 around it, over noise (T, Y, X) of unit variance."""
    power = (np.abs(np.fft.rfft2(noise)) ** 2).mean(0)
    lags = np.fft.irfft2(power, noise.shape[1:])
    near = np.arange(-3, 4)
    return lags[np.ix_(near, near)].sum() / lags[0, 0] - 1


def test_neighbours_are_independent_on_frames_that_were_not_looked_at(truth, fitted):
    unseen = truth.noisy.data[28:].astype(np.float32)
    scale = np.sqrt(truth.slope * truth.clean[28:] + truth.read_variance)
    before = (unseen - truth.clean[28:]) / scale
    after = (applied(fitted, unseen) - applied(fitted, truth.clean[28:])) / scale
    assert neighbours(before) > 2
    assert abs(neighbours(after)) < 0.05


def test_what_it_adds(truth, run):
    pairs = ("autocorrelation", "spectrum", "correlation_map")
    maps = {f"{name}{when}" for name in pairs for when in ("", "_decorrelated")}
    assert set(run) == {"frames", "frames_decorrelated", "response", "whitening"} | maps
    found = run.video("frames_decorrelated")
    assert found.dtype == np.float32
    assert found.pixel_size == truth.noisy.pixel_size
    assert run["response"].data.sum() == pytest.approx(1)
    assert run["whitening"].data.sum() == pytest.approx(1)
    assert run["response"].data.max() < run["whitening"].data.max()  # read noise sharpens what is inverted
    assert run["autocorrelation"].data.sum() > 2.5
    assert run["autocorrelation_decorrelated"].data.sum() == pytest.approx(1, abs=0.1)


def test_maps_show_how_much_neighbours_share_their_noise():
    still = Decorrelate()(phantom(frames=24, shape=(192, 192), photons=100, still=True, rng=7).noisy)
    before, after = (still[f"correlation_map{when}"].data for when in ("", "_decorrelated"))
    assert before.shape == after.shape == (192, 192)
    assert np.median(before) == pytest.approx(still["autocorrelation"].data.sum() - 1, rel=0.15)
    assert abs(np.median(after)) < 0.15


def test_the_noise_spectrum_turns_flat_and_its_mean_is_the_variance(truth, run, measured_run):
    before, after = (run[f"spectrum{when}"].data for when in ("", "_decorrelated"))
    variance, area = measured_run.detector.variance(measured_run.detector.level), np.prod(truth.noisy.pixel_size)
    assert before.mean() == pytest.approx(variance * area, rel=1e-6)
    assert before.max() > 4 * before.min()
    assert after.std() < 0.1 * after.mean()


def test_blurring_again_gives_the_frames_back(truth, run):
    shape = truth.noisy.shape[1:]
    back = filtered(run.video("frames_decorrelated").numpy(), blurring(run["whitening"].data, shape), pad=PAD)
    inner = slice(PAD, -PAD)
    np.testing.assert_allclose(back[:, inner, inner], truth.noisy.data[:28, inner, inner], rtol=0.002, atol=1)


def test_the_mean_is_kept_and_edges_do_not_reach_across(truth, run, fitted):
    found = run.video("frames_decorrelated").numpy()
    assert found.mean() == pytest.approx(truth.noisy.data[:28].mean(), rel=1e-3)
    bright = truth.noisy.data[:28].astype(np.float32)
    bright[:, :, :20] += 50_000
    other = applied(fitted, bright)
    np.testing.assert_allclose(other[:, :, -40:], found[:, :, -40:], atol=2)


def test_blocks_equal_the_whole(truth, fitted):
    frames = truth.noisy.data[:11]
    whole = applied(fitted, frames, size=(11, 256, 256))
    np.testing.assert_array_equal(applied(fitted, frames, size=(3, 64, 50)), whole)


def test_white_noise_passes_unchanged():
    data = (100 + 5 * np.random.default_rng(0).standard_normal((12, 64, 64))).astype(np.float32)
    run = Decorrelate()(Video(data=data))
    np.testing.assert_allclose(run.video("frames_decorrelated").numpy(), data, atol=1e-3)


def refusal(detector, video):
    with pytest.raises(ValueError, match="leave Decorrelate out") as caught:
        Decorrelate()(Run({"frames": video}, detector=detector))
    return str(caught.value)


def test_data_that_no_blur_made_are_refused_with_reason_and_remedy(measured_run):
    video, detector = measured_run.video("frames"), measured_run.detector
    axis = np.exp(-(np.arange(-6, 7) ** 2) / (2 * 2.0**2))
    enhanced = delta() * 1.3 - 0.3 * np.outer(axis, axis) / axis.sum() ** 2 * 3
    cases = {
        "consecutive frames share 30%": replace(detector, temporal_correlation=0.3, temporal_correlation_error=0.01),
        "smoothed, enlarged or compressed": replace(detector, autocorrelation=np.outer(axis, axis)),
        "edges were enhanced": replace(detector, autocorrelation=enhanced / enhanced[6, 6]),
    }
    for reason, spoilt in cases.items():
        assert reason in refusal(spoilt, video)


@pytest.mark.parametrize("wrong", [{"floor": 0.0}, {"floor": 1.5}, {"of": ()}, {"flor": 0.1}])
def test_parameters_out_of_bounds_are_refused(wrong):
    with pytest.raises(ValidationError):
        Decorrelate(**wrong)
