"""A filter that leans on the past is told from one that is symmetric in time."""

import numpy as np
import pytest

from napari_fluorodenoise.quality.checks.lag import lag
from napari_fluorodenoise.quality.residual import tiles


def test_the_weight_of_the_past_is_measured_where_nothing_moves(sample, filters):
    found = sample("still, very few photons", 20)
    for keep in (0.3, 0.6):
        numbers = lag(found.tiles(filters["recursive"](found.frames, keep=keep))).numbers
        assert numbers["lean"] == pytest.approx(keep * (1 - keep), abs=0.05)


@pytest.mark.parametrize("name", ["beating", "panning, few photons"])
def test_a_trail_on_the_truth_is_found(name, sample, filters):
    found = sample(name, 20)
    check = lag(found.tiles(filters["recursive"](found.clean, keep=0.4)))
    assert check.verdict == "fail"
    assert "trail" in check.meaning


def test_a_window_symmetric_in_time_does_not_lag(sample):
    found = sample("beating", 20)
    ahead, behind = found.frames[[*range(1, 24), 23]], found.frames[[0, *range(23)]]
    numbers = lag(found.tiles((ahead + found.frames + behind) / 3)).numbers
    assert abs(numbers["trail"]) < 4 * numbers["trail_error"]
    assert lag(found.tiles((found.frames + behind) / 2)).verdict == "fail"


def test_a_leading_result_is_no_lag(sample):
    found = sample("beating", 20)
    ahead = found.clean[[*range(1, 24), 23]]
    assert lag(found.tiles(0.7 * found.clean + 0.3 * ahead)).numbers["trail"] < -0.1


def test_two_frames_cannot_tell(sample):
    found = sample("beating", 20)
    noisy = found.noisy.crop(frames=slice(0, 2))
    check = lag(tiles(noisy, noisy.with_data(found.clean[:2]), detector=found.detector))
    assert check.verdict == "doubtful"
    assert "cannot be told" in check.meaning
    assert not np.isfinite(check.numbers["trail_error"])
