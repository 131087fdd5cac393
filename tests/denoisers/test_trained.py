"""A trained denoiser removes noise and keeps the mean, is the same for the same seed, and can be kept and applied."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.denoisers import lessons, trained
from napari_fluorodenoise.denoisers.domain import Seen, Subject, seen
from napari_fluorodenoise.denoisers.model import load, save
from napari_fluorodenoise.denoisers.noise import noise_of
from napari_fluorodenoise.denoisers.schemes import INDEPENDENT, SCHEMES, TOGETHER, scheme
from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.video import Run, Video

SHAPE = (9, 64, 64)
SCENE = 100 + 40 * np.sin(np.arange(64)[:, None] / 5) * np.cos(np.arange(64) / 7)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Batches that train in a second, on one thread: a small network only waits for more."""
    monkeypatch.setattr(lessons, "BATCH", 4)
    monkeypatch.setattr(lessons, "CROP", 32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def noisy(*, blurred=0.0, rng=0):
    noise = np.random.default_rng(rng).standard_normal(SHAPE)
    noise = np.stack([gaussian_filter(frame, blurred) for frame in noise]) if blurred else noise
    return Video(data=(SCENE + 10 * noise / noise.std()).astype(np.float32))


def run_of(video):
    truth = Video(data=np.broadcast_to(SCENE.astype(np.float32), video.shape))
    return measured(Run({"frames": video, "truth": truth}))


def asked(name, **settings):
    stage = Denoise(denoiser=name, **{"training_steps": 6, "device": "cpu", "radius": 1, "passes": 2, **settings})
    return {key: getattr(stage, key) for key in trained.SETTINGS}


def fitted(run, denoiser, *, name="frames", seed=0, progress=silent, **settings):
    return trained.fit(run, name, progress=progress, rng=np.random.default_rng(seed), **asked(denoiser, **settings))


def at(start, stop):
    where = (slice(start, stop), slice(0, 64), slice(0, 64))
    return Block(where, (slice(max(start - 1, 0), min(stop + 1, SHAPE[0])), *where[1:]))


@pytest.fixture(scope="module")
def run():
    return run_of(noisy())


@pytest.mark.parametrize("name", SCHEMES)
def test_noise_goes_the_mean_stays_and_the_error_is_told(run, name):
    denoiser = fitted(run, name)
    clean, error = denoiser({"frames": run.video("frames").data}, at(0, 9))
    left = np.sqrt(np.mean((clean - SCENE) ** 2))
    assert left < 0.6 * 10
    assert clean.mean() == pytest.approx(SCENE.mean(), rel=0.003)
    # two neighbours of a steep scene differ by more than the error
    assert 0.4 < np.sqrt(np.mean(error**2)) / left < (4 if name == "neighbor2neighbor" else 2.5)
    assert clean.dtype == error.dtype == np.float32


@pytest.mark.parametrize("name", ["noise2self", "temporal"])
def test_the_same_seed_gives_the_same_and_another_does_not(run, name):
    frames = [
        fitted(run, name, seed=seed, training_steps=3, held_out=0).denoised(_frames(run), 4)[0] for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(frames[0], frames[1])
    assert np.abs(frames[0] - frames[2]).max() > 0


def _frames(run):
    return seen(run, "frames", noise=noise_of(run, "frames"), bent=False)


@pytest.mark.parametrize("name", ["noise2self", "temporal", "recorrupted"])
def test_a_frame_comes_out_the_same_in_every_block(run, name):
    denoiser, data = fitted(run, name, training_steps=1), run.video("frames").data
    whole, _ = denoiser({"frames": data}, at(0, 9))
    for start, stop in ((0, 1), (4, 6), (8, 9)):
        block = at(start, stop)
        part, _ = denoiser({"frames": data[block.outer[0]]}, block)
        np.testing.assert_array_equal(whole[start:stop], part)


@pytest.mark.parametrize("name", ["temporal", "self2self"])
def test_a_model_is_kept_applied_and_trained_further(run, name, tmp_path):
    first = fitted(run, name, student=False, training_steps=3)
    path = str(save(tmp_path / "model.safetensors", first.model))
    again = fitted(run, name, student=False, model=path, seed=5)
    np.testing.assert_array_equal(first.denoised(_frames(run), 3)[0], again.denoised(_frames(run), 3)[0])
    further = fitted(run, name, student=False, model=path, continue_training=True)
    assert np.abs(further.predicted(_frames(run), 3) - first.predicted(_frames(run), 3)).max() > 0
    assert load(path).options == first.model.options
    with pytest.raises(ValueError, match=f"expected a model of sure, found one of {name}"):
        fitted(run, "sure", model=path)


def test_a_model_is_trained_on_several_sequences(run):
    other = measured(Run.of(Video(data=noisy(rng=3).data[:5, :48, :40])))
    model = trained.train([run, other], "frames", progress=silent, rng=np.random.default_rng(0), **asked("recorrupted"))
    assert model.training["shapes"] == [[9, 64, 64], [5, 48, 40]]
    assert model.scheme == "recorrupted"


@pytest.mark.parametrize("name", ["noise2self", "self2self"])
def test_a_fit_gives_the_model_that_a_training_gives(run, name):
    settings = asked(name, training_steps=2)
    model = trained.train([run], "frames", progress=silent, rng=np.random.default_rng(0), **settings)
    kept = fitted(run, name, training_steps=2).model
    assert (model.network, model.scheme, model.options) == (kept.network, kept.scheme, kept.options)
    weights = kept.net.state_dict()
    assert all(torch.equal(weights[key], values) for key, values in model.net.state_dict().items())
    assert {**model.training, "seconds": 0} == {**kept.training, "seconds": 0}


def test_a_student_is_no_start_for_further_training(run, tmp_path):
    path = str(save(tmp_path / "student.safetensors", fitted(run, "self2self", training_steps=1).model))
    assert load(path).network == "student"
    with pytest.raises(ValueError, match="expected a model to train further, found a student"):
        fitted(run, "self2self", model=path, continue_training=True)


@pytest.mark.parametrize("name", TOGETHER)
def test_schemes_for_noise_of_each_frame_refuse_a_background(run, name):
    with pytest.raises(ValueError, match=f"expected noise .* for {name}, found 'background', which shares it"):
        trained.refuse(run, "background", name)


def test_a_background_and_a_foreground_are_denoised_frame_by_frame(run):
    frames, rng = run.video("frames"), np.random.default_rng(4)
    below = (SCENE + 3 * rng.standard_normal(SHAPE[1:]) + np.zeros(SHAPE)).astype(np.float32)
    parts = {"background": frames.with_data(below), "foreground": frames.with_data(frames.data - below)}
    split = Run({**run, **parts}, detector=run.detector)
    for name, truth, noise in (("background", SCENE, 3), ("foreground", 0, 10)):
        denoiser = fitted(split, "self2self", name=name, training_steps=12)
        clean, error = denoiser({key: parts[key].data for key in parts}, at(2, 4))
        left = np.sqrt(np.mean((clean - truth) ** 2))
        assert left < 0.8 * noise
        assert (error > 0).all()
        assert np.isfinite(error).all()


def test_small_frames_and_a_truth_of_another_size_are_refused(run):
    small = Run({"frames": Video(data=np.zeros((4, 7, 30)))})
    with pytest.raises(ValueError, match="at least 8 x 8 pixels for noise2self, found"):
        trained.refuse(small, "frames", "noise2self")
    other = Run({**run, "truth": small.video("frames")}, detector=run.detector)
    with pytest.raises(ValueError, match="expected a truth of the frames"):
        trained.refuse(other, "frames", "supervised")


@pytest.mark.parametrize("name", SCHEMES)
def test_schemes_for_independent_noise_warn_where_it_is_not(run, name):
    blurred = run_of(noisy(blurred=0.8))
    assert trained.doubts(run, "frames", name) == ()
    assert trained.doubts(blurred, "frames_decorrelated", name) == ()
    warnings = trained.doubts(blurred, "frames", name)
    assert len(warnings) == (name in INDEPENDENT)
    assert all("neighbouring pixels correlate by 0." in warning for warning in warnings)


def test_correlated_noise_is_judged_by_other_frames_which_are_not_trained_on():
    run = run_of(noisy(blurred=0.8))
    noise = noise_of(run, "frames")
    subject = Subject(seen(run, "frames", noise=noise, bent=True), noise)
    alone = scheme("noise2self", noise_autocorrelation=noise.autocorrelation)
    found = lessons.lessons([subject], alone, rng=np.random.default_rng(0), held_out=2)
    assert found.tests
    assert found.crops.sources[0].frames.shape[0] < SHAPE[0]
    white = Subject(subject.frames, replace(noise, autocorrelation=np.ones((1, 1))))
    assert not lessons.lessons([white], alone, rng=np.random.default_rng(0), held_out=2).tests


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("name", ["noise2self", "temporal", "recorrupted"])
def test_few_frames(count, name):
    run = run_of(Video(data=noisy().data[:count]))
    clean, error = fitted(run, name, training_steps=2)({"frames": run.video("frames").data}, _all(count))
    assert np.isfinite(clean).all()
    assert (error > 0).all()


def _all(count):
    where = (slice(0, count), slice(0, 64), slice(0, 64))
    return Block(where, where)


def test_decorrelated_frames_go_through_a_logarithm_and_negative_ones_stay(run):
    rng = np.random.default_rng(3)
    dark = run.video("frames").with_data((2 + 10 * rng.standard_normal(SHAPE)).astype(np.float32))
    whole = Run({"frames": dark, "frames_decorrelated": dark})
    denoiser = fitted(measured(whole), "noise2self", name="frames_decorrelated", training_steps=20)
    assert isinstance(denoiser.frames, Seen)
    assert denoiser.model.normalisation == {"domain": "logarithm"}
    clean, _ = denoiser({"frames_decorrelated": dark.data}, at(0, 9))
    assert clean.mean() == pytest.approx(2, abs=0.5)
    assert clean.std() < 5
