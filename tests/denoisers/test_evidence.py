"""What a sequence tells about a frame: laws of the channels, and which frames count in which."""

import numpy as np
import pytest

from napari_fluorodenoise.denoisers.evidence import CHANNELS, OWN, RADIUS, Piloted

SHAPE = (48, 56)
OWN_DIFFERENCE, NEAR, FAR, STILL, NEXT, FURTHER, FLOWING, DETAIL, ERROR = 0, 1, 3, 5, 6, 8, 10, 11, 12
DIFFERENCES = [OWN_DIFFERENCE, NEAR, FAR, STILL, NEXT, FURTHER, FLOWING]
WHITE = np.ones((1, 1))


def scene(shape=SHAPE, seed=0):
    """Smooth anatomy (Y, X) of many noise deviations."""
    rng, (rows, columns) = np.random.default_rng(seed), np.indices(shape)
    waves = sum(np.sin(rows * a + columns * b + c) for a, b, c in rng.uniform(-0.4, 0.4, (6, 3)) * [1, 1, 10])
    return (8 * waves).astype(np.float32)


def piloted(values, pilots, *, offsets=None, segments=None, left=0.05, autocorrelation=WHITE):
    count = len(values)
    offsets = np.zeros((count, 2)) if offsets is None else np.asarray(offsets, np.float64)
    segments = np.zeros(count) if segments is None else np.asarray(segments)
    return Piloted(values, pilots, np.full_like(pilots, left), offsets, segments, autocorrelation)


def still(count):
    return np.repeat(scene()[None], count, axis=0)


def noisy(frames, seed=1):
    return frames + np.random.default_rng(seed).standard_normal(frames.shape, dtype=np.float32)


def changed(before, after):
    return {channel for channel in range(CHANNELS) if np.abs(before[channel] - after[channel]).max() > 1e-6}


