import json
from dataclasses import replace

import numpy as np
import pytest

from napari_fluorodenoise.physics.calibration import Calibration
from napari_fluorodenoise.physics.detector import measure
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.video import Video


@pytest.fixture(scope="module")
def static():
    return phantom(frames=12, shape=(160, 160), still=True, rng=1).noisy


@pytest.fixture(scope="module")
def calibration(static):
    return Calibration.of(measure(static), static)


def test_json_reads_back_equal(calibration):
    assert Calibration.from_json(calibration.to_json()) == calibration


def test_another_sequence_gets_the_noise_and_keeps_its_own_field_and_level(calibration, static):
    other = phantom(frames=4, shape=(192, 192), photons=100, collimated=True, rng=2)
    found = calibration.detector(other.noisy)
    measured = measure(static)
    assert (found.slope, found.read_variance) == (measured.slope, measured.read_variance)
    np.testing.assert_array_equal(found.autocorrelation, measured.autocorrelation)
    assert found.field.mean() == pytest.approx(other.field.mean(), abs=0.05)
    assert found.level == pytest.approx(np.median(other.clean[:, other.field]), rel=0.05)


def test_a_flat_sequence_calibrates_at_its_intensity_and_says_so():
    flat = np.random.default_rng(0).poisson(400, (12, 96, 96)).astype(np.uint16)
    found = measure(Video(data=flat))
    assert found.variance(400.0) == pytest.approx(400, rel=0.03)
    assert "too few blocks of different intensities" in found.warnings[0]
    again = Calibration.from_json(Calibration.of(found, Video(data=flat)).to_json())
    assert again.detector(Video(data=flat)).variance(400.0) == pytest.approx(400, rel=0.03)


def test_a_bright_calibration_does_not_raise_the_noise_of_dark_frames():
    bright, dark = (phantom(frames=12, shape=(160, 160), photons=n, still=True, rng=1) for n in (100, 10))
    found = Calibration.of(measure(bright.noisy), bright.noisy).detector(dark.noisy)
    truth = dark.slope * dark.clean.mean() + dark.read_variance
    assert found.variance(float(dark.clean.mean())) == pytest.approx(truth, rel=0.2)
    assert "extrapolated" in found.warnings[-1]


def test_a_sequence_far_from_what_was_calibrated_is_told(calibration, static):
    bright = Video(data=(static.data + np.uint16(20000)), pixel_size=static.pixel_size)
    assert "extrapolated" in calibration.detector(bright).warnings[-1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pixel_size": (0.5, 0.5)}, "found 0.5 x 0.5 mm; calibrate"),
        ({"photometric": "MONOCHROME1"}, "expected MONOCHROME2 as calibrated, found MONOCHROME1"),
        ({"intensity": "display"}, "expected linear intensities as calibrated, found display ones"),
    ],
)
def test_another_mode_is_refused(calibration, static, change, said):
    with pytest.raises(ValueError, match=said):
        calibration.detector(replace(static, **change))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda d: d.update(format="foreign"), "expected the format fluorodenoise-detector-1, found foreign"),
        (lambda d: d.pop("slope"), "found in slope: Field required"),
        (lambda d: d.update(gain=1), "found in gain: Unexpected keyword argument"),
        (lambda d: d.update(slope=float("nan")), "found in slope: .*finite"),
        (lambda d: d.update(response=[[1, 2]]), "expected response as a square of odd size up to 33, found 1 rows"),
        (lambda d: d.update(autocorrelation=[[0.0]]), "expected an autocorrelation of 1 in the middle"),
        (lambda d: d.update(response=[[0.5]]), "a response of sum 1"),
        (lambda d: d.update(slope=1e300), "a line of at most 1e"),
        (lambda d: d.update(temporal_correlation=5), "correlations up to 1"),
        (lambda d: d.update(range=[5, 1]), "expected a range from low to high, found 5 to 1"),
        (lambda d: d.update(floor=0), "expected a floor above 0"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(calibration, edit, said):
    document = json.loads(calibration.to_json())
    edit(document)
    with pytest.raises(ValueError, match=said) as error:
        Calibration.from_json(json.dumps(document))
    assert "\n" not in str(error.value)


def test_what_is_no_json_is_refused():
    with pytest.raises(ValueError, match="expected a detector as --calibrate writes it"):
        Calibration.from_json("not json")
