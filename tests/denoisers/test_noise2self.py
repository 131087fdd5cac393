"""Noise2Self sees nothing of a hidden pixel, learns from noisy frames alone, and gives the same for the same seed."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.denoisers import noise2self, unet
from napari_fluorodenoise.denoisers.held_out import held_out, places
from napari_fluorodenoise.denoisers.noise2self import Scale, filled, grids, train_on
from napari_fluorodenoise.denoisers.unet import UNet
from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.video import Run, Video

SHAPE = (12, 64, 64)
SCENE = 100 + 40 * np.sin(np.arange(64)[:, None] / 5) * np.cos(np.arange(64) / 7)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Batches and a network that train in a second, on one thread: a small network only waits for more."""
    monkeypatch.setattr(noise2self, "BATCH", 4)
    monkeypatch.setattr(noise2self, "CROP", 32)
    monkeypatch.setattr(unet, "UNet", partial(UNet, channels=8, depth=1))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def noisy(*, blurred=0.0, rng=0):
    noise = np.random.default_rng(rng).standard_normal(SHAPE)
    noise = np.stack([gaussian_filter(frame, blurred) for frame in noise]) if blurred else noise
    return Video(data=(SCENE + 10 * noise / noise.std()).astype(np.float32))


def fitted(video, *, steps, seed=0):
    run = measured(Run.of(video))
    settings = {"training_steps": steps, "held_out": 2}
    return noise2self.fit(run, "frames", progress=silent, rng=np.random.default_rng(seed), **settings)


def at(start, stop):
    where = (slice(start, stop), slice(0, 64), slice(0, 64))
    return Block(where, where)


def test_every_pixel_is_hidden_once_and_none_beside_another():
    phases = np.stack(np.divmod(np.arange(16), 4), axis=1)
    hidden = grids((16, 1, 11, 9), phases)
    np.testing.assert_array_equal(hidden.sum(axis=0), 1)
    assert not (hidden[..., 1:] & hidden[..., :-1]).any()


@pytest.mark.parametrize("phase", [(0, 0), (1, 3), (3, 2)])
def test_what_comes_out_at_hidden_pixels_does_not_depend_on_what_was_there(phase):
    torch.manual_seed(0)
    net = UNet(channels=4)
    torch.nn.init.normal_(net.last.weight)
    picture = torch.randn(1, 1, 40, 37)
    hidden = torch.from_numpy(grids(picture.shape, np.array([phase])))
    other = torch.where(hidden, torch.randn_like(picture), picture)
    with torch.inference_mode():
        torch.testing.assert_close(net(filled(picture, hidden)), net(filled(other, hidden)), rtol=0, atol=0)
        assert not torch.allclose(net(picture), net(other))


def test_noise_goes_and_the_mean_stays():
    video = noisy()
    clean, error = fitted(video, steps=60)({"frames": video.data}, at(0, 12))
    left = np.sqrt(np.mean((clean - SCENE) ** 2))
    assert left < 0.4 * 10
    assert clean.mean() == pytest.approx(SCENE.mean(), rel=0.003)
    assert 0.5 < np.sqrt(np.mean(error**2)) / left < 2
    assert clean.dtype == error.dtype == np.float32


def test_the_same_seed_gives_the_same_and_another_does_not():
    video = noisy()
    frames = [fitted(video, steps=5, seed=seed).restored(video.data[0]) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(frames[0], frames[1])
    assert np.abs(frames[0] - frames[2]).max() > 0


def test_the_global_random_state_is_left_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fitted(noisy(), steps=1)
    torch.testing.assert_close(torch.rand(3), expected)


def test_a_frame_comes_out_the_same_in_every_block():
    video = noisy()
    denoiser = fitted(video, steps=3)
    whole, _ = denoiser({"frames": video.data}, at(0, 12))
    part, _ = denoiser({"frames": video.data[5:7]}, at(5, 7))
    np.testing.assert_array_equal(whole[5:7], part)


def test_training_is_stopped_before_it_learns_correlated_noise():
    video = noisy(blurred=0.8)
    where = places(12, most=2)
    tests = held_out(video, where, stabilize=lambda frame: frame / 10)
    frames = [frame for t, frame in enumerate(video.data) if t not in where.kept_back]
    scale = Scale.of(frames, bend=10.0)
    found = train_on(frames, tests, scale, steps=240, progress=silent, rng=np.random.default_rng(0))
    assert found.step < 240
    assert found.losses[-1][1] > 1.02 * min(loss for _, loss in found.losses)


def test_dark_and_negative_intensities():
    rng = np.random.default_rng(3)
    video = Video(data=(2 + 10 * rng.standard_normal(SHAPE)).astype(np.float32))
    clean, _ = fitted(video, steps=30)({"frames": video.data}, at(0, 12))
    assert clean.mean() == pytest.approx(2, abs=0.3)
    assert clean.std() < 4


@pytest.mark.parametrize("count", [2, 3, 5])
def test_few_frames(count):
    video = Video(data=noisy().data[:count])
    clean, error = fitted(video, steps=2)({"frames": video.data}, at(0, count))
    assert np.isfinite(clean).all()
    assert (error > 0).all()
