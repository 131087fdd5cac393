"""A view that stood still is told from one that moved, whatever beat in it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_fluorodenoise.motion.band import band_noise, band_passed
from napari_fluorodenoise.motion.rests import panning, rested

SIDE = 160
FIELD = np.zeros((SIDE, SIDE), bool)
FIELD[16:-16, 16:-16] = True
NOISE = band_noise(np.ones((1, 1)), factor=1)
BEATING = 4 * np.sin(np.arange(24) * 2 * np.pi / 12)[:, None] * np.array([0.8, 0.6])
PANNING = np.linspace(0, 30, 24)[:, None] * np.array([0.8, 0.6])


@pytest.fixture(scope="module")
def parts():
    """The still anatomy, faint, and a large object, strong: (Y, X) each, larger than a frame."""
    rng = np.random.default_rng(0)
    anatomy, object_ = (gaussian_filter(rng.standard_normal((SIDE + 80, SIDE + 80)), 3) for _ in range(2))
    rows, columns = np.mgrid[: SIDE + 80, : SIDE + 80] - 110
    inside = 1 / (1 + np.exp((np.hypot(rows, columns) - 30) / 2))
    return 0.7 * anatomy / anatomy.std(), 4 * inside * object_ / object_.std()


def seen(parts, views, beats, *, seed=1):
    """Band-passed noisy frames: the anatomy from `views`, the object moved by `beats` as well, (T, 2) px each."""
    rng = np.random.default_rng(seed)
    frames = []
    for view, beat in zip(views, beats, strict=True):
        shown = shift(parts[0], -view, order=3) + shift(parts[1], -view - beat, order=3)
        frames.append(band_passed(shown[40:-40, 40:-40] + rng.standard_normal((SIDE, SIDE))))
    return frames


def test_a_view_at_rest_is_found_though_a_flow_follows_what_beats_in_it(parts):
    frames = seen(parts, np.zeros((24, 2)), BEATING)
    found = rested(-BEATING, frames.__getitem__, field=FIELD, noise=NOISE)
    np.testing.assert_array_equal(found, np.broadcast_to(-BEATING[0], (24, 2)))


@pytest.mark.parametrize("views", [PANNING, 0.35 * PANNING, BEATING], ids=["pan", "slow pan", "to and fro"])
def test_a_view_that_moves_is_not_at_rest(parts, views):
    frames = seen(parts, views, BEATING[::-1])
    found = rested(views, frames.__getitem__, field=FIELD, noise=NOISE)
    np.testing.assert_allclose(found, views, atol=0.6)


def test_a_pause_is_found_within_a_pan(parts):
    views = np.concatenate([PANNING[:12], np.repeat(PANNING[11:12], 12, axis=0)])
    followed = views - np.where(np.arange(24)[:, None] < 12, 0, BEATING)
    found = rested(followed, seen(parts, views, BEATING).__getitem__, field=FIELD, noise=NOISE)
    np.testing.assert_array_equal(np.diff(found[14:], axis=0), 0)
    np.testing.assert_allclose(found[:11], views[:11], atol=0.6)


def test_a_long_rest_is_found_in_stretches_without_a_step_between_them(parts, monkeypatch):
    monkeypatch.setattr("napari_fluorodenoise.motion.rests.LONGEST", 12)
    frames, read = seen(parts, np.zeros((24, 2)), BEATING), []
    found = rested(-BEATING, lambda t: read.append(t) or frames[t], field=FIELD, noise=NOISE)
    np.testing.assert_array_equal(found, np.broadcast_to(-BEATING[0], (24, 2)))
    assert sorted(read) == sorted([*range(24), 10, 11])  # each once, but for those that both stretches hold


def test_what_never_moved_is_left_as_it_is():
    still = np.full((6, 2), 3.5)
    np.testing.assert_array_equal(rested(still, pytest.fail, field=FIELD, noise=NOISE), still)
    np.testing.assert_array_equal(rested(still[:1], pytest.fail, field=FIELD, noise=NOISE), still[:1])


def test_a_pan_reaches_further_than_anatomy_strays():
    assert not panning(BEATING, FIELD).any()
    found = panning(np.concatenate([np.zeros((20, 2)), 2 * PANNING]), FIELD)
    assert not found[:20].any()
    assert found[25:-5].all()


def test_a_way_shorter_than_the_anatomy_is_coarse_is_no_pan():
    small = np.ones((48, 48), bool)
    assert not panning(PANNING[:10], small).any()
    assert panning(2 * PANNING, small)[5:-5].all()
