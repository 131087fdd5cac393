import numpy as np
import pytest

from napari_fluorodenoise.physics.phantom import GAIN, phantom


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
    assert panning.background[0].mean() / GAIN == pytest.approx(100, rel=0.02)


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
