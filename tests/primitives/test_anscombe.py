import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluorodenoise.primitives.anscombe import stabilize, unstabilize

LINES = {
    "quanta": {"slope": 1.0, "read_variance": 0.0, "floor": 0.05, "level": 50.0},
    "quanta and read noise": {"slope": 4.8, "read_variance": 1000.0, "floor": 20.0, "level": 900.0},
    "inverted scale": {"slope": -2.0, "read_variance": 2100.0, "floor": 20.0, "level": 500.0},
    "negative read variance": {"slope": 0.02, "read_variance": -1.0, "floor": 0.1, "level": 120.0},
    "gaussian": {"slope": 0.0, "read_variance": 0.003, "floor": 1e-6, "level": 0.4},
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_untouched_values_come_back(line):
    frames = np.linspace(-0.5, 3, 1001, dtype=np.float32) * np.float32(line["level"])
    there = stabilize(frames, **line)
    assert there.dtype == np.float32
    np.testing.assert_allclose(unstabilize(there, residual=1.0, **line), frames, rtol=1e-4, atol=2e-5 * line["level"])


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_is_monotone_with_slope_one_over_sigma(line):
    frames = np.linspace(-0.5, 3, 4001) * line["level"]
    slopes = np.diff(stabilize(frames, **line).astype(float)) / np.diff(frames)
    assert (slopes > 0).all()
    middle = (frames[1:] + frames[:-1]) / 2
    offset = line["read_variance"] + 3 / 8 * line["slope"] ** 2
    sigma = np.sqrt(np.maximum(line["slope"] * middle + offset, line["floor"]))
    np.testing.assert_allclose(slopes * sigma, 1, rtol=0.02)


@given(slope=st.floats(-1e-6, 1e-6), value=st.floats(-100, 100))
def test_tends_to_plain_scaling_as_the_slope_vanishes(slope, value):
    frames = np.full((1, 1, 1), value)
    found = stabilize(frames, slope=slope, read_variance=4.0, floor=1e-3, level=10.0)
    np.testing.assert_allclose(found, (value - 10) / 2, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mean", [5, 10, 30, 100, 300, 1000])
def test_variance_is_one_and_the_way_back_is_unbiased(mean):
    rng = np.random.default_rng(mean)
    gain, read = 16.0, 2.0
    frames = gain * (rng.poisson(mean, 400_000) + read * rng.standard_normal(400_000))
    line = {"slope": gain, "read_variance": (gain * read) ** 2, "floor": (gain * read) ** 2 / 4, "level": gain * 60}
    values = stabilize(frames, **line)
    assert values.std() == pytest.approx(1, abs=0.05)
    denoised = values.mean(dtype=np.float64)
    assert unstabilize(denoised, residual=0.0, **line) == pytest.approx(gain * mean, rel=0.01)
    averaged = values.reshape(-1, 4).mean(1)  # keeps a quarter of the variance
    assert unstabilize(averaged, residual=0.25, **line).mean() == pytest.approx(gain * mean, rel=0.01)


def test_gaussian_noise_is_not_touched_by_the_correction():
    line = LINES["gaussian"]
    np.testing.assert_array_equal(
        unstabilize(np.float32([-3, 0, 2]), residual=0.0, **line),
        unstabilize(np.float32([-3, 0, 2]), residual=1.0, **line),
    )


def test_residual_may_differ_from_pixel_to_pixel():
    line = LINES["quanta"]
    found = unstabilize(np.zeros(2, np.float32), residual=np.array([0.0, 1.0]), **line)
    assert found[0] - found[1] == pytest.approx(line["slope"] / 4)
