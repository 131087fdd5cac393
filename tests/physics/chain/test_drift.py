import pytest

from napari_fluorodenoise.physics.chain import GainDrift


@pytest.mark.parametrize("percent, frame, gain", [(0.5, 0, 1), (0.5, 40, 1.2), (-1, 30, 0.7), (-10, 20, 0)])
def test_the_gain_grows_by_the_same_amount_and_not_below_zero(percent, frame, gain):
    assert GainDrift(percent=percent).gain(frame) == pytest.approx(gain)
