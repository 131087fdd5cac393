from dataclasses import replace

import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import (
    BrightnessControl,
    Display,
    Electronics,
    Exposure,
    GainDrift,
    Glare,
    ImagingChain,
    Lag,
    Scatter,
    Scintillator,
)

SHAPE = (200, 200)
BARE = ImagingChain(scintillator=None, electronics=None)
FULL = ImagingChain(
    exposure=Exposure(),
    scatter=Scatter(),
    glare=Glare(),
    lag=Lag(time_constants=(20, 300), fractions=(0.5, 0.1)),
    drift=GainDrift(),
    electronics=Electronics(row_noise=0.5, fixed_pattern=1, offset=100, bits=14),
    brightness=BrightnessControl(target=1500),
)


def even(seconds):
    return np.zeros(SHAPE, np.float32)


def moving(seconds):
    columns = np.arange(64, dtype=np.float32)
    return np.tile(0.5 + 0.3 * np.sin(columns / 5 - 20 * seconds), (48, 1)).astype(np.float32)


def noise(chain, *, frames=4, scene=even, skip=0, rng=0):
    """The noise (T, Y, X) of the frames after the first `skip`."""
    return np.array([e.frame - e.mean for e in chain.expose(scene, frames=frames, rng=rng)][skip:], float)


@pytest.mark.parametrize(
    "chain, variance",
    [
        (BARE, 60),
        (replace(BARE, scintillator=Scintillator(swank=0.7, weights=(1,), widths=(0.01,))), 60 / 0.7),
        (replace(BARE, scintillator=Scintillator()), 60 / 0.9 * (Scintillator().response(0.3) ** 2).sum()),
        (replace(BARE, scatter=Scatter(fraction=0.5)), 120),
        (replace(BARE, glare=Glare()), 60),
        (replace(BARE, electronics=Electronics(gain=16, read_noise=3)), 256 * (60 + 9)),
        (replace(BARE, electronics=Electronics(gain=16, read_noise=0, row_noise=4, offset=50)), 256 * (60 + 16)),
        (ImagingChain(), ImagingChain().slope * 960 + ImagingChain().read_variance),
    ],
)
def test_noise_of_a_flat_field_after_each_part(chain, variance):
    found = noise(chain)
    assert found.var() == pytest.approx(variance, rel=0.025)
    assert abs(found.mean()) < 4 * np.sqrt(2 * variance / found.size) + 4 * 16 * 4 / np.sqrt(800)


def test_lag_lowers_the_variance_of_the_quanta_but_not_that_of_the_electronics():
    lag = Lag(time_constants=(50,))
    (left,) = lag.kept(BARE.frame_interval)
    share = (1 - left) / (1 + left)
    found = noise(replace(BARE, lag=lag), frames=16, skip=8)
    assert found.var() == pytest.approx(60 * share, rel=0.02)
    assert (found[1:] * found[:-1]).mean() / found.var() == pytest.approx(left, abs=0.02)
    read = noise(replace(BARE, lag=lag, electronics=Electronics(gain=1, read_noise=10)), frames=12, skip=8)
    assert read.var() == pytest.approx(60 * share + 100 + 1 / 12, rel=0.02)


def test_lag_starts_as_after_many_frames():
    lag = Lag(time_constants=(50,))
    (left,) = lag.kept(BARE.frame_interval)
    (first,) = replace(BARE, lag=lag).expose(even, frames=1)
    np.testing.assert_allclose(first.mean, 60, rtol=1e-5)
    assert first.frame.var() == pytest.approx(60 * (1 - left) ** 2, rel=0.03)


def test_glare_fills_shadows_and_leaves_the_rest():
    shadow = np.zeros((96, 96), np.float32)
    shadow[32:64, 32:64] = 10
    fluence = np.full(shadow.shape, 100, np.float32)
    (exposed,) = replace(BARE, glare=Glare(fraction=0.05, width=10)).expose([shadow], frames=1, fluence=fluence)
    assert 2 < exposed.mean[48, 48] < 5
    assert exposed.mean.sum(dtype=float) == pytest.approx(100 * np.exp(-shadow).sum(dtype=float), rel=1e-3)


def test_the_fixed_pattern_is_in_the_mean_and_the_same_in_every_frame():
    chain = replace(BARE, electronics=Electronics(fixed_pattern=3))
    means = np.array([exposed.mean for exposed in chain.expose(even, frames=3)])
    assert means[0].std() / means[0].mean() == pytest.approx(0.03, rel=0.02)
    np.testing.assert_array_equal(means[0], means[2])


