"""What every network promises: any size, no neighbours in the batch, a reach that is true, and tiles like the whole."""

import numpy as np
import pytest
import torch

from napari_fluorodenoise.denoisers.networks import NETWORKS, network
from napari_fluorodenoise.denoisers.tiles import applied

SMALL = {"channels": 4, "depth": 2}
CASES = [
    *((name, SMALL) for name in NETWORKS),
    ("unshuffled", {"channels": 4, "depth": 1}),
    ("unshuffled", {"channels": 4, "depth": 0}),
    ("unet", {"channels": 4, "depth": 3}),
    ("unet", {**SMALL, "pool": "blur", "first_skip": False}),
    ("dncnn", {"channels": 4, "depth": 3, "fold": 2}),
    ("self2self", {"channels": 4, "depth": 1, "fold": 2}),
]
every = pytest.mark.parametrize(("name", "sizes"), CASES, ids=lambda value: str(value).translate({39: None, 32: None}))


def made(name, sizes, *, inputs=3, centre=1, seed=0, **more):
    """A network whose last layer no longer says nothing."""
    net = network(name, inputs=inputs, centre=centre, seed=seed, **{**sizes, **more}).eval()
    generator = torch.Generator().manual_seed(seed)
    torch.nn.init.normal_(net.last.weight, std=0.3, generator=generator)
    return net


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@every
@pytest.mark.parametrize("shape", [(37, 50), (5, 3), (1, 1), (16, 33)])
def test_any_size_comes_back(name, sizes, shape):
    with torch.inference_mode():
        found = made(name, sizes)(noise(2, 3, *shape))
    assert found.shape == (2, 1, *shape)
    assert found.isfinite().all()


@every
@pytest.mark.parametrize("centre", [0, None])
def test_an_untrained_network_gives_a_constant_back(name, sizes, centre):
    net = network(name, inputs=3, centre=centre, seed=0, offset=20.0, scale=5.0, **sizes).eval()
    with torch.inference_mode():
        found = net(torch.full((1, 3, 24, 20), 7.0))
    torch.testing.assert_close(found, torch.full((1, 1, 24, 20), 0.0 if name == "refiner" else 7.0))  # a change alone


@every
def test_a_picture_does_not_depend_on_its_neighbours_in_a_batch(name, sizes):
    net, pictures = made(name, sizes), noise(3, 3, 21, 30)
    with torch.inference_mode():
        torch.testing.assert_close(net(pictures)[1:2], net(pictures[1:2]))


@every
@pytest.mark.parametrize("at", [(64, 64), (67, 77)])
def test_an_input_pixel_reaches_as_far_as_is_said(name, sizes, at):
    net = made(name, sizes, inputs=1, centre=0)
    pictures = noise(1, 1, 160, 160)
    changed = pictures.clone()
    changed[0, 0, at[0], at[1]] += 30.0
    with torch.inference_mode():
        far = (net(changed) - net(pictures))[0, 0].abs().nonzero() - torch.tensor(at)
    assert far.numel()
    assert far.abs().max() <= net.reach


@every
def test_tiles_equal_the_whole(name, sizes):
    net = made(name, sizes)
    frame = noise(3, 101, 119).numpy()
    with torch.inference_mode():
        whole = net(torch.from_numpy(frame)[None])[0, 0].numpy()
    for tile in (24, 50):
        np.testing.assert_allclose(applied(net, frame, tile=tile), whole, atol=1e-5)


@every
def test_the_settings_make_the_network_again(name, sizes):
    net = made(name, sizes, offset=1.0, scale=2.0)
    again = network(name, seed=3, **net.settings).eval()
    again.load_state_dict(net.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(again(noise(1, 3, 20, 20)), net(noise(1, 3, 20, 20)))


@every
def test_the_gradient_reaches_every_weight(name, sizes):
    net = made(name, sizes).train()
    for pictures in (noise(2, 3, 32, 32), noise(2, 3, 32, 32, seed=2)):
        net(pictures).square().mean().backward()
    assert all(values.grad is not None and values.grad.abs().max() > 0 for values in net.parameters())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_makes_the_weights_and_touches_no_other_randomness(name):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, same, other = (network(name, seed=seed, **SMALL) for seed in (0, 0, 1))
    torch.testing.assert_close(torch.rand(3), expected)
    weights = [torch.cat([values.flatten() for values in net.parameters()]) for net in (first, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("name", ["unet", "unshuffled", "dncnn"])
def test_offset_and_scale_move_what_the_layers_see(name):
    plain, moved = made(name, SMALL), made(name, SMALL, offset=40.0, scale=2.0)
    without = network(name, inputs=3, centre=1, seed=0, **SMALL).eval()
    pictures = noise(1, 3, 20, 20)
    with torch.inference_mode():
        change = plain(pictures) - without(pictures)
        other = moved(2 * pictures + 40) - without(2 * pictures + 40)
    torch.testing.assert_close(change, other, atol=1e-4, rtol=1e-4)


def test_every_network_is_named_in_the_refusal_of_another():
    with pytest.raises(ValueError, match="unet, unshuffled, student, refiner, dncnn, fusion, self2self"):
        network("transformer", seed=0)


@pytest.mark.parametrize(
    "wrong",
    [{"channels": 0}, {"depth": -1}, {"depth": 65}, {"fold": 0}, {"centre": 1}, {"inputs": 0}, {"scale": 0.0}],
)
def test_sizes_that_make_no_network_are_refused(wrong):
    with pytest.raises(ValueError, match=r"expected .*, found .*; give"):
        network("unshuffled", seed=0, **wrong)
