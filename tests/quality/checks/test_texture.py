"""How much noise is left is measured, and blotches are told from fine grain."""

import numpy as np
import pytest

from napari_fluorodenoise.quality.checks.texture import left, texture
from napari_fluorodenoise.quality.residual import tiles


@pytest.mark.parametrize("share", [0.0, 0.09, 0.5, 1.0])
def test_the_share_that_is_left_is_that_of_the_truth(share, sample):
    found = sample("still, very few photons", 20)
    mixed = found.clean + np.sqrt(share) * (found.frames - found.clean)
    measured, error = left(found.tiles(mixed))
    assert measured == pytest.approx(share, abs=max(4 * error, 0.03))


def test_what_moves_a_little_is_not_taken_for_noise(sample):
    found = sample("beating", 20)
    measured, error = left(found.tiles(found.clean))
    assert abs(measured) < 3 * error < 0.1


def test_grain_passes_and_blotches_do_not(sample, filters):
    found = sample("still, very few photons", 20)
    noise = found.frames - found.clean
    assert texture(found.tiles(found.clean + 0.4 * noise)).verdict == "pass"
    check = texture(found.tiles(found.clean + filters["blurred"](noise, sigma=1)))
    assert check.verdict == "fail"
    assert check.numbers["shift"] < 0.5


def test_the_curve_shows_where_noise_is_left(sample, filters):
    found = sample("still, very few photons", 20)
    curve = texture(found.tiles(found.clean + filters["blurred"](found.frames - found.clean, sigma=1.5))).picture
    assert (np.diff(curve.y)[:3] < 0).all()
    np.testing.assert_allclose(curve.before, 1, atol=0.15)


def test_where_everything_moves_it_cannot_tell(sample):
    found = sample("beating", 20)
    scenes = np.random.default_rng(0).uniform(0, 3000, found.frames.shape).astype(np.float32)
    moving = found.noisy.with_data(found.frames + scenes)
    check = texture(tiles(moving, moving, detector=found.detector))
    assert check.verdict == "doubtful"
    assert "cannot be told" in check.meaning
