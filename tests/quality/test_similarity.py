"""Scores against values that can be worked out by hand."""

import numpy as np
import pytest

from napari_fluorodenoise.quality import scores


def test_scores_against_known_values():
    truth = np.random.default_rng(0).random((2, 32, 32)).astype(np.float32)
    psnr, _ = scores(truth + 0.1, truth=truth)
    assert psnr == pytest.approx(20 + 20 * np.log10(np.ptp(truth)), abs=1e-3)
    assert scores(truth + 1e-5, truth=truth)[1] == pytest.approx(1, abs=1e-6)


def test_the_range_may_be_stated():
    truth = np.random.default_rng(0).random((2, 32, 32)).astype(np.float32)
    assert scores(truth + 0.1, truth=truth, data_range=2.0)[0] == pytest.approx(20 + 20 * np.log10(2), abs=1e-3)
