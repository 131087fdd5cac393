import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import Lag

FOUR = Lag(time_constants=(40, 200, 1500, 9000), fractions=(0.06, 0.02, 0.01, 0.005))
INTERVAL = 1 / 15


def run(lag, signal, start):
    """The frames that `signal` (T, ...) gives, after a long exposure to `start`."""
    held, frames = lag.steady(np.asarray(start)), []
    for charge in signal:
        frame, held = lag.step(charge, held=held, frame_interval=INTERVAL)
        frames.append(frame)
    return np.array(frames)


def test_one_trap_is_the_simple_recursion():
    signal = np.random.default_rng(0).uniform(size=(20, 5))
    lag = Lag(time_constants=(30,))
    left = np.exp(-1000 * INTERVAL / 30)
    before, expected = signal[0], []
    for charge in signal:
        before = (1 - left) * charge + left * before
        expected.append(before)
    np.testing.assert_allclose(run(lag, signal, signal[0]), expected, rtol=1e-12)


@pytest.mark.parametrize("lag", [Lag(), FOUR, Lag(time_constants=(100,), fractions=(0.1,))])
def test_what_is_trapped_comes_out(lag):
    impulse = np.zeros((4000, 1))
    impulse[0] = 1
    answer = run(lag, impulse, [0.0])
    assert answer.sum() == pytest.approx(1, abs=1e-6)
    assert (answer >= 0).all()
    constant = run(lag, np.full((5, 1), 7.0), [7.0])
    np.testing.assert_allclose(constant, 7)


def test_a_step_settles_exponentially_as_the_fractions_say():
    kept = np.array(FOUR.kept(INTERVAL))
    left = np.array(FOUR.fractions) * kept
    step = run(FOUR, np.ones((200, 1)), [0.0])[:, 0]
    expected = 1 - (left * kept ** np.arange(200)[:, None]).sum(axis=1)
    np.testing.assert_allclose(step, expected, rtol=1e-12)
    assert step[0] == pytest.approx(1 - left.sum())


def test_default_leaves_three_percent():
    assert Lag().kept(INTERVAL)[0] == pytest.approx(0.03, abs=2e-4)
    assert Lag(time_constants=(0,)).kept(INTERVAL) == (0,)


def test_noise_shrinks_and_correlates_as_said():
    noise = np.random.default_rng(1).standard_normal((400, 2000))
    frames = run(Lag(time_constants=(60,)), noise, noise[0])[50:]
    left = np.exp(-1000 * INTERVAL / 60)
    assert frames.var() == pytest.approx((1 - left) / (1 + left), rel=0.01)
    assert (frames[1:] * frames[:-1]).mean() / frames.var() == pytest.approx(left, abs=0.01)


def test_inputs_stay_as_they_are():
    charge, held = np.ones((1, 3), np.float32), np.zeros((1, 1, 3), np.float32)
    frame, after = Lag().step(charge, held=held, frame_interval=INTERVAL)
    assert frame.dtype == after.dtype == np.float32
    assert (charge == 1).all()
    assert not held.any()


@pytest.mark.parametrize("fractions", [(0.5,), (0.5, 0.6), (0.1, 0.1, 0.1)])
def test_fractions_that_do_not_fit_are_refused(fractions):
    with pytest.raises(ValueError, match="a fraction for each of 2 time constants, 1 in all, found"):
        Lag(time_constants=(30, 300), fractions=fractions)
