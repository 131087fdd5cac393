"""What was fitted goes to other processes as pickles, and makes the same pixels there."""

import pickle
from copy import deepcopy

import cloudpickle
import numpy as np
import pytest
import torch

from napari_fluorodenoise.denoisers import DENOISERS
from napari_fluorodenoise.denoisers.networks import network, parts
from napari_fluorodenoise.denoisers.training import laid_out
from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.video import Run

SHAPE = (7, 48, 56)


pytestmark = pytest.mark.usefixtures("small_trainings")


@pytest.fixture(scope="module")
def run():
    """Frames and the truth, and a background and a foreground that they are the sum of."""
    made = phantom(frames=SHAPE[0], shape=SHAPE[1:], photons=60, rng=2)
    frames, still = made.noisy, made.background.astype(np.float32)
    arrays = {"background": still, "foreground": frames.data - still, "truth": frames.data}
    return measured(Run.of(frames)).adding({name: frames.with_data(data) for name, data in arrays.items()})


def sent(thing):
    return pickle.loads(cloudpickle.dumps(thing))


CASES = [*((denoiser, "frames", {}) for denoiser in DENOISERS)]
CASES += [("noise2self", "foreground", {}), ("wiener", "background", {}), ("self2self", "frames", {"student": False})]


@pytest.mark.parametrize(("denoiser", "name", "settings"), CASES)
def test_a_fitted_denoiser_makes_the_same_pixels_elsewhere(run, denoiser, name, settings):
    stage = Denoise(of=(name,), denoiser=denoiser, device="cpu", radius=1, passes=2, training_steps=1, **settings)
    fitted = stage.fit(run, rng=np.random.default_rng(0))
    whole = tuple(slice(0, n) for n in SHAPE)
    block = {key: run.video(key).numpy() for key in fitted.inputs}
    first, again = (found.apply(block, Block(whole, whole)) for found in (fitted, sent(fitted)))
    assert list(first) == list(again) == [f"{name}_denoised", f"{name}_uncertainty"]
    for key, pixels in first.items():
        np.testing.assert_array_equal(pixels, again[key])
    assert list(sent(fitted).models) == list(fitted.models)


def made():
    return laid_out(network("unet", seed=0, channels=4, depth=2), "cpu").requires_grad_(False).eval()


def test_a_network_comes_back_as_it_is():
    net = made()
    again = sent(net)
    assert again.settings == net.settings
    assert not again.training
    for one, other in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
        assert (one.stride(), one.requires_grad) == (other.stride(), other.requires_grad)


def test_of_a_network_on_another_device_a_pickle_holds_nothing_of_it(monkeypatch):
    monkeypatch.setattr(parts, "_on_cpu", lambda values: torch.nn.Parameter(torch.ones(values.shape), False))
    net = made().to("meta")  # a device that every machine has, from which nothing can be read
    for again in (sent(net), deepcopy(net)):
        assert {values.device.type for values in again.parameters()} == {"cpu"}
        assert all((values == 1).all() for values in again.parameters())
        assert list(again.state_dict()) == list(net.state_dict())
    assert {values.device.type for values in net.parameters()} == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_network_on_a_gpu_comes_back_there():
    net = made().to("cuda")
    assert not net.__getstate__()["_modules"]["last"].weight.is_cuda
    for again in (sent(net), deepcopy(net)):
        for one, other in zip(net.parameters(), again.parameters(), strict=True):
            assert other.is_cuda
            assert torch.equal(one, other)
