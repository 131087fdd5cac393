"""The scripts that make the shipped weights: scenes are finite, the same for a seed, and pan as they say."""

import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from napari_fluorodenoise.denoisers.evidence import CHANNELS
from napari_fluorodenoise.motion.warp import shifted

FOLDER = Path(__file__).parents[1] / "weights"


@pytest.fixture(scope="module")
def script():
    """A script of the folder by its name."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield import_module
    for name in {"scenes", "train"} - before:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def scenes(script):
    return script("scenes")


@pytest.mark.parametrize("seed", range(8))
def test_a_scene_is_finite_moves_and_is_the_same_for_a_seed(scenes, seed):
    made, again = (scenes.scene(np.random.default_rng(seed), frames=4, side=48) for _ in range(2))
    assert (made.clean.shape, made.clean.dtype, made.offsets.shape) == ((4, 48, 48), np.float32, (4, 2))
    assert np.isfinite(made.clean).all()
    assert made.clean.std() > 0
    assert np.abs(np.diff(made.clean, axis=0)).max() > 0
    np.testing.assert_array_equal(made.clean, again.clean)
    np.testing.assert_array_equal(made.offsets, again.offsets)


def test_scenes_differ(scenes):
    found = [scenes.scene(np.random.default_rng(seed), frames=2, side=32) for seed in range(6)]
    assert len({float(made.clean.mean()) for made in found}) == 6
    assert len({bool(made.offsets.any()) for made in found}) == 2


def test_a_view_pans_as_its_offsets_say(scenes, monkeypatch):
    def nothing(shape, rng, **_):
        return lambda t, frames: np.zeros(shape, np.float32)

    monkeypatch.setattr(scenes, "moving", nothing)
    monkeypatch.setattr(scenes, "wire", nothing)
    monkeypatch.setattr(scenes, "simulated", lambda rng, **_: None)
    made = [scenes.scene(np.random.default_rng(seed), frames=3, side=64) for seed in range(8)]
    found = [one for one in made if one is not None]
    assert sum(bool(one.offsets.any()) for one in found) > 1
    for one in found:
        moved = shifted(one.clean[0], one.offsets[2] - one.offsets[0])[12:-12, 12:-12]
        assert np.corrcoef(moved.ravel(), one.clean[2, 12:-12, 12:-12].ravel())[0, 1] > 0.98


@pytest.mark.parametrize("frames", [1, 30])
def test_a_path_stays_in_bounds(scenes, frames):
    for seed in range(20):
        offsets = scenes.path(np.random.default_rng(seed), frames=frames, most=20.0)
        assert offsets.shape == (frames, 2)
        assert np.abs(offsets).max() <= 20


def test_a_wire_may_be_there_in_one_frame_only(scenes):
    seen = [
        sum(bool(layer(t, 5).any()) for t in range(5))
        for layer in (scenes.wire((40, 40), np.random.default_rng(seed), frames=5) for seed in range(20))
    ]
    assert 1 in seen
    assert 5 in seen


def test_a_cloud_has_the_slope_that_is_asked(scenes):
    field = scenes.cloud((128, 128), 2.0, np.random.default_rng(0))
    assert field.mean() == pytest.approx(0, abs=1e-6)
    assert field.std() == pytest.approx(1)
    power = np.abs(np.fft.fft2(field)[0]) ** 2
    coarse, fine = power[2:6].mean(), power[16:48].mean()
    assert np.log(coarse / fine) / np.log(8) == pytest.approx(4, abs=1.5)  # an amplitude's slope of 2, squared


@pytest.fixture(scope="module")
def train(script):
    found, threads = script("train"), cv2.getNumThreads()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"FRAMES": 5, "SIDE": 48, "KEPT": 3, "CROP": 16, "BATCH": 4}.items():
            patch.setattr(found, name, value)
        yield found
    cv2.setNumThreads(threads)


@pytest.fixture(scope="module")
def examples(train):
    return [train.example(seed) for seed in range(4)]


def test_an_example_has_the_shapes_that_it_says(train, examples):
    for one in examples:
        assert (one.seen.shape, one.seen.dtype) == ((3, CHANNELS, 48, 48), np.float16)
        assert (one.target.shape, one.target.dtype) == ((3, 48, 48), np.float32)
        assert np.isfinite(one.seen).all()
        assert np.isfinite(one.target).all()
        assert 0 < one.weight <= 1 / train.LEAST
    again = train.example(2)
    np.testing.assert_array_equal(again.seen, examples[2].seen)
    np.testing.assert_array_equal(again.target, examples[2].target)


def test_pilots_are_nearer_the_truth_than_the_noise(examples):
    assert np.mean([(one.target**2).mean() for one in examples]) < 0.3


def test_a_batch_is_of_crops_with_their_weights(train, examples):
    seen, target, weight = train.batch(examples, np.random.default_rng(0))
    assert seen.shape == (4, CHANNELS, 16, 16)
    assert target.shape == (4, 1, 16, 16)
    assert weight.shape == (4, 1, 1, 1)
    assert set(weight.ravel().tolist()) <= {float(np.float32(one.weight)) for one in examples}


@pytest.mark.parametrize("seed", range(6))
def test_a_detector_s_autocorrelation_is_that_of_noise(train, seed):
    clean, around = train.detected(np.zeros((1, 20, 20), np.float32), np.random.default_rng(seed))
    assert clean.shape == (1, 20, 20)
    assert around.shape == (9, 9)
    assert around[4, 4] == pytest.approx(1)
    assert around.max() == pytest.approx(1)
    np.testing.assert_allclose(around, around[::-1, ::-1], atol=1e-12)
    power = np.fft.fft2(np.fft.ifftshift(np.pad(around, 8)[:-1, :-1])).real
    assert power.min() > -0.005 * power.max()  # it is cut off where it is almost nothing
