import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import (
    Beam,
    BrightnessControl,
    Display,
    Electronics,
    Exposure,
    GainDrift,
    ImagingChain,
    Lag,
    Scatter,
)
from napari_fluorodenoise.physics.phantom import phantom


@pytest.fixture(scope="module")
def panning():
    return phantom(frames=12, shape=(128, 160), photons=100, pan=3.0, rng=1)


def test_every_array_lies_on_the_frames(panning):
    assert (
        panning.noisy.shape == panning.clean.shape == panning.background.shape == panning.wire.shape == (12, 128, 160)
    )
    assert panning.noisy.dtype == np.uint16
    assert panning.clean.dtype == panning.background.dtype == panning.wire.dtype == np.float32
    assert panning.offsets.shape == (12, 2)
    assert panning.response.sum() == pytest.approx(1)


def test_noise_lies_on_the_stated_line_about_the_stated_mean(panning):
    noise = panning.noisy.data - panning.clean.astype(float)
    variance = panning.slope * panning.clean + panning.read_variance
    assert np.mean(noise**2) / variance.mean() == pytest.approx(1, abs=0.02)
    assert abs(noise.mean()) < 5 * np.sqrt(variance.mean() * 4 / noise.size)
    dark, bright = panning.clean < np.quantile(panning.clean, 0.2), panning.clean > np.quantile(panning.clean, 0.8)
    for part in (dark, bright):
        assert np.mean(noise[part] ** 2) / variance[part].mean() == pytest.approx(1, abs=0.05)


def test_photons_are_the_mean_quanta_in_the_field(panning):
    assert panning.background[0].mean() / panning.chain.electronics.gain == pytest.approx(100, rel=0.02)


def test_detector_pans_at_the_stated_speed(panning):
    steps = np.hypot(*np.diff(panning.offsets, axis=0).T)
    np.testing.assert_allclose(steps, 3.0, rtol=0.01)
    assert not phantom(frames=3, shape=(64, 64)).offsets.any()


def test_the_detector_follows_a_path():
    path = np.array([(0, 0), (3, -2), (-40.5, 5.25), (0, 0)])
    found = phantom(frames=4, shape=(64, 64), pan=path, rng=1)
    np.testing.assert_array_equal(found.offsets, path)
    same = phantom(frames=4, shape=(64, 64), pan=path.tolist(), rng=1)
    np.testing.assert_array_equal(found.noisy.data, same.noisy.data)
    by_speed = phantom(frames=5, shape=(64, 64), pan=2.0, rng=1)
    again = phantom(frames=5, shape=(64, 64), pan=by_speed.offsets, rng=1)
    np.testing.assert_array_equal(by_speed.noisy.data, again.noisy.data)


@pytest.mark.parametrize("path", [np.zeros((3, 2)), np.zeros((4, 3)), np.zeros(4)])
def test_a_path_of_another_length_is_refused(path):
    with pytest.raises(ValueError, match=r"offsets of shape \(4, 2\) as pan"):
        phantom(frames=4, shape=(32, 32), pan=path)


def test_still_anatomy_moves_with_the_offsets(panning):
    # a spot that holds neither heart nor diaphragm, seen from two places, by whole-pixel windows
    from scipy.ndimage import shift

    step = panning.offsets[6] - panning.offsets[0]
    moved = shift(panning.background[6], step, order=3, mode="nearest")
    window = np.s_[24:60, 125:150]
    change = np.abs(moved - panning.background[0])[window].mean()
    assert change < 0.02 * panning.background[0][window].mean()
    assert change < 0.3 * np.abs(panning.background[6] - panning.background[0])[window].mean()


def test_the_wire_is_thin_and_dark():
    found = phantom(frames=1, photons=60)
    assert (found.wire <= 1e-3).all()
    assert found.wire.min() < -0.1 * found.clean.mean()
    row = found.wire[0, 60]
    assert 2 <= (row < row.min() / 2).sum() <= 4  # full width at half maximum, in pixels


def test_the_wire_moves_smoothly_and_leaves_where_it_was():
    wire = phantom(frames=30).wire
    middle = wire[:, 20:100].argmin(axis=2)  # (T, rows): the body, column by row
    assert np.abs(np.diff(middle, axis=0)).max() <= 7
    assert np.ptp(middle, axis=0).min() > 8
    covered = wire < wire.min() / 2
    assert np.median(covered.mean(axis=0)[np.nonzero(covered)[1:]]) < 0.3
    tips = [np.argwhere(picture)[:, 0].max() for picture in covered]
    assert np.ptp(tips) > 15


def test_contrast_flows_in():
    found = phantom(frames=30, shape=(96, 96))
    vessels = found.background - (found.clean - found.wire)
    assert vessels[-1].sum() > 5 * vessels[0].sum()


