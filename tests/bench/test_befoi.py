"""Regions and similarity: the regions are those that are flat, and a truth is asked for by two columns only."""

import numpy as np
import pytest

from napari_fluorodenoise.bench.befoi import COLUMNS, befoi, flat_regions
from napari_fluorodenoise.bench.result import made


def test_the_regions_are_the_brightest_and_the_darkest_that_are_flat():
    rng = np.random.default_rng(0)
    picture = rng.uniform(0, 255, (64, 96)).astype(np.float32)  # brighter and darker pixels than any flat one
    picture[16:32, 32:48] = 150
    picture[48:64, 0:16] = 60
    picture[32:48, 80:96] = 100
    bright, dark = flat_regions(picture)
    assert bright == (slice(16, 32), slice(32, 48))
    assert dark == (slice(48, 64), slice(0, 16))


def test_a_small_picture_still_has_two_regions():
    bright, dark = flat_regions(np.tile(np.arange(16, dtype=np.float32), (16, 1)))
    assert bright != dark


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "mine.npy"
    rng = np.random.default_rng(0)
    ramp = np.linspace(50, 200, 64)
    np.save(path, rng.normal(np.broadcast_to(ramp, (6, 64, 64)), 5).astype(np.float32))
    table = befoi(frames=6, size=64, photons=(50,), data=[path], recipes=("fast", "noise2self"), steps=1)
    return [dict(zip([c.title for c in COLUMNS], row, strict=True)) for row in made(table).rows]


def test_every_case_begins_with_the_input_and_the_mean(rows):
    for case in ("phantom, pan 3 px/frame, 50 photons", "mine"):
        names = [row["system"] for row in rows if row["case"] == case]
        assert names[:4] == ["noisy input", "5-frame mean", "TV", "NLM"]
        assert names[-2:] == ["fast", "noise2self"]


def test_only_a_truth_gives_similarity(rows):
    for row in rows:
        known = row["case"] != "mine"
        assert (row["PSNR dB"] is not None) == (row["SSIM"] is not None) == known
        assert row["SNR"] > 0
        assert row["CNR"] > 0
        assert 0 <= row["Reblur"] <= 1


def test_averaging_raises_snr_and_blur(rows):
    noisy, mean = (row for row in rows if row["case"] == "mine" and row["system"] in ("noisy input", "5-frame mean"))
    assert mean["SNR"] > noisy["SNR"]
    assert mean["Reblur"] > noisy["Reblur"]


def test_a_folder_without_sequences_is_refused_before_any_work(tmp_path):
    with pytest.raises(ValueError, match="expected a grey sequence, or a folder of them"):
        befoi(frames=4, size=64, photons=(50,), data=[tmp_path], steps=1)
