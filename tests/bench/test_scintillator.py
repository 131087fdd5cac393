"""Noise2Self on three kinds of noise: the two measures of neighbourhood against values known by hand."""

import numpy as np
import pytest

from napari_fluorodenoise.bench.result import made
from napari_fluorodenoise.bench.scintillator import COLUMNS, dependency, response, scintillator


@pytest.fixture(scope="module")
def white():
    return np.random.default_rng(0).normal(0, 1, (60, 40, 40)).astype(np.float32)


def test_independent_noise_depends_on_itself_alone(white):
    assert dependency(white, white) == pytest.approx(1, abs=0.05)
    assert dependency(0.25 * white, white) == pytest.approx(0.25, abs=0.02)
    other = np.random.default_rng(1).normal(0, 1, white.shape).astype(np.float32)
    assert dependency(other, white) == pytest.approx(0, abs=0.05)


def test_blurred_noise_correlates_as_its_kernel_says(white):
    shared = white + np.roll(white, 1, axis=2)  # each pixel shares half its variance with either neighbour
    assert dependency(shared, shared) == pytest.approx(2, abs=0.1)


def test_a_constant_pixel_counts_as_none(white):
    frames = white.copy()
    frames[:, 20, 20] = 3
    assert np.isfinite(dependency(frames, frames))


def test_the_point_response_keeps_the_signal():
    assert response().shape == (7, 7)
    assert response().sum() == pytest.approx(1)
    np.testing.assert_allclose(response(), response()[::-1, ::-1])


def test_the_table_knows_its_three_kinds_of_noise():
    table = scintillator(frames=12, size=128, photons=100, steps=1)
    rows = [dict(zip([c.title for c in COLUMNS], row, strict=True)) for row in made(table).rows]
    seen = [(row["noise"].partition(",")[0], row["system"]) for row in rows]
    base = ["noisy input", "5-frame mean", "Noise2Self"]
    assert seen == [
        *[("correlated", name) for name in (*base, "recipe scintillator")],
        *[("decorrelated", name) for name in base],
        *[("uncorrelated", name) for name in base],
    ]
    correlation = {row["noise"].partition(",")[0]: row["neighbours' correlation"] for row in rows}
    kernel = response()
    expected = 1 / (kernel**2).sum() - 1  # of white noise behind it: (sum h)² / sum h² less the pixel itself
    assert correlation["correlated"] == pytest.approx(expected, rel=0.15)
    assert abs(correlation["decorrelated"]) < 0.2
    assert abs(correlation["uncorrelated"]) < 0.2
    for row in rows:
        if row["system"] == "noisy input":
            assert row["dependency"] == pytest.approx(1 + row["neighbours' correlation"])
            assert row["frames/s"] is None