def test_the_same_seed_gives_the_same_frames():
    first, second, other = (phantom(frames=2, shape=(48, 48), rng=seed).noisy.data for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_a_collimator_leaves_a_dark_border():
    found = phantom(frames=2, shape=(96, 96), collimated=True)
    assert 0.5 < found.field.mean() < 0.9
    assert found.clean[:, ~found.field].mean() < 0.1 * found.clean[:, found.field].mean()


def test_the_frames_of_a_seed_stay_what_they_were():
    # what was measured on the sample data holds only for these very frames
    found = phantom(frames=3, shape=(64, 80), rng=3)
    assert found.noisy.data.sum(dtype=float) == pytest.approx(14659698, rel=1e-5)  # other noise: 6e-4
    assert found.clean.sum(dtype=float) == pytest.approx(14643518.6, rel=1e-6)
    assert (found.slope, found.read_variance) == pytest.approx((4.761069774703642, 1024 + 1 / 12))


def test_a_chain_sets_dose_timing_and_spacing_and_arguments_replace_its_own():
    chain = ImagingChain(
        beam=Beam(photons=200), electronics=Electronics(gain=2, offset=50), frame_interval=0.1, pixel_size=0.2
    )
    found = phantom(frames=2, shape=(64, 64), chain=chain)
    assert found.chain == chain
    assert (found.noisy.frame_interval, found.noisy.pixel_size) == (0.1, (0.2, 0.2))
    assert (found.background[0].mean() - 50) / 2 == pytest.approx(200, rel=0.02)
    np.testing.assert_array_equal(found.response, chain.response)
    other = phantom(frames=2, shape=(64, 64), chain=chain, photons=20, read_noise=7).chain
    assert (other.beam.photons, other.electronics.read_noise, other.electronics.gain) == (20, 7, 2)
    with pytest.raises(ValueError, match="electronics for read_noise=3"):
        phantom(frames=2, shape=(64, 64), chain=ImagingChain(electronics=None), read_noise=3)


def test_noise_lies_on_the_stated_line_above_the_offset():
    chain = ImagingChain(scatter=Scatter(fraction=0.4), electronics=Electronics(gain=7, row_noise=1, offset=300))
    found = phantom(frames=6, shape=(128, 128), chain=chain)
    noise = found.noisy.data - found.clean.astype(float)
    variance = found.slope * (found.clean - 300) + found.read_variance
    assert np.mean(noise**2) / variance.mean() == pytest.approx(1, abs=0.03)
    assert abs(noise.mean()) < 0.05 * noise.std()
    assert (found.wire <= 1e-2).all()


def test_a_still_patient_holds_the_scene_of_time_zero():
    found, moving = (phantom(frames=5, shape=(96, 96), still=still) for still in (True, False))
    np.testing.assert_array_equal(found.clean, np.broadcast_to(moving.clean[0], found.clean.shape))
    assert (found.noisy.data[0] != found.noisy.data[1]).any()


def test_a_still_patient_moves_with_the_detector_only():
    found = phantom(frames=3, shape=(96, 96), still=True, pan=np.array([(0, 0), (4, -3), (0, 0)]))
    np.testing.assert_allclose(found.clean[1, 10:80, 10:80], found.clean[0, 14:84, 7:77], rtol=1e-3)
    np.testing.assert_array_equal(found.clean[2], found.clean[0])


def test_motion_during_the_pulse_and_lag_smear_the_wire():
    sharp, smeared, lagging = (
        phantom(frames=8, shape=(96, 96), chain=chain)
        for chain in (
            ImagingChain(),
            ImagingChain(exposure=Exposure(pulse=66, samples=8)),
            ImagingChain(lag=Lag(time_constants=(100,))),
        )
    )
    for other in (smeared, lagging):
        assert (other.wire[2:] ** 2).sum() < 0.97 * (sharp.wire[2:] ** 2).sum()
        assert other.wire[2:].sum() == pytest.approx(sharp.wire[2:].sum(), rel=0.05)


def test_drift_brightness_control_and_a_display_reach_the_frames():
    drifting = phantom(frames=4, shape=(48, 48), still=True, chain=ImagingChain(drift=GainDrift(percent=5)))
    assert drifting.clean[3].mean() / drifting.clean[0].mean() == pytest.approx(1.15)
    served = phantom(
        frames=12, shape=(48, 48), still=True, chain=ImagingChain(brightness=BrightnessControl(target=3000))
    )
    centre = served.noisy.data[-1, 12:36, 12:36]
    assert centre.mean() == pytest.approx(3000, rel=0.05)
    shown = phantom(frames=2, shape=(48, 48), chain=ImagingChain(display=Display()))
    assert (shown.noisy.dtype, shown.noisy.intensity) == (np.uint8, "display")
    np.testing.assert_array_equal(shown.clean, phantom(frames=2, shape=(48, 48)).clean)
