"""Fuse: the parts become one sequence again, in the frames' dtype, with an error that shrinks by averaging."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.stages.decorrelate import Decorrelate
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.stages.fuse import Fuse
from napari_fluorodenoise.video import Run, Table, Video

SHAPE = (6, 32, 40)


def run_of(frames, /, **denoised):
    video = Video(data=frames)
    items = {"frames": video}
    for name, data in denoised.items():
        items[f"{name}_denoised"] = video.with_data(np.asarray(data, np.float32))
        items[f"{name}_uncertainty"] = video.with_data(np.ones(data.shape, np.float32))
    return measured(Run(items))


def noisy(dtype=np.uint16, seed=0):
    return np.random.default_rng(seed).integers(90, 110, SHAPE).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_whole_frames_return_to_their_dtype(dtype):
    denoised = np.linspace(80, 120, np.prod(SHAPE)).reshape(SHAPE)
    fused = Fuse()(run_of(noisy(dtype), frames=denoised))["fused"]
    assert fused.dtype == dtype
    np.testing.assert_allclose(fused.numpy(), denoised, atol=0.5 if np.dtype(dtype).kind != "f" else 1e-4)


def test_values_beyond_what_is_stored_are_clipped():
    frames = Video(data=noisy(), metadata={"bits_stored": 10})
    low, high = np.full(SHAPE, -5.0), np.full(SHAPE, 5000.0)
    for denoised, limit in ((low, 0), (high, 1023)):
        items = run_of(noisy(), frames=denoised)
        assert (Fuse()(Run({**items, "frames": frames}, detector=items.detector))["fused"].numpy() == limit).all()


def test_background_and_foreground_add_up():
    background, foreground = np.full(SHAPE, 100.0), np.zeros(SHAPE)
    foreground[:, 10:20, 15:18] = -30
    fused = Fuse()(run_of(noisy(np.float32), background=background, foreground=foreground))["fused"].numpy()
    np.testing.assert_allclose(fused, background + foreground, atol=1e-3)


def test_a_split_is_weighed_with_the_whole_frames():
    rng = np.random.default_rng(3)
    background, foreground, whole = (rng.uniform(90, 110, SHAPE) for _ in range(3))
    run = Fuse(neighbours=0)(
        run_of(noisy(np.float32), background=background, foreground=foreground - 100, frames=whole)
    )
    expected = 2 / 3 * whole + 1 / 3 * (background + foreground - 100)
    np.testing.assert_allclose(run["fused"].numpy(), expected, rtol=1e-5)
    assert (run["uncertainty"].numpy() <= np.sqrt(2 / 3 * 1 + 1 / 3 * 2) + 1e-5).all()


@pytest.mark.parametrize("pan", [0.0, 2.0])
def test_the_mean_of_split_and_whole_is_better_than_either_and_says_how_good_it_is(pan):
    from napari_fluorodenoise.recipe import Recipe

    truth = phantom(frames=14, shape=(112, 112), photons=60, pan=pan, rng=4)
    run = Recipe.named("sdd")(truth.noisy)
    split = run["background_denoised"].numpy() + run["foreground_denoised"].numpy()

    def error(values):
        return float(np.sqrt(((values - truth.clean) ** 2).mean()))

    fused = error(run["fused"].numpy())
    assert fused < min(error(split), error(run["frames_denoised"].numpy()))
    assert 0.6 < fused / float(np.sqrt((run["uncertainty"].numpy() ** 2).mean())) < 1.4


def split(foreground, *, deviation=1.0, offsets=None):
    """A run of a foreground of known error on a background of 0 that has none."""
    frames = Video(data=np.zeros(foreground.shape, np.float32))
    items = {"frames": frames, "background_denoised": frames, "background_uncertainty": frames}
    items["foreground_denoised"] = frames.with_data(foreground.astype(np.float32))
    items["foreground_uncertainty"] = frames.with_data(np.full(foreground.shape, deviation, np.float32))
    if offsets is not None:
        items["offsets"] = offsets
    return measured(Run(items))


def rms(values):
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def texture(shape, seed=0):
    return gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 3) * 100


def test_without_neighbours_a_foreground_stays_as_it_is():
    foreground = texture(SHAPE)
    run = Fuse(neighbours=0)(split(foreground, deviation=3.0))
    np.testing.assert_array_equal(run["fused"].numpy(), foreground.astype(np.float32))
    np.testing.assert_allclose(run["uncertainty"].numpy(), 3.0, rtol=1e-6)


def test_errors_of_their_own_average_out_and_the_uncertainty_says_so():
    scene, rng = texture((96, 96)), np.random.default_rng(1)
    noise = np.stack([gaussian_filter(rng.standard_normal((96, 96)), 1) for _ in range(7)])
    noise /= noise.std()
    run = Fuse()(split(scene + noise))
    error = run["fused"].numpy() - scene
    for t, most in ((0, 0.8), (1, 0.75), (3, 0.7)):  # two, three and four neighbours
        assert rms(error[t]) < most
        assert rms(run["uncertainty"].numpy()[t]) == pytest.approx(rms(error[t]), rel=0.15)


def test_errors_in_common_stay_and_so_does_the_uncertainty():
    foreground = np.broadcast_to(texture((96, 96)) + np.random.default_rng(2).standard_normal((96, 96)), (7, 96, 96))
    run = Fuse()(split(foreground))
    np.testing.assert_allclose(run["fused"].numpy(), foreground, atol=0.05)
    np.testing.assert_allclose(run["uncertainty"].numpy(), 1, atol=0.02)


@pytest.mark.parametrize("radius", [0, 4])
@pytest.mark.parametrize("pan", [0.0, 2.0])
def test_the_uncertainty_is_the_error_on_average_however_many_frames_were_averaged(radius, pan):
    sample = phantom(frames=9, shape=(128, 128), photons=60, pan=pan, rng=1)
    run = measured(Run.of(sample.noisy))
    truth = sample.noisy.with_data(sample.background)
    run = run.adding({"background": truth, "foreground": truth.with_data(sample.noisy.numpy() - sample.background)})
    run = Denoise(of=("foreground",), radius=radius)(run)
    zero = truth.with_data(np.zeros_like(sample.background))
    run = run.adding({"background_denoised": truth, "background_uncertainty": zero})
    alone, averaged = (Fuse(neighbours=k)(run) for k in (0, 2))
    error, promised = averaged["fused"].numpy() - sample.clean, averaged["uncertainty"].numpy()
    gain = promised / alone["uncertainty"].numpy()
    for least, most in pairwise(np.quantile(gain, [0, 0.25, 0.5, 0.75, 1])):
        some = (gain >= least) & (gain <= most)
        assert 0.75 < rms(error[some]) / rms(promised[some]) < 1.25
    assert rms(error) < rms(alone["fused"].numpy() - sample.clean)


def sliding(*, speeds, count=5):
    """A textured piece that slides over another, at `speeds` (left, right) in px a frame, and where its edge is."""
    left, right = texture((96, 200), seed=3), 15 + texture((96, 200), seed=4)
    edges = [40 + speeds[1] * t for t in range(count)]
    frames = np.stack([left[:, 50 - speeds[0] * t :][:, :96] for t in range(count)])
    for frame, edge in zip(frames, edges, strict=True):
        frame[:, edge:] = right[:, : 96 - edge]
    return frames, edges


@pytest.mark.parametrize("speeds", [(0, 4), (-2, 2), (2, 5)])
def test_an_edge_between_pieces_that_slide_past_each_other_stays_sharp(speeds):
    frames, edges = sliding(speeds=speeds)
    noise = np.random.default_rng(5).standard_normal(frames.shape)
    fused = Fuse(rho=20)(split(frames + noise))["fused"].numpy()[2]  # the pieces differ by less: rho lets them mix
    plain, truth, edge = frames.mean(axis=0), frames[2], edges[2]
    near = np.s_[:, edge - 3 : edge + 3]
    assert rms((fused - truth)[near]) < 0.15 * rms((plain - truth)[near])

    def step(picture):
        return np.mean(picture[:, edge] - picture[:, edge - 1])

    assert step(fused) == pytest.approx(step(truth), rel=0.05)
    assert step(plain) < 0.5 * step(truth)


def test_another_view_is_never_averaged():
    scene = texture((64, 64)) + np.random.default_rng(6).standard_normal((6, 64, 64))
    segment = np.array([0.0, 0, 0, 1, 1, 1])
    columns = ("row [px]", "column [px]", "segment", "confidence")
    table = Table(data=np.stack([0 * segment, 0 * segment, segment, 1 + 0 * segment], axis=1), columns=columns)
    fused = Fuse()(split(scene, offsets=table))["fused"].numpy()
    apart = [Fuse()(split(part))["fused"].numpy() for part in (scene[:3], scene[3:])]
    np.testing.assert_allclose(fused, np.concatenate(apart), atol=1e-5)


def test_a_cut_that_nobody_noticed_does_not_leak():
    scenes = [texture((64, 64), seed) for seed in (7, 8)]
    frames = np.repeat(scenes, 3, axis=0)
    fused = Fuse()(split(frames))["fused"].numpy()
    assert np.abs(fused - frames).max() < 1.5
    assert rms(fused - frames) < 0.1


def test_what_differs_by_more_than_the_noise_is_not_averaged():
    foreground = np.zeros(SHAPE)
    foreground[3] = -50  # a flash: no motion leads to it
    run = run_of(noisy(np.float32), background=np.zeros(SHAPE), foreground=foreground)
    fused = Fuse()(run)["fused"].numpy()
    np.testing.assert_allclose(fused, foreground, atol=1e-3)


def test_decorrelated_frames_are_blurred_again():
    sample = phantom(frames=10, shape=(96, 96), photons=100, rng=0)
    run = Fuse()(Denoise(of=("frames_decorrelated",))(Decorrelate()(sample.noisy)))
    error, noise = (np.std(run[name].numpy() - sample.clean) for name in ("fused", "frames"))
    assert error < 0.4 * noise


def test_without_anything_denoised_it_says_so():
    with pytest.raises(ValueError, match="expected denoised frames"):
        Fuse()(Video(data=noisy()))


def test_only_the_fused_sequence_keeps_the_windowing_of_the_frames():
    frames = Video(data=noisy(), metadata={"window": (90, 110)})
    run = Fuse()(Denoise(radius=1)(frames))
    assert run["fused"].metadata["window"] == (90, 110)
    assert not any("window" in run[name].metadata for name in run if name not in ("frames", "fused"))


def test_without_what_was_inverted_it_asks_for_it():
    with pytest.raises(ValueError, match="expected the whitening that Decorrelate adds"):
        Fuse()(run_of(noisy(), frames_decorrelated=np.ones(SHAPE)))
