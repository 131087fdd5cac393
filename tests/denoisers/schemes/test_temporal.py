"""Temporal: the prediction knows nothing of the frame, and the filter returns what only the frame knows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_fluorodenoise.denoisers.schemes.draws import drawn
from napari_fluorodenoise.denoisers.schemes.posterior import posterior
from napari_fluorodenoise.denoisers.schemes.temporal import Temporal

WHITE = np.ones((1, 1))
CORRELATED = np.outer([0.3, 1, 0.3], [0.3, 1, 0.3])


def test_the_network_is_shown_nothing_of_the_frame(windows):
    given, shown = windows(radius=3), []

    def net(pictures):
        shown.append(pictures)
        return pictures.mean(dim=1, keepdim=True)

    scheme = Temporal()
    other = replace(given, frames=given.with_centre(given.centre * 0 + 77))
    for kind in (given, other):
        scheme.loss(net, kind, rng=np.random.default_rng(0))
    assert shown[0].shape[1] == scheme.inputs == 6
    torch.testing.assert_close(shown[0], shown[1], rtol=0, atol=0)


def test_the_loss_less_the_noise_is_the_error_also_where_noise_is_correlated(windows):
    given = windows(radius=3, number=128, autocorrelation=CORRELATED)

    def mean(pictures):
        return pictures.mean(dim=1, keepdim=True)

    scheme = Temporal()
    error = float(((mean(scheme.without(given.frames)) - given.truth) ** 2).mean())
    found = float(scheme.loss(mean, given, rng=np.random.default_rng(0))) - scheme.noise
    assert found == pytest.approx(error, abs=0.01)


@pytest.mark.parametrize("autocorrelation", [WHITE, CORRELATED], ids=["white", "correlated"])
def test_nothing_but_noise_beyond_the_prediction_leaves_the_prediction(autocorrelation):
    prediction = np.zeros((64, 64), np.float32)
    noise = drawn((64, 64), np.random.default_rng(0), autocorrelation=autocorrelation)
    np.testing.assert_array_equal(posterior(noise, noise, autocorrelation=autocorrelation), noise)
    assert posterior(prediction, noise, autocorrelation=autocorrelation).var() < 0.1


def test_far_more_than_noise_beyond_the_prediction_returns_the_frame():
    rng = np.random.default_rng(1)
    frame = 1e4 * rng.standard_normal((64, 64), dtype=np.float32)
    np.testing.assert_allclose(posterior(np.zeros_like(frame), frame, autocorrelation=WHITE), frame, atol=100)


def test_a_wire_that_only_the_frame_shows_comes_back_through_correlated_noise():
    wire = np.zeros((64, 64), np.float32)
    wire[:, 30:32] = -5
    frame = wire + drawn((64, 64), np.random.default_rng(2), autocorrelation=CORRELATED)
    found = posterior(np.zeros_like(wire), frame, autocorrelation=CORRELATED)
    assert found[:, 30:32].mean() < 0.8 * -5
    assert ((found - wire) ** 2).mean() < 0.5


def test_a_radius_of_0_is_refused():
    with pytest.raises(ValueError, match="radius of at least 1 frame for temporal, found 0"):
        Temporal(radius=0)
