import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluorodenoise.primitives.logarithm import logarithm, power

VALUES = np.array([-50, -3, 0, 1e-3, 1, 20, 1e4], np.float32)


@pytest.mark.parametrize("bend", [0.5, 10.0])
def test_there_and_back(bend):
    there = logarithm(VALUES, bend=bend)
    assert there.dtype == np.float32
    np.testing.assert_allclose(power(there, bend=bend), VALUES, rtol=1e-4, atol=1e-5)


def test_is_the_logarithm_far_above_the_bend_and_a_line_around_0():
    np.testing.assert_allclose(logarithm([1e3, 1e5], bend=1.0), np.log([1e3, 1e5]), atol=1e-5)
    np.testing.assert_allclose(np.diff(logarithm([-0.1, 0, 0.1], bend=10.0)), 0.01, rtol=1e-3)


@given(low=st.floats(-1e6, 1e6), step=st.floats(1.0, 1e6))
def test_rises(low, step):
    a, b = logarithm([low, low + step], bend=2.0)
    assert b >= a


def test_what_is_out_of_reach_stays_finite():
    assert np.isfinite(power([-1e9, 1e9], bend=1.0)).all()
