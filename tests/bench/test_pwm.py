"""Motion blur, lag and drift undone: what is known is inverted, what is not told is not invented."""

from dataclasses import replace

import numpy as np
import pytest

from napari_fluorodenoise.bench.pwm import COLUMNS, NAMES, estimated, pwm, reconstructed, simulated, submission
from napari_fluorodenoise.bench.result import made
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.physics.operator import FluoroscopyOperator
from napari_fluorodenoise.quality import scores
from napari_fluorodenoise.quality.challenge import RANGES, Sample, standard_score


@pytest.fixture(scope="module")
def rows():
    table = pwm(frames=12, size=64, photons=200, samples=1)
    return [dict(zip([c.title for c in COLUMNS], row, strict=True)) for row in made(table).rows]


def test_every_tier_has_its_sample_and_systems(rows):
    systems = ["noisy input", "5-frame mean", "fast, known", "fast, estimated", "fast, nominal"]
    assert [(row["tier"], row["system"]) for row in rows] == [(tier, name) for tier in RANGES for name in systems]


def test_known_parameters_are_the_true_ones_and_lie_in_their_ranges(rows):
    for row in rows:
        true = dict(zip(NAMES, map(float, row["true ms, ms, %"].split(", ")), strict=True))
        assert all(low <= true[name] <= high for name, (low, high) in RANGES[row["tier"]].items())
        if row["system"] == "fast, known":
            assert row["taken ms, ms, %"] == row["true ms, ms, %"]
        if row["system"] in ("noisy input", "fast, nominal"):
            assert row["taken ms, ms, %"] == "0.00, 0.00, 0.00"
        assert row["standard"] == pytest.approx(standard_score(row["PSNR dB"], row["SSIM"]))


def test_a_seed_and_a_tier_fix_a_sample_whatever_else_is_asked(rows):
    table = pwm(frames=12, size=64, photons=200, samples=1, tiers=("dev",))
    again = next(table.rows(silent))
    first = next(row for row in rows if row["tier"] == "dev")
    assert again[:8] == tuple(first.values())[:8]


def test_the_measurement_is_the_operator_s_on_average():
    sample = simulated("dev", frames=12, size=64, photons=1e6, rng=np.random.default_rng(0))
    operator = FluoroscopyOperator(**sample.true_spec, frame_interval=1 / 30)
    np.testing.assert_allclose(sample.measured, operator.forward(sample.truth), atol=0.01)


def test_known_drift_and_lag_are_undone():
    rng = np.random.default_rng(1)
    sample = simulated("public", frames=12, size=64, photons=1e5, rng=rng)
    spec = {"motion_blur": 0.0, "lag": 20.0, "gain_drift": 1.0}
    noisy = sample.truth + rng.normal(0, 0.02, sample.truth.shape).astype(np.float32)
    seen = FluoroscopyOperator(**spec, frame_interval=1 / 30).forward(noisy)
    np.testing.assert_allclose(reconstructed(seen, spec), reconstructed(noisy, dict.fromkeys(NAMES, 0.0)), atol=2e-3)


def test_known_motion_blur_is_undone_where_there_is_little_noise():
    times = np.linspace(0, 2 * np.pi, 16)[:, None, None]
    places = np.linspace(0, 12, 64)
    truth = (0.5 + 0.3 * np.sin(3 * times + places + 0.5 * places[:, None])).astype(np.float32)
    spec = {"motion_blur": 20.0, "lag": 0.0, "gain_drift": 0.0}
    blurred = FluoroscopyOperator(**spec, frame_interval=1 / 30).forward(truth)
    blurred += np.random.default_rng(0).normal(0, 0.005, blurred.shape).astype(np.float32)
    told, untold = (reconstructed(blurred, {**spec, "motion_blur": found}) for found in (20.0, 0.0))
    inner = slice(3, -3)  # the ends are held, and told nothing
    good, bad = (scores(x[inner], truth=truth[inner], data_range=1.0)[0] for x in (told, untold))
    assert good > bad + 1


def test_a_drift_is_told_and_blur_is_not():
    rng = np.random.default_rng(0)
    scene = 0.3 + 0.4 * rng.random((8, 8)).repeat(8, axis=0).repeat(8, axis=1)
    still = np.broadcast_to(scene, (24, 64, 64))
    noisy = (1 + 0.008 * np.arange(24))[:, None, None] * (still + rng.normal(0, 0.01, still.shape))
    found = estimated(noisy.astype(np.float32), ranges=RANGES["public"])
    assert found["gain_drift"] == pytest.approx(0.8, abs=0.1)
    assert found["motion_blur"] == 0
    within = estimated(noisy.astype(np.float32), ranges={"gain_drift": (-0.1, 0.1)})
    assert -0.1 <= within["gain_drift"] <= 0.1


def test_a_challenge_is_answered_sample_by_sample():
    sample = simulated("dev", frames=8, size=64, photons=200, rng=np.random.default_rng(0))
    done = submission({"sample_00": sample}, progress=silent)
    assert done["sample_00"].estimate.shape == sample.measured.shape
    assert set(done["sample_00"].spec) == set(NAMES)
    single = Sample(measured=np.ones((64, 64), np.float32), ideal=np.ones(2))
    with pytest.raises(ValueError, match=r"sample_01: expected a sequence \(T, Y, X\) as y, found \(64, 64\)"):
        submission({"sample_01": single}, progress=silent)


def test_the_time_between_frames_is_the_sample_s_own():
    noise = 1 + 0.05 * np.random.default_rng(0).standard_normal((24, 64, 64)).astype(np.float32)
    lagging = FluoroscopyOperator(lag=40.0, frame_interval=1 / 15).forward(noise)
    sample = Sample(measured=lagging, ideal=np.eye(24), metadata={"frame_interval": 1 / 15})
    found = [submission({"x": one}, progress=silent)["x"].spec["lag"] for one in (sample, replace(sample, metadata={}))]
    assert found[0] == pytest.approx(40, rel=0.15)
    assert found[0] == pytest.approx(2 * found[1])


def test_an_unknown_tier_is_refused():
    with pytest.raises(ValueError, match=r"expected tiers \(public, dev, hidden\), found 'secret'"):
        pwm(frames=4, size=64, photons=100, samples=1, tiers=("secret",))
