import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import Scintillator
from napari_fluorodenoise.physics.chain.scintillator import blurred


def test_the_response_has_sum_one_and_the_second_moment_of_its_gaussians():
    scintillator = Scintillator(weights=(3, 1), widths=(0.3, 0.6))
    response = scintillator.response(0.1)
    axis = np.arange(len(response)) - len(response) // 2
    assert response.sum() == pytest.approx(1)
    assert (response.sum(axis=0) * axis**2).sum() * 0.1**2 == pytest.approx(0.75 * 0.09 + 0.25 * 0.36, rel=0.01)
    np.testing.assert_array_equal(response, response.T)


def test_the_response_is_given_in_mm():
    fine, coarse = (Scintillator().response(size) for size in (0.15, 0.3))
    assert len(fine) > len(coarse)
    assert coarse[len(coarse) // 2].max() > fine[len(fine) // 2].max()


@pytest.mark.parametrize("swank", [1.0, 0.9, 0.6])
def test_light_has_the_mean_of_the_quanta_and_their_variance_over_swanks_factor(swank):
    light = Scintillator(swank=swank).caught(np.full((400, 400), 30, np.float32), rng=np.random.default_rng(0))
    assert light.mean() == pytest.approx(30, rel=0.002)
    assert light.var() / light.mean() == pytest.approx(1 / swank, rel=0.015)


def test_blur_lowers_the_variance_by_the_sum_of_squares():
    response = Scintillator().response(0.3)
    noise = np.random.default_rng(1).standard_normal((400, 400), dtype=np.float32)
    assert blurred(noise, response).var() == pytest.approx((response**2).sum(), rel=0.02)


def test_weights_and_widths_belong_together():
    with pytest.raises(ValueError, match="as many weights as widths, found 2 and 1"):
        Scintillator(widths=(0.2,))