def test_channels_are_as_many_as_said_and_what_is_given_stays():
    pilots = still(5)
    given = piloted(noisy(pilots), pilots)
    before = [part.copy() for part in (given.values, given.pilots, given.left, given.offsets)]
    found = given.evidence(2)
    assert (found.shape, found.dtype) == ((CHANNELS, *SHAPE), np.float32)
    for part, copy in zip((given.values, given.pilots, given.left, given.offsets), before, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_a_constant_more_in_all_frames_changes_nothing():
    pilots = noisy(still(6), seed=2) / 4
    values = noisy(still(6))
    first, raised = (piloted(values + more, pilots + more).evidence(3) for more in (np.float32(0), np.float32(64)))
    assert np.quantile(np.abs(first - raised), 0.999) < 1e-3  # round-off may turn a step of the flow


def test_without_noise_and_motion_all_differences_vanish_and_every_frame_counts():
    pilots = still(2 * RADIUS + 1)
    found = piloted(pilots, pilots).evidence(RADIUS)
    assert np.abs(found[DIFFERENCES]).max() < 1e-4
    for channel, number in ((NEAR, 8), (FAR, 24), (NEXT, 2), (FURTHER, 4)):
        np.testing.assert_allclose(found[channel + 1], (OWN + number) ** -0.5, rtol=1e-3)
    np.testing.assert_allclose(found[ERROR], 0.05**0.5, rtol=1e-5)


def test_the_mean_of_others_leaves_the_frame_itself_out():
    pilots = still(9)
    values = noisy(pilots)
    other = values.copy()
    other[4] += 5
    assert changed(*(piloted(some, pilots).evidence(4) for some in (values, other))) == {OWN_DIFFERENCE}


@pytest.mark.parametrize(
    ("step", "channels"),
    [
        (1, {NEAR, NEXT}),
        (-2, {NEAR, FURTHER}),
        (3, {NEAR, FURTHER}),
        (-4, {NEAR}),
        (5, {FAR}),
        (-16, {FAR}),
        (17, set()),
    ],
)
def test_a_neighbour_s_noise_is_in_the_means_of_its_distance(step, channels):
    pilots = still(2 * RADIUS + 3)
    values = noisy(pilots)
    other = values.copy()
    other[RADIUS + 1 + step] += 5
    assert changed(*(piloted(some, pilots).evidence(RADIUS + 1) for some in (values, other))) == channels


def test_frames_of_other_segments_do_not_count():
    pilots, segments = still(7), [0, 0, 0, 1, 1, 1, 1]
    values = noisy(pilots)
    other_values, other_pilots = values.copy(), pilots.copy()
    other_values[3:], other_pilots[3:] = 50, -50
    found = [piloted(v, p, segments=segments).evidence(2) for v, p in ((values, pilots), (other_values, other_pilots))]
    np.testing.assert_array_equal(*found)
    assert changed(found[0], piloted(values, pilots).evidence(2))


def test_a_frame_alone_is_told_by_nothing_but_itself():
    pilots = still(3)
    found = piloted(noisy(pilots), pilots, segments=[0, 1, 2]).evidence(1)
    assert not found[[NEAR, FAR, STILL, NEXT, FURTHER, FLOWING]].any()
    for channel in (NEAR, FAR, NEXT, FURTHER):
        np.testing.assert_allclose(found[channel + 1], OWN**-0.5, rtol=1e-5)


def test_the_mean_of_noise_has_the_variance_that_its_count_promises():
    pilots = still(9)
    mean = piloted(noisy(pilots), pilots).evidence(4)[NEAR]
    assert mean.var() == pytest.approx(8 / (8 + OWN) ** 2, rel=0.1)


def test_a_view_that_moves_lines_up_by_its_offsets_and_what_is_outside_does_not_count():
    canvas, offsets = scene((80, 100)), np.array([[2 * t, 3 * t] for t in range(5)])
    pilots = np.stack([canvas[y : y + 48, x : x + 56] for y, x in offsets])
    found = piloted(pilots, pilots, offsets=offsets).evidence(2)
    assert np.abs(found[[NEAR, STILL]]).max() < 1e-4
    assert np.abs(piloted(pilots, pilots).evidence(2)[[NEAR, STILL]]).max() > 0.1
    count = found[NEAR + 1] ** -2 - OWN
    np.testing.assert_allclose(count[10:-10, 12:-12], 4, rtol=1e-3)
    corners = count[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners, [2, 0, 0, 2], atol=0.01)  # the view moves from corner to corner


def test_what_only_a_neighbour_shows_does_not_leak():
    pilots = still(5)
    pilots[3, :, 20:23] -= 8
    found = piloted(noisy(pilots), pilots).evidence(2)
    assert np.abs(found[STILL]).max() < 0.05 * 8
    assert np.abs(found[NEAR, :, 20:23].mean()) < 0.05 * 8
    assert (found[NEAR + 1, :, 21] > (OWN + 3.2) ** -0.5).all()
    assert (found[NEAR + 1, :, 40:] < (OWN + 3.9) ** -0.5).all()


def test_pilots_that_are_not_sure_are_forgiven_more():
    pilots = still(3)
    pilots[1] += 1
    counts = [piloted(pilots, pilots, left=left).evidence(0)[NEAR + 1].mean() ** -2 for left in (0.02, 0.2, 2.0)]
    assert counts == sorted(counts)


@pytest.mark.parametrize(
    ("autocorrelation", "expected"),
    [
        (WHITE, (0, 0, 0)),
        (np.array([[0.1, 0.2, 0.3], [0.4, 1, 0.4], [0.3, 0.2, 0.1]]), (0.3, 0.2, 0)),
        (np.outer([0.25, 0.5, 1, 0.5, 0.25], [0.25, 0.5, 1, 0.5, 0.25]), (0.5, 0.25, 0.25)),
    ],
)
def test_the_noise_s_correlation_is_told(autocorrelation, expected):
    pilots = still(2)
    found = piloted(pilots, pilots, autocorrelation=autocorrelation).evidence(0)[-3:]
    np.testing.assert_allclose(found, np.broadcast_to(np.reshape(expected, (3, 1, 1)), found.shape), rtol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (17, 23), (9, 40)])
def test_small_and_odd_frames(shape):
    pilots = np.repeat(scene(shape)[None], 3, axis=0)
    found = piloted(noisy(pilots), pilots, offsets=[[0, 0], [1.5, -0.5], [30, 0]]).evidence(1)
    assert found.shape == (CHANNELS, *shape)
    assert np.isfinite(found).all()
