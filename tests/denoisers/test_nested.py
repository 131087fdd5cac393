"""The parts of a frame sum to it, and their noise is what they say."""

import numpy as np
import pytest

from napari_fluorodenoise.denoisers.nested import COARSE, guide, parts, smoothed_noise

WHITE = smoothed_noise(np.ones((1, 1)))


def taken_apart(frames, t, radii=(1, 4)):
    guides = np.stack([guide(frame) for frame in frames])
    return parts(frames, t, guides=guides, noise=WHITE, radii=radii)


def noise(count=9, shape=(64, 64), seed=0):
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


@pytest.mark.parametrize("t", [0, 1, 4, 8])
@pytest.mark.parametrize("radii", [(), (1,), (1, 4), (2, 3, 8)])
def test_the_parts_sum_to_the_frame(t, radii):
    frames = noise()
    total = sum(part.picture for part in taken_apart(frames, t, radii))
    np.testing.assert_allclose(total, frames[t], atol=1e-5)


def test_one_part_without_radii():
    frames = noise()
    (only,) = taken_apart(frames, 3, ())
    np.testing.assert_array_equal(only.picture, frames[3])
    np.testing.assert_array_equal(only.variance, 1)


def test_the_variances_are_those_of_the_noise():
    scene = 40 * np.random.default_rng(5).random((24, 24)).repeat(4, 0).repeat(4, 1)  # texture holds the flow still
    frames = noise(shape=(96, 96)) + scene.astype(np.float32)
    for part, signal in zip(taken_apart(frames, 4), (scene, 0, 0), strict=True):
        measured = np.median(np.abs(part.picture - signal)) ** 2 / 0.4549
        assert measured == pytest.approx(part.variance.mean(), rel=0.25)


def test_a_wire_in_one_frame_stays_out_of_its_neighbours_means():
    frames = 0.2 * noise()
    frames[4, :, 30:33] -= 12
    longest = taken_apart(frames, 5)[0].picture
    assert abs(longest[:, 31].mean()) < 0.05 * 12


def test_a_guides_noise_is_known():
    assert np.std(guide(noise(1, (400, 400))[0])) == pytest.approx(WHITE[COARSE], rel=0.03)


def test_frames_are_not_modified():
    frames = noise()
    taken_apart(frames, 4)
    np.testing.assert_array_equal(frames, noise())


def test_what_a_neighbour_did_not_see_counts_nothing():
    canvas = 60 * np.random.default_rng(6).random((32, 40)).repeat(4, 0).repeat(4, 1).astype(np.float32)
    frames = noise(3, (96, 96)) + np.stack([canvas[4 * t : 4 * t + 96, :96] for t in range(3)])
    longest = taken_apart(frames, 1, (1,))[0]
    assert longest.variance[:3].min() > 0.49  # of its neighbours frame 0 alone saw these rows
    assert np.median(longest.variance[10:-10]) < 0.4
