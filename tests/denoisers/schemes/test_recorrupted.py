"""Recorrupted: the loss less the target's noise is the error at the raised noise, correlated or not."""

from dataclasses import replace

import numpy as np
import pytest

from napari_fluorodenoise.denoisers.schemes.recorrupted import Recorrupted

CORRELATED = np.outer([0.3, 1, 0.3], [0.3, 1, 0.3])


@pytest.mark.parametrize("alpha", [0.5, 1.0])
@pytest.mark.parametrize("radius", [0, 2])
def test_the_loss_less_the_noise_is_the_error_at_the_raised_noise(windows, smooth, alpha, radius):
    given = windows(radius=radius, number=128, autocorrelation=CORRELATED)
    scheme = Recorrupted(radius=radius, alpha=alpha)
    found = float(scheme.loss(smooth, given, rng=np.random.default_rng(1))) - scheme.noise
    more = alpha * given.draw(tuple(given.centre.shape), np.random.default_rng(2))
    error = float(((smooth(given.with_centre(given.centre + more)) - given.truth) ** 2).mean())
    assert found == pytest.approx(error, abs=0.05)
    assert error > 0.2


def test_noise_taken_for_white_that_is_not_breaks_the_law(windows, smooth):
    given = windows(number=128, autocorrelation=CORRELATED)
    white = replace(given, draw=windows().draw)
    scheme = Recorrupted(radius=0, alpha=0.7)
    found = [float(scheme.loss(smooth, kind, rng=np.random.default_rng(1))) - scheme.noise for kind in (given, white)]
    assert abs(found[0] - found[1]) > 0.1


def test_the_neighbours_go_in_as_they_are(windows, smooth):
    given, shown = windows(radius=2), []

    def watched(pictures):
        shown.append(pictures)
        return smooth(pictures)

    Recorrupted(radius=2).loss(watched, given, rng=np.random.default_rng(0))
    same = (shown[0] == given.frames).flatten(2).all(dim=2)
    assert same.tolist() == [[True, True, False, True, True]] * 8
