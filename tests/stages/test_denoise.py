"""Denoise: measurably nearer the truth, unbiased, honest about its error, and gentle with what is short-lived."""

from dataclasses import replace

import numpy as np
import pytest

from napari_fluorodenoise.engine.blocks import Block, Output, map_blocks
from napari_fluorodenoise.engine.progress import Cancelled
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.primitives.unbiased import NOTHING
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.video import Image, Run, Video


@pytest.fixture(scope="module", params=[0.0, 2.0], ids=["still", "panning"])
def sample(request):
    return phantom(frames=12, shape=(96, 112), photons=60, pan=request.param, rng=0)


@pytest.fixture(scope="module")
def run(sample):
    return Denoise()(sample.noisy)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def test_most_of_the_noise_goes(sample, run):
    noise = sample.noisy.numpy() - sample.clean
    assert rms(run["frames_denoised"].numpy() - sample.clean) < 0.35 * rms(noise)


def test_no_bias(sample, run):
    error = run["frames_denoised"].numpy() - sample.clean
    assert abs(error.mean()) < 0.002 * sample.clean.mean()


@pytest.mark.parametrize("strength", [0.3, 0.6, 1, 2])
def test_the_uncertainty_is_the_error_on_average_at_every_strength(sample, strength):
    run = Denoise(strength=strength)(sample.noisy)
    error = run["frames_denoised"].numpy() - sample.clean
    assert 0.65 < rms(run["frames_uncertainty"].numpy()) / rms(error) < 1.5
    assert abs(error.mean()) < 0.004 * sample.clean.mean()


def test_results_do_not_depend_on_the_cut(sample, run):
    fitted = Denoise().fit(measured(Run.of(sample.noisy)))
    outputs = {name: Output(np.dtype(np.float32)) for name in ("frames_denoised", "frames_uncertainty")}
    cut = map_blocks(fitted, {"frames": sample.noisy.data}, outputs=outputs, size=(1, 96, 112))
    for name, array in cut.items():
        np.testing.assert_allclose(array, run[name].numpy(), rtol=1e-5)


def test_a_wire_of_one_frame_survives_and_does_not_leak():
    rng = np.random.default_rng(1)
    scene = np.full((9, 64, 64), 100.0)
    scene[4, :, 31:33] -= 12
    frames = Video(data=(scene + 3 * rng.standard_normal(scene.shape)).astype(np.float32))
    clean = Denoise()(frames)["frames_denoised"].numpy()
    depth = clean[:, :, 24:40].mean(axis=(1, 2)) - clean[:, :, 31:33].mean(axis=(1, 2))
    assert depth[4] > 0.8 * 12 * 14 / 16
    assert np.abs(depth[[3, 5]]).max() < 0.05 * 12


def test_plain_gaussian_noise_and_few_frames():
    rng = np.random.default_rng(2)
    scene = np.broadcast_to(np.add.outer(np.arange(64.0), np.arange(80.0)), (4, 64, 80))
    noisy = Video(data=(scene + 5 * rng.standard_normal(scene.shape)).astype(np.float32))
    assert rms(Denoise(radius=2)(noisy)["frames_denoised"].numpy() - scene) < 1.2


def test_a_foreground_is_cleaned_by_the_noise_under_it(sample):
    background = sample.noisy.with_data(sample.background)
    noisy = sample.noisy.with_data(sample.noisy.numpy() - sample.background)
    run = Run({"frames": sample.noisy, "background": background, "foreground": noisy})
    clean = Denoise(of=("foreground",))(run)["foreground_denoised"].numpy()
    truth = sample.clean - sample.background
    assert rms(clean - truth) < 0.35 * rms(noisy.numpy() - truth)


def test_more_strength_removes_more(sample):
    left = [rms(np.diff(Denoise(strength=s)(sample.noisy)["frames_denoised"].numpy(), axis=0)) for s in (0.5, 1, 2)]
    assert left[0] > left[1] > left[2]


def test_a_frame_that_is_not_finite_is_named(sample):
    run = measured(Run.of(sample.noisy.with_data(sample.noisy.numpy().astype(np.float32))))
    fitted = Denoise(radius=1).fit(run)
    block = run["frames"].numpy()[3:8].copy()
    block[2, 5, 5] = np.nan
    at = Block((slice(4, 7), slice(0, 96), slice(0, 112)), (slice(3, 8), slice(0, 96), slice(0, 112)))
    with pytest.raises(ValueError, match="found NaN or infinity in frame 5"):
        fitted.apply({"frames": block}, at)


@pytest.mark.parametrize("value", [0, 1000])
def test_constant_frames_stay(value):
    frames = Video(data=np.full((5, 40, 40), value, np.uint16))
    np.testing.assert_allclose(Denoise()(frames)["frames_denoised"].numpy(), value, atol=0.1)


def test_a_video_of_unknown_noise_is_refused(sample):
    with pytest.raises(ValueError, match=r"noise is known \(frames, .*found 'stabilized'"):
        Denoise(of=("stabilized",))(Run({"frames": sample.noisy, "stabilized": sample.noisy}))


def test_texture_of_a_background_is_not_taken_for_noise():
    texture = np.random.default_rng(4).integers(0, 1000, (64, 64)).astype(np.uint16)
    still = Video(data=np.stack([texture] * 6))
    run = Run({"frames": still, "background": still.with_data(still.data.astype(np.float32))})
    clean = Denoise(of=("background",))(run)["background_denoised"].numpy()
    assert rms(clean - texture) < 2


