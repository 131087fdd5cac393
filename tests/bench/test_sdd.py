"""The ablation: its rows can be worked out by hand where nothing is denoised, and a seed fixes all but the speed."""

from dataclasses import replace

import numpy as np
import pytest

from napari_fluorodenoise.bench.sdd import ALONE, FULL, INPUT, Case, Row, ablation, cases, gains
from napari_fluorodenoise.io import write
from napari_fluorodenoise.video import Video

SMALL = {"frames": 6, "size": 64}


@pytest.fixture(scope="module")
def rows():
    return list(ablation(cases(**SMALL), variances=(0.003,)))


def test_every_case_and_variance_has_a_row_for_every_system(rows):
    names = ["noisy input", "5-frame mean", "denoiser alone", "without Stabilize", "three stages"]
    assert [row.system for row in rows] == names * 2
    assert [(row.case.panning, row.variance) for row in rows[::5]] == [(True, 0.003), (False, 0.003)]


def test_the_noisy_input_has_the_variance_in_decibels(rows):
    for row in rows:
        if row.system == INPUT:
            assert row.psnr == pytest.approx(-10 * np.log10(row.variance), abs=0.1)
            assert row.rate is row.background is None
        else:
            assert row.rate > 0
            assert (row.background is None) == (row.system in ("5-frame mean", ALONE))
        assert 0 < row.ssim < 1
        assert 0 < row.entropy <= 8


def test_the_same_seed_gives_the_same_scores(rows):
    again = ablation(cases(**SMALL)[:1], variances=(0.003,))
    assert [replace(row, case=None, rate=None) for row in again] == [
        replace(row, case=None, rate=None) for row in rows[:5]
    ]
    (other, *_) = ablation(cases(**SMALL, seed=1)[:1], variances=(0.003,), seed=1)
    assert other.psnr != rows[0].psnr


def test_progress_rises_to_the_end():
    heard = []
    list(
        ablation(cases(**SMALL), variances=(0.003,), progress=lambda fraction, message, _=None: heard.append(fraction))
    )
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1)


def test_gains_are_differences_on_panning_cases():
    cases = [Case(name, name == "pan", lambda: None) for name in ("pan", "still")]
    rows = [
        Row(case, 0.001, system, psnr, 1, None, 1, 1) for case in cases for system, psnr in ((ALONE, 30), (FULL, 32))
    ]
    assert gains(rows) == {("pan", 0.001): 2}


def test_clips_are_read_from_a_folder_cropped_and_scaled(tmp_path):
    values = np.zeros((9, 80, 100), np.uint8)
    values[:, 40:, 60:] = np.arange(9, dtype=np.uint8)[:, None, None] + 100
    (tmp_path / "angiodata_p7c4").mkdir()
    write(tmp_path / "angiodata_p7c4" / "clip.avi", Video(data=values, metadata={"window": (0, 255)}))
    *_, clip = cases(**SMALL, data=tmp_path)
    assert (clip.name, clip.panning) == ("angiodata_p7c4", False)
    clean = clip.clean()
    assert (clean.shape, clean.dtype) == ((6, 64, 64), np.float32)
    assert clean.min() >= 0
    assert clean.max() == pytest.approx(0.4, abs=0.05)
    assert clean[0].std() > 0.1  # the crop shows both values


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected a folder that holds some of angiodata_p2c3, .*, found none"):
        cases(**SMALL, data=tmp_path)
    assert len(cases(**SMALL)) == 2


def test_a_recipe_that_is_no_denoiser_is_refused():
    with pytest.raises(ValueError, match="begins with denoise, such as fast, found 'sdd'"):
        next(ablation(cases(**SMALL), variances=(0.001,), denoiser="sdd"))
