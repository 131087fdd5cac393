"""Supervised: the squared error to the truth, which has to be known."""

from dataclasses import replace

import numpy as np
import pytest

from napari_fluorodenoise.denoisers.schemes.supervised import Supervised


def test_the_loss_is_the_squared_error(windows, smooth):
    given = windows(radius=2)
    loss = Supervised().loss(smooth, given, rng=np.random.default_rng(0))
    assert float(loss) == pytest.approx(float(((smooth(given.frames) - given.truth) ** 2).mean()), rel=1e-5)


def test_without_a_truth_there_is_no_loss(windows, smooth):
    with pytest.raises(ValueError, match="expected clean frames for supervised, found none"):
        Supervised().loss(smooth, replace(windows(radius=2), truth=None), rng=np.random.default_rng(0))
