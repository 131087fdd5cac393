"""What a blur takes is told as a share of the detail, and where; a harmless loss is not."""

import numpy as np
import pytest

from napari_fluorodenoise.quality.checks.removed import removed
from napari_fluorodenoise.quality.residual import tiles


def test_the_share_that_is_missing_is_that_of_the_truth(sample):
    found = sample("beating", 20)
    for share in (0.02, 0.1, 0.3):
        faint = found.clean - share * (found.clean - found.clean.mean((1, 2), keepdims=True))
        numbers = removed(found.tiles(faint)).numbers
        assert numbers["share"] == pytest.approx(share, abs=4 * numbers["share_error"])
        assert numbers["share_error"] < 0.01


def test_a_vessel_that_is_gone_is_told_in_its_place(sample):
    found = sample("beating", 20)
    gone = found.clean - np.where(np.arange(256)[:, None] < 128, found.phantom.wire, 0)
    check = removed(found.tiles(gone))
    assert check.verdict != "pass"
    seen = check.picture.values > 0
    wire = (-found.phantom.wire / 60 > 1).any(0).reshape(16, 16, 16, 16).any((1, 3))
    assert seen.any()
    assert not seen[8:].any()
    assert wire[seen].all()


def test_a_mean_of_frames_blurs_what_moves_and_nothing_that_rests(sample):
    def mean_of_five(frames):
        return np.array([frames[max(t - 2, 0) : t + 3].mean(0) for t in range(len(frames))])

    for name, verdict in (("panning, few photons", "fail"), ("still, very few photons", "pass")):
        found = sample(name, 20)
        assert removed(found.tiles(mean_of_five(found.frames))).verdict == verdict


@pytest.mark.parametrize("name", ["beating", "panning, few photons", "still, very few photons"])
def test_blur_is_caught_at_every_dose(name, sample, filters):
    found = sample(name, 20)
    assert removed(found.tiles(filters["blurred"](found.frames, sigma=2))).verdict != "pass"


def test_two_frames_have_no_neighbours_to_share_with(sample):
    found = sample("beating", 20)
    noisy = found.noisy.crop(frames=slice(0, 2))
    check = removed(tiles(noisy, noisy.with_data(found.clean[:2]), detector=found.detector))
    assert check.verdict == "pass"
    assert "in common: not to be told" in check.evidence


def test_noise_of_other_frames_is_no_loss(sample):
    found = sample("still, very few photons", 20)
    blind = np.array([found.frames[[t - 2, t - 1, t + 1 - 24, t + 2 - 24]].mean(0) for t in range(24)])
    got = found.tiles(blind)
    assert got.energy[got.known][:, 1].mean() == pytest.approx(1.25 * got.freedom[1], rel=0.03)  # 1 / 4 of it is theirs
    assert removed(got).verdict == "pass"
