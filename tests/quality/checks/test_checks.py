"""Every check passes the truth and catches its own fault, whatever the dose, the motion and the noise's correlation."""

import os
from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise import Video, denoise
from napari_fluorodenoise.quality.checks import critical, judged, largest, stated, worst
from napari_fluorodenoise.quality.trust import trust

DATA = Path(os.environ.get("FLUORODENOISE_DATA", Path(__file__).parents[4] / "shared" / "data"))
SCENES = (
    "beating",
    "panning, few photons",
    "still, very few photons",
    "noise shared in time",
    "white noise, collimated",
)
CASES = [(name, seed) for name in SCENES for seed in (20, 21)]


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_truth_passes_all(name, seed, sample):
    found = sample(name, seed)
    assert set(found.judged(found.clean).values()) == {"pass"}


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_each_fault_is_caught_by_its_check(name, seed, sample, faulty):
    found = sample(name, seed)
    for check, fault in faulty.items():
        unseen = check == "Lag" and name.startswith("still")  # nothing moves, so there is no trail, only a doubt
        assert found.judged(fault(found))[check] == ("doubtful" if unseen else "fail"), check


def test_each_fault_alone_is_told_by_no_other_check(sample, faulty):
    found = sample("beating", 20)
    for check in ("Invented structure", "Texture", "Bias"):
        told = found.judged(faulty[check](found))
        assert [name for name, verdict in told.items() if verdict == "fail"] == [check]


def test_a_real_denoiser_fails_nothing(sample):
    found = sample("beating", 20)
    result = denoise(found.noisy, recipe="fast").numpy()
    assert "fail" not in found.judged(result).values()


@pytest.mark.parametrize("clip", ["p2c3", "p7c4"])
def test_real_anatomy_passes_under_known_noise_and_its_blur_does_not(clip, filters):
    paths = sorted((DATA / f"angiodata_{clip}").glob("*.jpg"))[:24]
    if not paths:
        pytest.skip(f"no real sequences at {DATA}")
    import cv2

    raw = np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]).astype(np.float32) / 255
    clean = raw.reshape(len(raw), 256, 2, 256, 2).mean((2, 4))
    noise = np.sqrt(0.003) * np.random.default_rng(0).standard_normal(clean.shape)
    noisy = Video(data=(clean + noise).astype(np.float32))
    assert trust(noisy, noisy.with_data(clean)).verdict == "pass"
    blurred = trust(noisy, noisy.with_data(filters["blurred"](noisy.data, sigma=2)))
    assert blurred.checks[0].verdict == "fail"


def test_a_number_is_judged_by_its_size_and_its_certainty():
    limits = {"doubtful": 1.0, "fail": 2.0}
    assert judged(0.9, 0.001, **limits) == "pass"  # certain, and harmless
    assert judged(5.0, 2.0, **limits) == "pass"  # large, and chance
    assert judged(1.5, 0.1, **limits) == "doubtful"
    assert judged(2.5, 0.6, **limits) == "doubtful"  # not certainly beyond the first limit
    assert judged(2.5, 0.1, **limits) == "fail"
    assert judged(0.0, float("inf"), **limits) == "pass"


def test_the_critical_value_keeps_the_rate_of_false_alarms():
    values = np.random.default_rng(0).standard_normal((4000, 500))
    assert (values.max(axis=1) > critical(500)).mean() == pytest.approx(1e-3, abs=2e-3)
    assert critical(1) == pytest.approx(3.09, abs=0.01)
    assert critical(500) == pytest.approx(4.61, abs=0.01)  # 1 in 500 000


def test_what_nothing_tells_is_said_in_words():
    assert stated(0.0123, 0.004, "+.1%") == "+1.2% ± 0.4%"
    assert stated(0.0, float("inf"), "+.1%") == "not to be told"


def test_the_worst_and_the_largest():
    assert worst("pass", "fail", "doubtful") == "fail"
    known = np.array([[[True, False]], [[True, False]]])
    np.testing.assert_array_equal(largest(np.array([[[1.0, 5.0]], [[2.0, 7.0]]]), known), [[2.0, np.nan]])
