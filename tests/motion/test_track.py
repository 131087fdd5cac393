"""Known shifts of a known texture are found again, whatever stands still on the detector."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.motion.track import Tracker, band_passed

SIZE = 128


def window(scene, offset):
    from scipy.ndimage import shift

    return shift(scene, -np.asarray(offset), order=3, mode="nearest")[40 : 40 + SIZE, 40 : 40 + SIZE]


def track(frames, field=None):
    tracker = Tracker(field=np.ones(frames[0].shape, bool) if field is None else field)
    shown = [band_passed(frame) for frame in frames]
    followed = [tracker.follow(frame) for frame in shown]
    found = np.array([tracker.refine(frame, offset) for frame, offset in zip(shown, followed, strict=True)])
    return found - found[0]


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    texture = sum(gaussian_filter(rng.standard_normal((220, 220)), sigma) * sigma for sigma in (2, 4, 8))
    return (6 * texture / texture.std()).astype(np.float32)


PATH = np.stack([np.r_[0:24:3, 24:12:-2.5, 12.0, 12.0], np.r_[0:8:1.0, 8:8.5:0.1, 8.5, 8.5]], axis=1)


def test_a_path_is_found_in_the_noise(scene):
    rng = np.random.default_rng(1)
    frames = [window(scene, at) + 3 * rng.standard_normal((SIZE, SIZE)) for at in PATH]
    assert np.abs(track(frames) - PATH).max() < 0.2


def test_markers_fixed_to_the_detector_do_not_hold_it_back(scene):
    rng = np.random.default_rng(2)
    marks = np.zeros((SIZE, SIZE))
    marks[10:30, 8:60:8] = 60
    marks[:, 120:] = -80
    frames = [window(scene, at) + marks + rng.standard_normal((SIZE, SIZE)) for at in PATH]
    assert np.abs(track(frames) - PATH).max() < 0.3


def test_nothing_moves_when_nothing_moves(scene):
    rng = np.random.default_rng(3)
    still = window(scene, (0, 0))
    frames = [still * gain + 2 * rng.standard_normal((SIZE, SIZE)) for gain in np.linspace(1, 0.8, 12)]
    assert np.abs(track(frames)).max() < 0.15


def test_a_blank_or_hidden_sequence_has_no_offsets(scene):
    assert not track([np.zeros((SIZE, SIZE))] * 3).any()
    frames = [window(scene, at) for at in PATH[:3]]
    assert not track(frames, field=np.zeros((SIZE, SIZE), bool)).any()