def test_drift_grows_as_said_and_leaves_the_offset():
    chain = replace(BARE, drift=GainDrift(percent=2), electronics=Electronics(offset=100))
    means = [exposed.mean.mean() - 100 for exposed in chain.expose(even, frames=6)]
    np.testing.assert_allclose(means, 960 * (1 + 0.02 * np.arange(6)), rtol=1e-5)


def test_brightness_control_brings_frames_to_the_target():
    chain = ImagingChain(brightness=BrightnessControl(target=2500, kappa=0.4), electronics=Electronics(offset=200))
    exposed = list(chain.expose(even, frames=15))
    assert exposed[0].dose == 1
    assert exposed[0].frame.mean() - 200 == pytest.approx(960, rel=0.01)
    assert exposed[-1].frame.mean() - 200 == pytest.approx(2500, rel=0.01)
    assert exposed[-1].mean.mean() - 200 == pytest.approx(960 * exposed[-1].dose, rel=1e-4)


def test_an_exposure_averages_transmission_over_the_pulse():
    chain = replace(BARE, exposure=Exposure(pulse=40, samples=8))
    fluence = np.full((48, 64), 50, np.float32)
    (exposed,) = chain.expose(moving, frames=1, fluence=fluence)
    expected = np.mean([50 * np.exp(-moving(moment)) for moment in chain.exposure.moments], axis=0)
    np.testing.assert_allclose(exposed.mean, expected, rtol=1e-5)
    assert np.ptp(exposed.mean) < 0.99 * np.ptp(50 * np.exp(-moving(0)))


def test_parts_give_the_means_with_more_and_more_of_them():
    parts = np.random.default_rng(0).uniform(0, 1, (3, 40, 40)).astype(np.float32)
    chain = replace(FULL, exposure=None, brightness=None)
    fluence = np.full((40, 40), 80, np.float32)
    (whole,) = chain.expose([parts], frames=1, fluence=fluence, rng=3)
    for k in range(3):
        (single,) = chain.expose([parts[: k + 1].sum(axis=0)], frames=1, fluence=fluence, rng=3)
        np.testing.assert_allclose(whole.means[k], single.mean, rtol=1e-5)


def test_frames_come_one_by_one():
    asked = []

    def scene(seconds):
        asked.append(seconds)
        return moving(seconds)

    frames = ImagingChain(frame_interval=0.1).expose(scene, frames=1000)
    next(frames), next(frames)
    assert asked == [0.0, 0.1]


@pytest.mark.parametrize("chain", [ImagingChain(), FULL, replace(FULL, display=Display(recursion=0.3, edges=1))])
def test_the_same_seed_gives_the_same_bytes(chain):
    first, second, other = (np.array([e.frame for e in chain.expose(moving, frames=3, rng=seed)]) for seed in (5, 5, 6))
    assert first.dtype == chain.dtype
    assert first.tobytes() == second.tobytes()
    assert (first != other).any()


def test_a_display_filters_the_stored_counts_in_time():
    display = Display(recursion=0.6)
    stored = [e.frame for e in ImagingChain().expose(even, frames=2, rng=1)]
    shown = [e.frame for e in ImagingChain(display=display).expose(even, frames=2, rng=1)]
    filtered = display.filtered(stored[1], before=stored[0].astype(np.float32))
    np.testing.assert_array_equal(shown[1], display.shown(filtered, pixel_size=0.3))


def test_the_means_of_a_displayed_run_stay_linear():
    linear, shown = (list(c.expose(moving, frames=3)) for c in (FULL, replace(FULL, display=Display())))
    for one, other in zip(linear, shown, strict=True):
        np.testing.assert_array_equal(one.mean, other.mean)
        assert other.frame.dtype == np.uint8


@pytest.mark.parametrize(
    "chain, scene, problem",
    [
        (BARE, [np.zeros((4, 4))], "each of 2 frames, found 1"),
        (FULL, [np.zeros((4, 4))] * 2, "a callable of seconds, or leave the exposure out"),
        (BARE, [np.zeros((4, 4)), np.zeros((4, 5))], r"= \(4, 4\), found \(1, 4, 5\)"),
        (BARE, [np.full((4, 4), np.nan)] * 2, "found NaN"),
        (BARE, [np.zeros(4)] * 2, r"line integrals \(Y, X\)"),
    ],
)
def test_scenes_that_do_not_suit_are_refused(chain, scene, problem):
    with pytest.raises(ValueError, match=problem):
        list(chain.expose(scene, frames=2))


@pytest.mark.parametrize("fluence", [np.full((4, 4), -1), np.full((4, 4), np.nan), np.ones(4)])
def test_a_fluence_below_zero_is_refused(fluence):
    with pytest.raises(ValueError, match="0 or more quanta"):
        BARE.expose([np.zeros((4, 4))], frames=1, fluence=fluence)
