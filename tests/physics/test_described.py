"""The sentences of `info`: values where they stand out from their errors, bounds where they do not."""

from dataclasses import fields, replace

import numpy as np
import pytest

from napari_fluorodenoise.physics.described import described
from napari_fluorodenoise.physics.detector import Detector, measure
from napari_fluorodenoise.physics.noise import Bins
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.physics.response import delta
from napari_fluorodenoise.video import Video

POINTS = Bins(np.array([100.0, 900.0]), np.array([250.0, 1850.0]), np.array([5.0, 30.0]))


def detector(**changes):
    """A detector whose noise is known well: half of it quanta's at the level, no lag, no drift."""
    plain = Detector(
        slope=2.0,
        slope_error=0.01,
        read_variance=800.0,
        read_variance_error=20.0,
        floor=1.0,
        level=400.0,
        autocorrelation=delta(),
        response=delta(),
        field=np.ones((32, 48), bool),
        bins=POINTS,
        temporal_correlation=0.0,
        temporal_correlation_error=0.001,
        gain_drift=0.0,
        gain_drift_error=0.0001,
        frame_interval=0.1,
        pixel_size=(0.3, 0.2),
        blocks=2000,
    )
    return replace(plain, **changes)


def said(linear=True, **changes):
    return dict(described(detector(**changes), linear=linear))


@pytest.mark.parametrize(
    ("changes", "title", "text"),
    [
        ({}, "noise", "variance = (2 ± 0.01) x intensity + (800 ± 20); 40 rms at the median, 400"),
        (
            {"read_variance": -80.0},
            "noise",
            "variance = (2 ± 0.01) x intensity - (80 ± 20); 26.8 rms at the median, 400",
        ),
        ({"bins": Bins(*np.zeros((3, 0)))}, "noise", "40 rms at the median, 400, taken to be the same everywhere"),
        (
            {},
            "dose",
            "100 noise-equivalent quanta per pixel, if 0 is no signal; 50% of the noise at the median is the quanta's, "
            "the rest read noise",
        ),
        (
            {},
            "response",
            "1.00 pixels (0.2 mm) full width at half maximum; noise correlates with its neighbours by +0%",
        ),
        (
            {"pixel_size": None},
            "response",
            "1.00 pixels full width at half maximum; noise correlates with its neighbours by +0%",
        ),
        (
            {"blocks": 3},
            "response",
            "cannot be told: too little noise was found, or rounding hides it; it is taken to be white",
        ),
        (
            {"slope": 0.0, "temporal_correlation": 0.05},
            "lag",
            "5.0% ± 0.1% of a frame's noise, time constant 33.4 ± 0.22 ms",
        ),
        # half of the noise is the quanta's, and they alone lag: 0.05 of the noise is 0.1 of the signal
        (
            {"temporal_correlation": 0.05},
            "lag",
            "10.0% ± 0.2% of a frame's signal, time constant 43.4 ± 0.38 ms",
        ),
        ({}, "lag", "below 0.6% of a frame's signal, time constant below 19.5 ms"),
        (
            {"temporal_correlation": 0.05, "temporal_correlation_error": 0.05},
            "lag",
            "below 40.0% of a frame's signal, time constant below 109 ms",
        ),
        (
            {"temporal_correlation": 0.05, "frame_interval": None},
            "lag",
            "10.0% ± 0.2% of a frame's signal; in ms only with a frame interval",
        ),
        (
            {"temporal_correlation_error": np.inf},
            "lag",
            "cannot be told: too little rests between frames, or rounding hides the noise",
        ),
        ({"gain_drift": -0.003}, "drift", "gain or exposure -0.30% ± 0.01% per frame"),
        ({"gain_drift": 0.005}, "drift", "gain or exposure +0.50% ± 0.01% per frame"),
        ({"gain_drift": 0.0002}, "drift", "gain and exposure below 0.05% per frame"),
        ({"gain_drift_error": np.inf}, "drift", "cannot be told: too few frames, or values below 0"),
        ({}, "collimator", "none found"),
        (
            {"field": np.pad(np.ones((20, 30), bool), ((4, 8), (10, 8)))},
            "collimator",
            "the field is 39% of the frame, within rows 4:24, columns 10:40",
        ),
    ],
)
def test_what_is_said(changes, title, text):
    assert said(**changes)[title] == text


@pytest.mark.parametrize(
    ("linear", "changes"),
    [
        (False, {}),
        (True, {"warnings": ("the frames went through JPEG",)}),
        (True, {"slope": 0.02}),  # two standard errors
        (True, {"slope": -2.0}),
        (True, {"level": -5.0}),
    ],
    ids=["display values", "processed", "no slope", "inverted", "below 0"],
)
def test_quanta_are_told_of_linear_unprocessed_values_only(linear, changes):
    assert "dose" in said()
    assert "dose" not in said(linear, **changes)


def test_warnings_come_last_and_whole():
    lines = list(described(detector(warnings=("one", "two")), linear=True))
    assert lines[-2:] == [("warning", "one"), ("warning", "two")]


@pytest.mark.parametrize("size", [0.0, 0.001, 0.1, 0.9, 5.0])
@pytest.mark.parametrize("name", [field.name for field in fields(Detector) if field.name.startswith(("temp", "gain"))])
def test_no_sentence_ever_holds_nan(name, size):
    for value in (size, -size):
        for text in said(**{name: value}).values():
            assert "nan" not in text
            assert "inf" not in text


@pytest.mark.parametrize(
    "frames",
    [
        phantom(frames=4, shape=(48, 48)).noisy.numpy(),
        phantom(frames=2, shape=(48, 48)).noisy.numpy(),
        np.full((4, 40, 40), 7, np.uint8),
        np.zeros((2, 8, 8), np.uint16),
        np.random.default_rng(0).normal(-500, 5, (9, 64, 64)),
    ],
    ids=["small", "two frames", "constant", "zeros", "negative"],
)
def test_every_measurement_can_be_told(frames):
    found = measure(Video(data=frames))
    lines = dict(described(found, linear=True))
    assert {"noise", "response", "lag", "drift", "collimator"} <= set(lines)
    assert not any(word in text for text in lines.values() for word in ("nan", "inf "))
