"""Gain, offset and drift of a result are measured with their errors."""

import numpy as np
import pytest

from napari_fluorodenoise.quality.checks.bias import bias
from napari_fluorodenoise.quality.residual import tiles


@pytest.mark.parametrize("gain", [0.97, 1.0, 1.05])
@pytest.mark.parametrize("name", ["beating", "still, very few photons"])
def test_the_gain_is_measured(name, gain, sample):
    found = sample(name, 20)
    check = bias(found.tiles(gain * found.clean))
    assert check.numbers["gain"] == pytest.approx(1 - 1 / gain, abs=4 * check.numbers["gain_error"])
    assert check.verdict == ("pass" if gain == 1 else "fail")


@pytest.mark.parametrize(("shift", "verdict"), [(0.02, "pass"), (0.15, "doubtful"), (-0.5, "fail")])
def test_an_offset_is_judged_by_its_size(shift, verdict, sample):
    found = sample("beating", 20)
    sigma = float(np.sqrt(found.detector.variance(found.detector.level)))
    check = bias(found.tiles(found.clean + shift * sigma))
    assert check.verdict == verdict
    assert check.numbers["offset"] == pytest.approx(shift, rel=0.15, abs=0.01)


def test_a_slow_drift_is_found(sample):
    found = sample("beating", 20)
    sigma = float(np.sqrt(found.detector.variance(found.detector.level)))
    drifting = found.clean + sigma * np.linspace(-0.5, 0.5, 24)[:, None, None].astype(np.float32)
    check = bias(found.tiles(drifting))
    assert check.verdict == "fail"
    assert check.numbers["drift"] == pytest.approx(2 / 3, abs=0.1)  # from the first third's middle to the last's
    assert abs(check.numbers["offset"]) < 0.02


def test_an_even_picture_tells_no_gain_whatever_noise_is_left(sample):
    found = sample("beating", 20)
    noise = found.frames - found.clean
    even, half = (found.noisy.with_data(1000 + part * noise) for part in (1, np.float32(0.5)))
    check = bias(tiles(even, half, detector=found.detector))
    assert check.verdict == "pass"
    assert np.isinf(check.numbers["gain_error"])
    assert "Gain: not to be told" in check.evidence


def test_the_curve_is_the_shift_at_each_intensity(sample):
    found = sample("beating", 20)
    curve = bias(found.tiles(found.clean)).picture
    assert (np.diff(curve.x) > 0).all()
    assert (np.abs(curve.y) < 5 * curve.error).all()
