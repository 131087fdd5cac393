"""The challenge's scores on values worked out by hand, and its files there and back."""

import h5py
import numpy as np
import pytest

from napari_fluorodenoise.quality.challenge import (
    RANGES,
    Sample,
    Submitted,
    blind_score,
    consistency,
    read_challenge,
    read_submission,
    standard_score,
    write_challenge,
    write_submission,
)


@pytest.mark.parametrize(
    ("psnr", "ssim", "expected"),
    [(45, 1, 1), (30, 0.8, 0.65), (15, 0, 0), (5, 0.5, 0.25), (90, 1, 1), (40, 0.96, 0.8967)],
)
def test_the_standard_score(psnr, ssim, expected):
    assert standard_score(psnr, ssim) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("psnr", "ssim", "consistent", "expected"),
    [(50, 1, 1, 1), (30, 0.5, 0.5, 0.5), (10, 0, 0, 0), (0, 0, -1, -0.2), (80, 0, 0, 0.4)],
)
def test_the_blind_score(psnr, ssim, consistent, expected):
    assert blind_score(psnr, ssim, consistent) == pytest.approx(expected)


def test_consistency_is_the_share_that_is_explained():
    y = np.array([[3.0, 4.0]])
    assert consistency(y, y) == 1
    assert consistency(y, np.zeros_like(y)) == 0
    assert consistency(y, [[3.0, 0.0]]) == pytest.approx(1 - 4 / 5)
    assert consistency(y, -y) == -1


def test_consistency_refuses_what_cannot_be_compared():
    with pytest.raises(ValueError, match=r"of the measured shape \(1, 2\), found \(2, 1\)"):
        consistency(np.ones((1, 2)), np.ones((2, 1)))
    with pytest.raises(ValueError, match="other than 0"):
        consistency(np.zeros(3), np.ones(3))


def test_the_ranges_of_the_tiers_are_as_wide_as_each_other():
    for name in ("motion_blur", "lag", "gain_drift"):
        widths = {round(high - low, 6) for low, high in (RANGES[tier][name] for tier in RANGES)}
        assert len(widths) == 1, name


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    told = {"ranges": RANGES["dev"], "metadata": {"photons": 100}, "true_spec": {"lag": 3.0}}
    first = Sample(measured=rng.random((4, 6, 5), np.float32), ideal=np.eye(4), truth=rng.random((4, 6, 5)), **told)
    return {"sample_00": first, "sample_01": Sample(measured=rng.random((6, 5)), ideal=np.array([1.0, 0.05]))}


def test_a_challenge_there_and_back(samples, tmp_path):
    write_challenge(tmp_path / "c.h5", samples, tier="dev")
    back = read_challenge(tmp_path / "c.h5")
    assert list(back) == list(samples)
    for name, sample in samples.items():
        np.testing.assert_array_equal(back[name].measured, sample.measured)
        np.testing.assert_array_equal(back[name].ideal, sample.ideal)
        assert (back[name].truth is None) == (sample.truth is None)
        told = (back[name].ranges, back[name].metadata, back[name].true_spec)
        assert told == (sample.ranges, sample.metadata, sample.true_spec)
    np.testing.assert_array_equal(back["sample_00"].truth, samples["sample_00"].truth)
    with h5py.File(tmp_path / "c.h5") as file:
        assert dict(file.attrs) == {"variant": "fluoroscopy", "tier": "dev"}


def test_a_submission_there_and_back_in_the_layout_that_is_asked_for(tmp_path):
    estimate = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    write_submission(tmp_path / "s.h5", {"sample_00": Submitted(estimate=estimate, spec={"lag": 1.5})})
    back = read_submission(tmp_path / "s.h5")["sample_00"]
    np.testing.assert_array_equal(back.estimate, estimate)
    assert back.spec == {"lag": 1.5}
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["sample_00/x_hat"].dtype == np.float32
        assert file["sample_00"].attrs["corrected_spec"] == '{"lag": 1.5}'


def test_files_that_are_none_are_refused_in_one_line(tmp_path):
    (tmp_path / "text.h5").write_text("nothing")
    with pytest.raises(ValueError, match=r"text.h5: expected an HDF5 file, found none"):
        read_challenge(tmp_path / "text.h5")
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file.create_group("other")
    with pytest.raises(ValueError, match="expected groups sample_00 and on, found none"):
        read_challenge(tmp_path / "empty.h5")
    with h5py.File(tmp_path / "half.h5", "w") as file:
        file.create_group("sample_00")["y"] = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"half\.h5, sample_00: expected a dataset H_ideal, found y"):
        read_challenge(tmp_path / "half.h5")
    with h5py.File(tmp_path / "half.h5", "a") as file:
        file["sample_00"].attrs["spec_ranges"] = "no JSON"
    with pytest.raises(ValueError, match="sample_00: expected JSON as attribute spec_ranges, found 'no JSON'"):
        read_challenge(tmp_path / "half.h5")