def background_of(noise, *, times_seen=None, foreground=1.0):
    """A denoised flat background whose noise has the standard deviation `noise` of the frame's, 10."""
    rng = np.random.default_rng(5)
    shape = (6, 96, 96)
    frames = Video(data=(1000 + 10 * rng.standard_normal(shape)).astype(np.float32))
    own = (1000 + 10 * noise * rng.standard_normal(shape)).astype(np.float32)
    items = {"frames": frames, "background": frames.with_data(own)}
    items["foreground"] = frames.with_data(np.full(shape, foreground, np.float32))
    if times_seen is not None:
        items["times_seen"] = Image(data=np.full(shape[1:], times_seen, np.float32))
    return Denoise(of=("background",))(Run(items))


@pytest.mark.parametrize(("times_seen", "noise"), [(1, 1.0), (4, 0.5), (25, 0.2)])
def test_a_background_pixel_holds_the_noise_of_as_many_frames_as_saw_it(times_seen, noise):
    run = background_of(noise, times_seen=times_seen)
    left = rms(run["background_denoised"].numpy() - 1000)
    assert left < 0.3 * 10 * noise
    assert 0.4 < rms(run["background_uncertainty"].numpy()) / left < 2.5


def test_where_there_is_no_foreground_the_background_holds_all_of_the_frame_s_noise():
    clean = background_of(1.0, times_seen=100, foreground=0.0)["background_denoised"].numpy()
    assert rms(clean - 1000) < 0.3 * 10


def test_no_bias_at_low_dose():
    dim = phantom(frames=12, shape=(128, 128), photons=10, rng=2)
    error = Denoise(radius=2)(dim.noisy)["frames_denoised"].numpy() - dim.clean
    assert abs(error.mean()) < 0.005 * dim.clean.mean()


def test_what_the_way_back_lacks_is_read_from_the_frames_where_there_are_enough(sample):
    many, few = sample.noisy, Video(data=sample.noisy.data[:, :48, :48])
    found = [Denoise().fit(measured(Run.of(video))).denoisers["frames"].due for video in (many, few)]
    assert found[0] is not NOTHING
    assert np.abs(found[0].due).max() < 0.02 * sample.clean.mean()
    assert found[1] is NOTHING


@pytest.fixture
def trained(monkeypatch):
    """The stage with a network that trains in no time, and one thread: a small network only waits for more."""
    import torch

    from napari_fluorodenoise.denoisers import lessons

    monkeypatch.setattr(lessons, "BATCH", 2)
    monkeypatch.setattr(lessons, "CROP", 32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Denoise(denoiser="noise2self", training_steps=4, device="cpu")
    torch.set_num_threads(threads)


def test_a_network_is_trained_in_the_fit_and_says_how_far_it_is(sample, trained):
    heard = []
    fitted = trained.fit(
        measured(Run.of(sample.noisy)), progress=lambda fraction, message, training=None: heard.append(message)
    )
    assert [message.partition(",")[0] for message in heard[-4:]] == [f"step {step} of 4" for step in (1, 2, 3, 4)]
    assert "loss" in heard[-1]
    assert "held out" in heard[-1]
    assert fitted.halo == (0, 0, 0)


def test_a_network_s_results_do_not_depend_on_the_cut(sample, trained):
    run = trained(sample.noisy)
    fitted = trained.fit(measured(Run.of(sample.noisy)))
    outputs = {name: Output(np.dtype(np.float32)) for name in ("frames_denoised", "frames_uncertainty")}
    cut = map_blocks(fitted, {"frames": sample.noisy.data}, outputs=outputs, size=(5, 30, 40))
    for name, array in cut.items():
        np.testing.assert_allclose(array, run[name].numpy(), rtol=1e-5)


def test_a_generator_sets_what_a_network_becomes(sample, trained):
    trained = replace(trained, held_out=0)  # else the untrained network may be the best
    first, again, other = (
        trained(sample.noisy, rng=np.random.default_rng(seed))["frames_denoised"].numpy() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_training_can_be_cancelled(sample, trained):
    def stop(fraction, message, training=None):
        if message.startswith("step 2"):
            raise Cancelled

    with pytest.raises(Cancelled):
        trained(sample.noisy, progress=stop)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"continue_training": True}, "expected a model to train further, found none"),
        ({"denoiser": "temporal", "radius": 0}, "radius of at least 1 frame for temporal, found 0"),
        ({"denoiser": "bogus"}, "should be 'wiener', 'best', "),
    ],
)
def test_what_does_not_go_together_is_refused(settings, reason):
    with pytest.raises(ValueError, match=reason):
        Denoise(**settings)


def test_supervised_asks_for_the_truth(sample):
    stage = Denoise(denoiser="supervised")
    with pytest.raises(ValueError, match="expected a video called 'truth', found frames"):
        stage(sample.noisy)
    assert stage.reads(Run.of(sample.noisy)) == ("frames", "truth")


def test_a_scheme_for_independent_noise_warns_where_noise_is_correlated(sample, trained):
    blurred = phantom(frames=6, shape=(64, 64), photons=60, rng=0).noisy.numpy().astype(np.float32)
    blurred = sample.noisy.with_data(sum(np.roll(blurred, by, axis=2) for by in (-1, 0, 1)) / 3)
    run = trained(blurred)
    assert any("noise2self asks for noise that is independent" in line for line in run.detector.warnings)
    assert not any("asks for" in line for line in Denoise()(blurred).detector.warnings)
    again = Denoise(of=("frames",), denoiser="temporal", radius=1, training_steps=1, device="cpu")(blurred)
    assert not any("asks for" in line for line in again.detector.warnings)
