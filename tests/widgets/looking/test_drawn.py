import numpy as np
import pytest
from napari.layers import Shapes

from napari_fluorodenoise.widgets.looking.drawn import drawing_on, is_line, line_of, mask_of, profile, vertices

RECTANGLE = np.array([[2.0, 3.0], [2.0, 13.0], [10.0, 13.0], [10.0, 3.0]])


def test_a_drawing_lies_on_its_sequence(source):
    shapes = drawing_on(source, name="regions", colour="red")
    shapes.add_rectangles(RECTANGLE)
    np.testing.assert_allclose(vertices(shapes, 0, on=source), RECTANGLE)
    assert shapes.units == source.units[1:]
    assert not is_line(shapes, 0)


def test_what_was_drawn_elsewhere_is_found_in_the_pixels_of_the_sequence(source, made, part):
    shapes = Shapes(ndim=3)  # in mm, with a time
    places = [source.data_to_world((4, *corner)) for corner in RECTANGLE]
    shapes.add_rectangles(np.array(places))
    np.testing.assert_allclose(vertices(shapes, 0, on=source), RECTANGLE, atol=1e-4)
    np.testing.assert_allclose(vertices(shapes, 0, on=made("fused", part=part)), RECTANGLE - (4, 5), atol=1e-4)


def test_regions_hold_the_pixels_whose_middles_lie_in_them(source):
    shapes = drawing_on(source, name="regions", colour="red")
    shapes.add_rectangles(RECTANGLE - 0.5)
    shapes.add_ellipses(RECTANGLE)
    rectangle, ellipse = (mask_of(vertices(shapes, index, on=source), shape=(24, 32)) for index in (0, 1))
    assert rectangle.sum() == 8 * 10
    assert rectangle[2:10, 3:13].all()
    assert ellipse.sum() == pytest.approx(np.pi * 4 * 5, rel=0.1)
    assert ellipse[6, 8]
    assert not ellipse[2, 3]


def test_a_line_is_stepped_by_the_smaller_pixel_side_and_measured_in_mm():
    line = line_of(np.array([[0.0, 0.0], [0.0, 4.0], [3.0, 4.0]]), pixel_size=(0.4, 0.3))
    assert (line.unit, line.length) == ("mm", pytest.approx(2.4))
    assert len(line.points) == 9
    np.testing.assert_allclose(line.points[[0, 4, 8]], [[0, 0], [0, 4], [3, 4]], atol=1e-12)
    plain = line_of(np.array([[0.0, 0.0], [3.0, 4.0]]), pixel_size=None)
    assert (plain.unit, plain.length, len(plain.points)) == ("px", 5, 6)


def test_a_point_is_a_line_too():
    line = line_of(np.array([[2.0, 2.0], [2.0, 2.0]]), pixel_size=None)
    assert np.isfinite(profile(np.ones((5, 5)), line)).all()


def test_the_profile_of_a_ramp_is_exact_and_unknown_outside():
    rows, columns = np.mgrid[:20, :30]
    frame = (3 * rows + 2 * columns).astype(np.uint16)
    line = line_of(np.array([[2.5, 3.0], [12.0, 20.25]]), pixel_size=None)
    values = profile(frame, line)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, line.points @ (3, 2), rtol=1e-5)
    assert np.isnan(profile(frame, line_of(np.array([[5.0, 25.0], [5.0, 35.0]]), pixel_size=None))[-1])


def test_a_wide_line_averages_across_itself():
    frame = np.zeros((20, 30), np.float32)
    frame[9], frame[11] = 3, 6
    line = line_of(np.array([[10.0, 2.0], [10.0, 20.0]]), pixel_size=None)
    np.testing.assert_allclose(profile(frame, line), 0)
    np.testing.assert_allclose(profile(frame, line, width=3), 3, rtol=1e-6)
