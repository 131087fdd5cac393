import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import Beam, Exposure


def test_the_photons_are_the_mean_behind_the_scene_in_the_field():
    rows = np.linspace(0, 3, 40, dtype=np.float32)[:, None] * np.ones(30, np.float32)
    field = np.zeros((40, 30))
    field[10:30] = 1
    fluence = Beam(photons=25).fluence(rows, field=field)
    assert fluence.dtype == np.float32
    assert (fluence * np.exp(-rows))[10:30].mean() == pytest.approx(25, rel=1e-5)
    assert fluence[0, 0] == pytest.approx(0.02 * fluence[15, 0], rel=1e-5)
    assert (Beam(photons=25).fluence(rows) * np.exp(-rows)).mean() == pytest.approx(25, rel=1e-5)


def test_attenuation_of_parts_adds():
    rng = np.random.default_rng(0)
    parts = rng.uniform(0, 2, (3, 8, 9)).astype(np.float32)
    before = parts.copy()
    quanta = Beam().transmitted(parts, fluence=np.full((8, 9), 50, np.float32))
    for k in range(3):
        np.testing.assert_allclose(quanta[k], 50 * np.exp(-parts[: k + 1].sum(axis=0)), rtol=1e-5)
    np.testing.assert_array_equal(parts, before)


def test_moments_are_centred_on_the_frame_and_fill_the_pulse():
    moments = Exposure(pulse=8, samples=4).moments
    assert moments == pytest.approx((-0.003, -0.001, 0.001, 0.003))
