"""SURE is the squared error on average, for a linear filter exactly, with correlated noise as well."""

from dataclasses import replace

import numpy as np
import pytest

from napari_fluorodenoise.denoisers.schemes.sure import Sure

CORRELATED = np.outer([0.3, 1, 0.3], [0.3, 1, 0.3])


@pytest.mark.parametrize("radius", [0, 2])
@pytest.mark.parametrize("autocorrelation", [None, CORRELATED], ids=["white", "correlated"])
def test_the_loss_is_the_squared_error_of_a_linear_filter(windows, smooth, radius, autocorrelation):
    given = windows(radius=radius, number=128, autocorrelation=autocorrelation)
    error = float(((smooth(given.frames) - given.truth) ** 2).mean())
    assert float(Sure(radius=radius).loss(smooth, given, rng=np.random.default_rng(1))) == pytest.approx(
        error, abs=0.03
    )


def test_noise_taken_for_white_that_is_not_breaks_the_law(windows, smooth):
    given = windows(number=128, autocorrelation=CORRELATED)
    white = replace(given, draw=windows().draw)
    losses = [float(Sure(radius=0).loss(smooth, kind, rng=np.random.default_rng(1))) for kind in (given, white)]
    assert abs(losses[0] - losses[1]) > 0.2
