"""Known shifts of a known texture are found again, whatever stands still on the detector, through cuts and blanks."""

from itertools import starmap

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift, zoom

from napari_fluorodenoise.motion.band import band_noise, band_passed, reduced
from napari_fluorodenoise.motion.track import COARSER, Tracker

SIDE = 192
NOISE, COARSE_NOISE = (band_noise(np.ones((1, 1)), factor=factor) for factor in (1, COARSER))


def texture(seed, *, size=340):
    rng = np.random.default_rng(seed)
    layers = sum(gaussian_filter(rng.standard_normal((size, size)), sigma) * sigma for sigma in (2, 4, 8))
    return (6 * layers / layers.std()).astype(np.float32)


def window(scene, offset):
    margin = (scene.shape[0] - SIDE) // 2
    return shift(scene, -np.asarray(offset), order=3, mode="nearest")[margin : margin + SIDE, margin : margin + SIDE]


def noisy(frames, *, seed=0, deviation=1.0):
    rng = np.random.default_rng(seed)
    return [frame + deviation * rng.standard_normal(frame.shape) for frame in frames]


def track(frames, *, field=None, rounds=1):
    """The places of `frames`, whose noise has unit variance."""
    field = np.ones(frames[0].shape, bool) if field is None else field
    tracker = Tracker(field=field, noise=NOISE, coarse_noise=COARSE_NOISE)
    frames = [np.asarray(frame, np.float32) for frame in frames]
    shown = [band_passed(frame) for frame in frames]
    coarse = [band_passed(reduced(frame, COARSER)) for frame in frames]
    places = tracker.settled([tracker.follow(*both) for both in zip(shown, coarse, strict=True)], shown)
    for _ in range(rounds):
        places = list(starmap(tracker.refine, zip(shown, places, strict=True)))
    return places


def offsets(places):
    return np.array([place.offset for place in places])


def segments(places):
    return [place.segment for place in places]


@pytest.fixture(scope="module")
def scene():
    return texture(0)


@pytest.fixture(scope="module")
def other():
    return texture(1)


PATH = np.stack([np.r_[0:24:3, 24:12:-2.5, 12.0, 12.0], np.r_[0:8:1.0, 8:8.5:0.1, 8.5, 8.5]], axis=1)


def test_a_path_is_found_in_the_noise(scene):
    places = track(noisy([window(scene, at) / 2 for at in PATH]))
    found = offsets(places)
    assert np.abs(found - found[0] - PATH).max() < 0.2
    assert set(segments(places)) == {0}
    assert all(place.shows for place in places)


def test_good_frames_are_trusted_and_worse_ones_less(scene):
    frames = noisy([window(scene, at) for at in PATH])
    hidden = texture(7)[:SIDE, :SIDE]
    frames[6] = 0.5 * frames[6] + 0.5 * hidden
    confidence = np.array([place.confidence for place in track(frames)])
    assert (confidence <= 1).all()
    assert np.delete(confidence, 6).min() > 0.85
    assert confidence[6] < 0.7


def test_markers_fixed_to_the_detector_do_not_hold_it_back(scene):
    marks = np.zeros((SIDE, SIDE))
    marks[30:50, 20:120:8] = 60
    marks[:, 180:] = -80
    found = offsets(track(noisy([window(scene, at) + marks for at in PATH]), rounds=2))
    assert np.abs(found - found[0] - PATH).max() < 0.3


def test_nothing_moves_when_nothing_moves(scene):
    still = window(scene, (0, 0))
    found = offsets(track(noisy([still * gain for gain in np.linspace(1, 0.8, 12)])))
    assert np.abs(found - found[0]).max() < 0.15


def test_a_jump_to_another_scene_starts_a_segment_and_the_way_back_rejoins_the_first(scene, other):
    frames = [window(scene, (0, 2 * t)) for t in range(4)] + [window(other, (3 * t, 0)) for t in range(4)]
    frames += [window(scene, (2, 5)), window(scene, (2, 8)), window(other, (5, 1))]
    places = track(noisy(frames))
    assert segments(places) == [0] * 4 + [1] * 4 + [0, 0, 1]
    expected = [(0, 0), (0, 2), (0, 4), (0, 6), (0, 0), (3, 0), (6, 0), (9, 0), (2, 5), (2, 8), (5, 1)]
    np.testing.assert_allclose(offsets(places), expected, atol=0.3)


def test_a_big_jump_within_a_scene_is_followed(scene):
    path = [(0, 0), (1, 1), (41, 1), (41, 2), (1, -3)]
    places = track(noisy([window(scene, at) for at in path]))
    assert segments(places) == [0] * 5
    np.testing.assert_allclose(offsets(places), path, atol=0.3)


def test_a_zoom_starts_a_segment(scene):
    larger = zoom(scene, 1.4, order=3)
    frames = [window(scene, (0, t)) for t in range(3)] + [window(larger, (0, t)) for t in range(3)]
    assert segments(track(noisy(frames))) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("value", [0.0, 50.0])
def test_a_blank_frame_stays_and_the_next_goes_on(scene, value):
    frames = [window(scene, (2 * t, t)) for t in range(7)]
    frames[3] = np.full((SIDE, SIDE), value)
    places = track(noisy(frames))
    assert segments(places) == [0] * 7
    assert [place.shows for place in places] == [True] * 3 + [False] + [True] * 3
    assert places[3].confidence == 0
    found = offsets(places)
    seen = np.r_[0:3, 4:7]
    np.testing.assert_allclose(found[seen], np.stack([2 * seen, seen], axis=1), atol=0.3)
    np.testing.assert_allclose(found[3], found[2], atol=0.5)


def test_a_blank_start_costs_nothing(scene):
    places = track(noisy([np.zeros((SIDE, SIDE))] + [window(scene, (2 * t, 0)) for t in range(4)]))
    assert segments(places) == [0] * 5
    assert places[0].confidence == 0
    np.testing.assert_allclose(offsets(places)[1:], [(0, 0), (2, 0), (4, 0), (6, 0)], atol=0.3)


def test_a_blank_or_hidden_sequence_has_no_offsets(scene):
    for places in (
        track([np.zeros((SIDE, SIDE))] * 3),
        track(noisy([np.zeros((SIDE, SIDE))] * 3)),
        track([window(scene, at) for at in PATH[:3]], field=np.zeros((SIDE, SIDE), bool)),
    ):
        assert not offsets(places).any()
        assert segments(places) == [0, 0, 0]
        assert [place.confidence for place in places] == [0, 0, 0]
