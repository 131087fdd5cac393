"""The ablation: its rows can be worked out by hand where nothing is denoised, and a seed fixes all but the speed."""

import numpy as np
import pytest

from napari_fluorodenoise.bench import cases
from napari_fluorodenoise.bench.result import made
from napari_fluorodenoise.bench.sdd import COLUMNS, sdd

INSIDE = (" alone", ", split, without Stabilize", ", split", ", recipe sdd")
TITLES = [column.title for column in COLUMNS]


def scenes(**changes):
    return cases.phantoms(**{"frames": 6, "size": 64, "seed": 0, **changes})


def rows_of(given, *, progress=lambda *told: None, **changes):
    options = {"variances": (0.003,), "denoisers": ("wiener",), "steps": 2, **changes}
    return [dict(zip(TITLES, row, strict=True)) for row in made(sdd(given, **options), progress=progress).rows]


@pytest.fixture(scope="module")
def heard():
    return []


@pytest.fixture(scope="module")
def rows(heard):
    return rows_of(scenes(), progress=lambda fraction, message, _=None: heard.append(fraction))


def test_every_case_has_a_row_for_every_system(rows):
    own = [f"fast{what}" for what in INSIDE]
    assert [row["system"] for row in rows] == ["noisy input", "5-frame mean", *own] * 2
    assert [row["case"] for row in rows[::6]] == ["phantom, pan 3 px/frame", "phantom, still"]


def test_the_noisy_input_has_the_variance_in_decibels(rows):
    for row in rows:
        if row["system"] == "noisy input":
            assert row["PSNR dB"] == pytest.approx(-10 * np.log10(row["variance"]), abs=0.1)
            assert row["frames/s"] is None
        else:
            assert row["frames/s"] > 0
        split = row["system"].endswith(INSIDE[1:])
        assert (row["entropy of background, bits"] is not None) == split
        assert 0 < row["SSIM"] < 1
        assert 0 < row["of result"] <= 8


def test_what_stages_add_is_the_difference_to_the_same_denoiser_alone(rows):
    for first in (2, 8):
        alone, *inside = rows[first : first + 4]
        assert alone["over alone, dB"] is None
        for row in inside:
            assert row["over alone, dB"] == pytest.approx(row["PSNR dB"] - alone["PSNR dB"])


def test_progress_rises_to_the_end(rows, heard):
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1)


def test_the_same_seed_gives_the_same_scores(rows):
    again = rows_of(scenes()[:1])
    assert [{**row, "frames/s": None} for row in again] == [{**row, "frames/s": None} for row in rows[:6]]
    other, *_ = rows_of(scenes(seed=1)[:1], seed=1)
    assert other["PSNR dB"] != rows[0]["PSNR dB"]


def test_a_network_has_its_rows():
    (scene, _) = scenes(frames=4)
    found = [row["system"] for row in rows_of([scene], denoisers=("noise2void",))]
    own = [f"noise2void{what}" for what in INSIDE]
    assert found == ["noisy input", "5-frame mean", *own]


def test_a_denoiser_that_cannot_run_inside_the_stages_is_refused():
    with pytest.raises(ValueError, match=r"run in the stages \(wiener, noise2void, .*\), found 'temporal'"):
        sdd([], variances=(0.001,), denoisers=("temporal",), steps=1)
