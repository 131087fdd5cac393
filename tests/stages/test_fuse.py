"""Fuse: the parts become one sequence again, in the frames' dtype, with an error that shrinks by averaging."""

import numpy as np
import pytest

from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.stages.decorrelate import Decorrelate
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.stages.fuse import Fuse
from napari_fluorodenoise.video import Run, Video

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


def test_averaging_a_still_foreground_lowers_its_error_and_promises_nothing():
    foreground = np.random.default_rng(1).standard_normal(SHAPE)
    run = run_of(noisy(np.float32), background=np.zeros(SHAPE), foreground=foreground)
    alone, averaged = (Fuse(neighbours=k)(run) for k in (0, 2))
    assert averaged["fused"].numpy().std() < 0.8 * alone["fused"].numpy().std()
    for fused in (alone, averaged):  # of two parts with an error of 1 each
        np.testing.assert_allclose(fused["uncertainty"].numpy(), np.sqrt(2), rtol=1e-4)


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


def test_without_the_response_it_asks_for_it():
    with pytest.raises(ValueError, match="expected the response that Decorrelate adds"):
        Fuse()(run_of(noisy(), frames_decorrelated=np.ones(SHAPE)))
