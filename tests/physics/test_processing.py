"""What was done to frames: each sentence appears for what makes it, and for raw frames none does."""

import cv2
import numpy as np
import pytest

from napari_fluorodenoise.physics import processing
from napari_fluorodenoise.physics.detector import measure
from napari_fluorodenoise.physics.differences import Group
from napari_fluorodenoise.physics.noise import Bins
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.physics.response import delta
from napari_fluorodenoise.video import Video


@pytest.fixture(scope="module")
def raw():
    """A beating heart, (24, 256, 256) float32 counts."""
    return phantom(frames=24, photons=60, rng=3).noisy.numpy().astype(np.float32)


def unit(frames):
    return frames / (1.02 * frames.max())


def recursive(frames):
    result = frames.copy()
    for t in range(1, len(frames)):
        result[t] = 0.7 * frames[t] + 0.3 * result[t - 1]
    return result


def sharper(frames):
    return np.stack([2 * frame - cv2.GaussianBlur(frame, (0, 0), 2) for frame in frames])


def smoother(frames):
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 1.2) for frame in frames])


def jpeg(frames):
    grey = np.rint(255 * unit(frames) ** 0.45).astype(np.uint8)
    stored = [cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 75])[1] for frame in grey]
    return np.stack([cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) for data in stored])


def logarithm(frames):
    return np.log(np.maximum(frames, 20))


def inverted(frames):
    return np.rint(900 * (logarithm(frames).max() - logarithm(frames))).astype(np.uint16)


