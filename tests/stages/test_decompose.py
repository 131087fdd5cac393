"""Background + foreground = frames, and the background is the one that was simulated."""

import numpy as np
import pytest

from napari_fluorodenoise.engine.blocks import Output, map_blocks
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.stages.decompose import Decompose
from napari_fluorodenoise.stages.stabilize import OFFSETS
from napari_fluorodenoise.video import Run, Table, Video


def noise_of(truth):
    return np.sqrt(truth.slope * truth.clean + truth.read_variance)


def with_offsets(truth):
    return Run.of(truth.noisy).adding({"offsets": Table(data=truth.offsets, columns=OFFSETS)})


@pytest.fixture(scope="module")
def still_view():
    truth = phantom(frames=40, shape=(192, 192), photons=100, rng=0)
    return truth, Decompose()(truth.noisy)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "bool"])
def test_the_sum_is_exact_for_integers(dtype):
    rng = np.random.default_rng(0)
    limits = np.iinfo(dtype) if dtype != "bool" else np.iinfo("uint8")
    data = rng.integers(limits.min, limits.max, (6, 24, 20), endpoint=True).astype(dtype)
    run = Decompose()(Video(data=data))
    np.testing.assert_array_equal(run["background"].data + run["foreground"].data, data.astype(np.float32))


def test_the_sum_is_exact_to_the_last_place_for_floats():
    data = np.random.default_rng(0).gamma(4.0, 1000.0, (6, 24, 20)).astype(np.float32)
    run = Decompose()(Video(data=data))
    total = run["background"].data + run["foreground"].data
    assert (np.abs(total - data) <= np.spacing(np.maximum(data, run["background"].data))).all()


@pytest.mark.parametrize("pan", [0.0, 2.0])
def test_the_background_is_the_true_one(pan):
    truth = phantom(frames=40, shape=(128, 128), photons=60, pan=pan, rng=0)
    run = Decompose()(with_offsets(truth))
    error = (run["background"].data - truth.background) / noise_of(truth)
    assert np.median(np.sqrt((error**2).mean(axis=0))) < 1 / 3


def test_still_anatomy_is_background_to_a_third_of_the_noise(still_view):
    truth, run = still_view
    still = truth.background.std(axis=0) < 0.1 * noise_of(truth).min(axis=0)
    error = (run["background"].data - truth.background) / noise_of(truth)
    assert still.mean() > 0.2
    assert np.sqrt((error[:, still] ** 2).mean()) < 1 / 3


def test_wire_and_vessels_are_foreground_with_four_fifths_of_their_contrast(still_view):
    truth, run = still_view
    parts = np.stack([truth.wire, truth.clean - truth.background - truth.wire])
    there = (parts < -0.5 * noise_of(truth)).any(axis=0)
    shares, *_ = np.linalg.lstsq(parts[:, there].T, run["foreground"].data[there], rcond=None)
    assert shares.min() > 0.8


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_wire_that_comes_and_stays_is_foreground(photometric):
    rng = np.random.default_rng(0)
    sign = -1 if photometric == "MONOCHROME2" else 1
    scene = np.linspace(400, 600, 64, dtype=np.float32)[:, None] * np.ones(64, np.float32)
    wire = np.zeros((40, 64, 64), np.float32)
    wire[15:, 30:33, 10:54] = sign * 60
    data = scene + wire + 10 * rng.standard_normal(wire.shape, dtype=np.float32)
    foreground = Decompose()(Video(data=data, photometric=photometric))["foreground"].data
    assert sign * foreground[15:, 30:33, 12:52].mean() > 0.9 * 60


def test_a_still_scene_gives_its_mean_in_every_frame():
    rng = np.random.default_rng(0)
    data = (rng.uniform(400, 600, (48, 48)) + 10 * rng.standard_normal((40, 48, 48))).astype(np.float32)
    background = Decompose()(Video(data=data))["background"].data
    error = (background - data.mean(axis=0)) / 10
    assert np.sqrt((error**2).mean()) < 0.2


def test_changing_brightness_belongs_to_the_background():
    gains = np.linspace(1.0, 0.6, 40)[:, None, None]
    rng = np.random.default_rng(0)
    scene = gains * np.linspace(400, 600, 48)[:, None] * np.ones(48)
    data = (scene + 5 * rng.standard_normal(scene.shape)).astype(np.float32)
    error = (Decompose()(Video(data=data))["background"].data - scene) / 5
    assert np.sqrt((error**2).mean()) < 0.3


@pytest.mark.parametrize("rank", [1, 2])
def test_blocks_equal_the_whole(rank):
    run = measured(with_offsets(phantom(frames=19, shape=(48, 56), pan=1.0)))
    fitted = Decompose(rank=rank, window=6).fit(run)
    outputs = dict.fromkeys(("background", "foreground"), Output(np.dtype(np.float32)))
    data = {"frames": run.video("frames").data}
    whole = map_blocks(fitted, data, outputs=outputs, size=(19, 48, 56))
    for size in (1, 5, 8):
        parts = map_blocks(fitted, data, outputs=outputs, size=(size, 48, 56))
        for name in outputs:
            np.testing.assert_array_equal(parts[name], whole[name])


@pytest.mark.parametrize("value", [0, 1000])
@pytest.mark.parametrize("frames", [2, 5, 40])
def test_constant_frames_have_no_foreground(value, frames):
    run = Decompose()(Video(data=np.full((frames, 20, 24), value, np.uint16)))
    np.testing.assert_allclose(run["background"].data, value, atol=0.01)
    np.testing.assert_allclose(run["foreground"].data, 0, atol=0.01)
    np.testing.assert_allclose(run["background_panorama"].data, value, atol=0.01)


def test_the_panorama_covers_the_pan():
    truth = phantom(frames=20, shape=(64, 64), pan=3.0)
    run = Decompose()(with_offsets(truth))
    extent = np.ceil(truth.offsets.max(axis=0)) - np.floor(truth.offsets.min(axis=0))
    assert run["background_panorama"].data.shape == tuple(64 + extent.astype(int))
    assert run["background_panorama"].origin == tuple(np.floor(truth.offsets.min(axis=0)))
    assert run["background"].shape == truth.noisy.shape
