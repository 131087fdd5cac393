import numpy as np
import pytest

from napari_fluorodenoise.physics.operator import FluoroscopyOperator

INTERVAL = 1 / 15
CASES = [
    FluoroscopyOperator(),
    FluoroscopyOperator(motion_blur=5, lag=3, gain_drift=0.5),
    FluoroscopyOperator(motion_blur=120, lag=90, gain_drift=-1.0, frame_interval=1 / 30),
    FluoroscopyOperator(motion_blur=-3.5, lag=-2.1, gain_drift=1.15),
]


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return rng.uniform(0, 100, (2, 9, 6, 7)).astype(np.float32)


@pytest.mark.parametrize("operator", CASES)
def test_the_adjoint_is_the_adjoint(operator, pair):
    x, y = pair
    left, right = (np.vdot(a.astype(float), b) for a, b in ((operator.forward(x), y), (x, operator.adjoint(y))))
    assert left == pytest.approx(right, rel=1e-5)


@pytest.mark.parametrize("operator", CASES)
def test_it_is_linear_and_leaves_its_input(operator, pair):
    x, y = pair
    before = x.copy()
    both = operator.forward(2 * x - 3 * y)
    np.testing.assert_allclose(both, 2 * operator.forward(x) - 3 * operator.forward(y), atol=1e-3)
    np.testing.assert_array_equal(x, before)


def test_nothing_asked_is_nothing_done(pair):
    np.testing.assert_array_equal(FluoroscopyOperator().forward(pair[0]), pair[0])
    unphysical = FluoroscopyOperator(motion_blur=-5, lag=-3)
    np.testing.assert_array_equal(unphysical.forward(pair[0]), pair[0])


@pytest.mark.parametrize("operator", CASES)
def test_what_stands_still_only_drifts(operator):
    still = np.broadcast_to(np.arange(12, dtype=np.float32).reshape(3, 4), (8, 3, 4))
    gain = 1 + operator.gain_drift / 100 * np.arange(8)
    np.testing.assert_allclose(operator.forward(still), gain[:, None, None] * still, rtol=1e-5)


def test_lag_alone_is_the_recursion(pair):
    left = np.exp(-1000 * INTERVAL / 40)
    seen = FluoroscopyOperator(lag=40).forward(pair[0])
    before = pair[0][0]
    for now, found in zip(pair[0], seen, strict=True):
        before = (1 - left) * now + left * before
        np.testing.assert_allclose(found, before, rtol=1e-5)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 3.0])
def test_motion_blur_keeps_the_place_and_has_the_stated_width(sigma):
    row = FluoroscopyOperator(motion_blur=1000 * INTERVAL * sigma).matrix(81)[40]
    steps = np.arange(81) - 40
    # between frames the scene is interpolated linearly, which adds E[r (1 - r)], r the distance from a frame
    draws = np.abs(np.random.default_rng(0).normal(0, sigma, 200_000))
    added = np.mean(draws % 1 * (1 - draws % 1))
    assert row.sum() == pytest.approx(1)
    assert (row * steps).sum() == pytest.approx(0, abs=1e-9)
    assert (row * steps**2).sum() == pytest.approx(sigma**2 + added, rel=0.01)


def test_a_short_exposure_blurs_a_little():
    row = FluoroscopyOperator(motion_blur=5).matrix(9)[4]
    assert row[[3, 5]] == pytest.approx(0.005 / INTERVAL / np.sqrt(2 * np.pi), rel=1e-6)


def test_what_is_no_sequence_is_refused():
    with pytest.raises(ValueError, match=r"a sequence \(T, Y, X\), found"):
        FluoroscopyOperator().forward(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="frame_interval above 0 s"):
        FluoroscopyOperator(frame_interval=0)
