from dataclasses import dataclass

import numpy as np
import pytest

from napari_fluorodenoise.physics.guidewire import STEP, Guidewire
from napari_fluorodenoise.physics.projection import Geometry, Pose

FINE = Geometry(pixel=0.1, shape=(121, 201))
WIRE = Guidewire(diameter=0.5, attenuation=0.8)


@dataclass(frozen=True, kw_only=True)
class Straight(Guidewire):
    """A wire (x, y, z) through the middle, along `way`."""

    way: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def points(self, seconds):
        way = np.array(self.way) / np.linalg.norm(self.way)
        return np.arange(-40, 40, STEP)[:, None] * way


def drawn(pose=Pose(), geometry=FINE, **fields):  # noqa: B008
    return Straight(diameter=0.5, attenuation=0.8, **fields).line_integrals(0.0, geometry=geometry, pose=pose)


def test_the_middle_shows_the_diameter_and_the_area_is_that_of_a_round_wire():
    row = drawn()[60]
    assert row.max() == pytest.approx(0.8 * 0.5, rel=0.02)
    assert row.sum() * 0.1 * 0.75 == pytest.approx(0.8 * np.pi / 4 * 0.5**2, rel=0.01)
    assert row.argmax() == 100
    assert 5 <= (row > row.max() / 2).sum() <= 6  # 0.74 diameters, magnified: 0.49 mm


def test_a_wire_along_the_columns_is_drawn_where_it_lies():
    column = drawn(way=(1.0, 0.0, 0.0))[:, 100]
    assert column.argmax() == 60
    assert column.max() == pytest.approx(0.4, rel=0.02)


def test_a_wire_that_leans_towards_the_source_shows_more_metal():
    leaning = drawn(way=(0.0, 1.0, 1.0))[60]
    assert leaning.sum() / drawn()[60].sum() == pytest.approx(np.sqrt(2), rel=0.01)


def test_a_coarse_detector_sees_the_same_metal():
    coarse = Geometry(pixel=0.8, shape=(15, 25))
    assert drawn(geometry=coarse)[7].sum() * 0.8 == pytest.approx(drawn()[60].sum() * 0.1, rel=0.02)


def test_a_wire_outside_the_field_is_not_seen():
    assert not drawn(Pose(0, 0, (50.0, 0.0, 0.0))).any()


def test_the_tip_is_pushed_and_the_body_sways_and_what_is_below_the_sheath_does_not():
    curves = [WIRE.points(t) for t in np.arange(0, 8, 1 / 15)]
    tips = np.array([curve[-1] for curve in curves])
    assert np.ptp(tips[:, 2]) == pytest.approx(24, abs=0.5)
    assert 3 < np.ptp(tips[:, 0]) < 40
    assert np.linalg.norm(np.diff(tips, axis=0), axis=1).max() < 5  # mm between frames
    aside = [np.interp(WIRE.centre[2] - 200, curve[:, 2], curve[:, 0]) for curve in curves]
    assert np.ptp(aside) < 0.01
    for curve in curves:
        assert np.linalg.norm(np.diff(curve, axis=0), axis=1).max() < 3 * STEP


def test_a_turned_view_shows_another_side():
    front, side = (WIRE.line_integrals(0.3, geometry=Geometry(), pose=pose) for pose in (Pose(), Pose(60, 0)))
    assert front.dtype == np.float32
    assert front.shape == (512, 512)
    assert (front >= 0).all()
    assert np.abs(front - side).max() > 0.1