MAKERS = {
    "recursive filter": (recursive, "a vendor's recursive filter"),
    "unsharp mask": (sharper, "edges were enhanced"),
    "smoothing": (smoother, "smoothed, enlarged or compressed"),
    "gamma": (lambda frames: unit(frames) ** 0.45, "the noise's variance falls with intensity"),
    "logarithm": (logarithm, "the noise's variance falls with intensity"),
    "minus logarithm": (inverted, "grows faster than a line with intensity, as after a logarithm"),
    "JPEG": (jpeg, "went through JPEG"),
    "saturation": (lambda frames: np.minimum(frames, np.quantile(frames, 0.97)), "of the pixels are saturated at"),
    "rounding": (lambda frames: 150 * np.rint(frames / 150), "grey levels are 150 apart"),
}
SENTENCES = {name: said for name, (_, said) in MAKERS.items()}
ALLOWED = {  # what else is true of such frames
    "JPEG": {"smoothing", "gamma", "logarithm"},
    "gamma": {"logarithm"},
    "logarithm": {"gamma"},
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_sentence_appears_for_what_makes_it_and_not_for_the_rest(raw, name):
    make, said = MAKERS[name]
    found = " | ".join(measure(Video(data=make(raw))).warnings)
    assert said in found
    others = {other for other, sentence in SENTENCES.items() if sentence in found}
    assert others <= {name} | ALLOWED.get(name, set()), found


@pytest.mark.parametrize(
    "change",
    [
        lambda frames: frames.astype(np.uint16),
        lambda frames: frames / 65535,
        lambda frames: frames - frames.mean(),
        lambda frames: np.rint(255 * unit(frames)).astype(np.uint8),
    ],
    ids=["as they are", "scaled", "below 0", "8 bit"],
)
def test_what_keeps_values_linear_is_not_told(raw, change):
    assert measure(Video(data=change(raw))).warnings == ()


def test_an_offset_is_told_and_where_about_it_lies(raw):
    (found,) = measure(Video(data=raw + 500.0)).warnings
    assert "is an offset" in found
    assert 150 < float(found.split("at intensity ")[1].split(":")[0]) <= 500


def test_an_inverted_scale_is_a_curve_only_where_it_is_not_declared(raw):
    upside_down = (60000 - raw).astype(np.uint16)
    assert measure(Video(data=upside_down, photometric="MONOCHROME1")).warnings == ()
    assert any("falls with intensity" in said for said in measure(Video(data=upside_down)).warnings)


@pytest.mark.parametrize(
    ("correlation", "error", "told"),
    [(0.3, 0.01, 1), (0.05, 0.001, 0), (0.3, 0.1, 0), (0.0, np.inf, 0), (-0.3, 0.01, 0)],
)
def test_a_recursive_filter_is_more_than_a_panels_lag(correlation, error, told):
    assert len(processing.filtered_in_time(correlation, error)) == told


@pytest.mark.parametrize(("sigma", "lost"), [(0.3, 0), (0.5, 0), (1.2, 1), (2.0, 1)])
def test_smoothing_is_a_blur_that_no_detector_has(sigma, lost):
    axis = np.exp(-(np.arange(-6, 7) ** 2) / (4 * sigma**2))
    correlation = np.outer(axis, axis)
    assert len(processing.smoothed(correlation)) == lost
    assert processing.sharpened(correlation) == ()
    assert processing.passed(correlation).max() == 1


def test_white_noise_passes_everywhere():
    np.testing.assert_allclose(processing.passed(delta()), 1)
    assert processing.smoothed(delta()) == processing.sharpened(delta()) == ()


def points(curve, *, error=0.01):
    mean = np.linspace(100, 1000, 24)
    return Bins(mean, curve(mean), error * curve(mean))


@pytest.mark.parametrize(
    ("curve", "slope", "inverted", "told"),
    [
        (lambda m: 2 * m + 50, 2.0, False, 0),
        (lambda m: 0 * m + 50, 0.0, False, 0),
        (lambda m: 3000 - 2 * m, -2.0, True, 0),
        (lambda m: 3000 - 2 * m, -2.0, False, 1),
        (lambda m: np.exp(m / 150), 1.0, False, 1),
        (lambda m: np.exp(m / 150), 1.0, True, 1),
    ],
    ids=["line", "constant", "declared inverted", "falling", "exponential", "exponential, inverted"],
)
def test_a_curve_is_what_a_line_does_not_follow(curve, slope, inverted, told):
    assert len(processing.curved(points(curve), slope=slope, error=0.01, inverted=inverted)) == told


def test_few_points_tell_no_curve():
    few = points(lambda m: 3000 - 2 * m).kept(np.arange(24) < 7)
    assert processing.curved(few, slope=-2.0, error=0.01, inverted=False) == ()


@pytest.mark.parametrize(("step", "deviation", "told"), [(0.0, 1.0, 0), (1.0, 1.0, 0), (1.0, 0.5, 1), (10.0, 5.0, 1)])
def test_grey_levels_are_coarse_beside_the_noise(step, deviation, told):
    assert len(processing.coarse(step, deviation)) == told


def test_clipping_is_told_with_its_share_and_value_and_only_inside_the_field():
    frames = np.random.default_rng(0).normal(100, 10, (4, 64, 64))
    field = np.zeros((64, 64), bool)
    field[:, 32:] = True
    spoilt = [Group.of(0, np.where(field, frames, 0))]
    assert processing.clipped(spoilt, field) == ()
    assert processing.clipped([Group.of(0, np.full((2, 64, 64), 7))], field) == ()
    both = processing.clipped([Group.of(0, np.clip(frames, 90, 115))], field)
    assert [said.partition(" of ")[2].partition(":")[0] for said in both] == [
        "the pixels are saturated at 115",
        "the pixels are cut off at 90",
    ]


def test_only_a_grid_along_both_axes_is_jpegs():
    frames = np.random.default_rng(0).normal(100, 10, (2, 64, 64)).astype(np.float32)
    striped = frames.copy()
    striped[1, ::8] += 50
    assert processing.compressed([Group.of(0, frames)]) == processing.compressed([Group.of(0, striped)]) == ()
    gridded = frames + 20 * np.random.default_rng(1).standard_normal((2, 8, 8)).repeat(8, 1).repeat(8, 2)
    assert len(processing.compressed([Group.of(0, gridded)])) == 1
