"""Every scheme keeps the promises of `Scheme`, and learns something from a moving scene in a second."""

import numpy as np
import pytest
import torch

from napari_fluorodenoise.denoisers.lessons import predicted
from napari_fluorodenoise.denoisers.networks import network
from napari_fluorodenoise.denoisers.schemes import INDEPENDENT, SCHEMES, TOGETHER, beside, options_of, scheme
from napari_fluorodenoise.denoisers.training import train

WHITE = np.ones((1, 1))
SMALL = {"channels": 8, "depth": 1, "fold": 2}


def made(name, **options):
    radius = {"radius": 1} if name in TOGETHER else {}
    return scheme(name, noise_autocorrelation=WHITE, **radius, **options)


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_says_what_it_needs(name):
    found = made(name)
    assert found.independent == (name in INDEPENDENT)
    assert found.radius == (0 if name in INDEPENDENT else 1)
    assert found.inputs == (2 if name == "temporal" else 2 * found.radius + 1)
    assert found.centre == (None if name == "temporal" else found.radius)
    assert found.noise >= 0
    assert 0 <= found.left(0.5) <= 0.5
    network(found.network, seed=0, inputs=found.inputs, centre=found.centre, **found.sizes)


@pytest.mark.parametrize("name", SCHEMES)
def test_pixels_that_may_not_be_trained_on_are_not(name, windows):
    given = windows(radius=made(name).radius, number=2, side=32)
    given.target[:] = False
    net = network(made(name).network, seed=0, inputs=made(name).inputs, centre=made(name).centre, **SMALL)
    assert made(name).loss(net, given, rng=np.random.default_rng(0)).item() == 0


@pytest.mark.parametrize("name", SCHEMES)
def test_a_loss_draws_from_the_generator_alone(name, windows):
    given = windows(radius=made(name).radius, number=2, side=32)
    net = network(made(name).network, seed=0, inputs=made(name).inputs, centre=made(name).centre, **SMALL).eval()
    losses = [made(name).loss(net, given, rng=np.random.default_rng(seed)).item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1]
    assert (losses[0] == losses[2]) == (name in ("temporal", "supervised"))


@pytest.mark.parametrize("name", SCHEMES)
def test_a_second_of_training_beats_the_noisy_frames_clearly(name, windows):
    options = {"student": False, "passes": 4} if name == "self2self" else {}
    if name == "noise2void":
        options = {"n2v2": True}
    found = made(name, **options)
    rng = np.random.default_rng(0)
    net = network(found.network, seed=0, inputs=found.inputs, centre=found.centre, **{**found.sizes, **SMALL})
    batches = [windows(radius=found.radius, number=4, side=32, seed=seed) for seed in range(8)]

    def loss(net):
        return found.loss(net, batches[int(rng.integers(len(batches)))], rng=rng)

    trained = train(net, loss=loss, judge=lambda net: 0.0, steps=40, patience=None, device="cpu")
    test = windows(radius=found.radius, number=1, side=48, seed=99)
    clean, truth = predicted(found, trained.net, test.frames[0].numpy()), test.truth[0, 0].numpy()
    assert np.mean((clean - truth) ** 2) < 0.5
    np.testing.assert_array_equal(clean, predicted(found, trained.net, test.frames[0].numpy()))


def test_what_is_unknown_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"expected a scheme \(noise2void, .*found 'bogus'"):
        made("bogus")
    with pytest.raises(ValueError, match=r"options of recorrupted \(radius, alpha\), found 'beta'"):
        made("recorrupted", beta=1)
    assert options_of("noise2self") == ()


def test_the_correlation_of_neighbours():
    assert beside(WHITE) == 0
    assert beside(np.outer([0.1, 1, 0.1], [-0.4, 1, -0.4])) == pytest.approx(0.4)


def test_the_global_random_state_is_left_alone_by_an_ensemble(windows):
    found = made("self2self", student=False, passes=2)
    net = network("self2self", seed=0, centre=0, **SMALL)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    predicted(found, net, windows(number=1, side=32).frames[0].numpy())
    torch.testing.assert_close(torch.rand(3), expected)
