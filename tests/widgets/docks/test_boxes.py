import numpy as np
import pytest
from napari.layers import Layer

from napari_fluorodenoise.widgets.docks.boxes import drawn_boxes, viewed_box
from napari_fluorodenoise.widgets.layers import opened

FRAME = (24, 32)


@pytest.fixture
def source(viewer, video):
    """A sequence of pixels of 0.3 x 0.2 mm, whose first one lies 4 rows down and 6 columns to the right."""
    return viewer.add_layer(Layer.create(*opened(video, name="clip")))


def drawn_in_pixels(viewer, source, *boxes):
    """A Shapes layer in mm, as napari makes one, with rectangles (top, left, bottom, right) from corner to corner."""
    shapes = [[source.data_to_world((0, *corner))[1:] for corner in np.reshape(box, (2, 2)) - 0.5] for box in boxes]
    return viewer.add_shapes(shapes, name="drawn") if boxes else viewer.add_shapes(name="drawn", ndim=2)


@pytest.mark.parametrize(
    ("drawn", "box"),
    [
        ((3, 5, 10, 20), (3, 10, 5, 20)),
        ((3.4, 5.9, 9.2, 19.1), (3, 10, 5, 20)),  # pixels that are touched are in it
        ((10, 20, 3, 5), (3, 10, 5, 20)),
        ((-5, -7, 4, 99), (0, 4, 0, 32)),
        ((0, 0, *FRAME), (0, 24, 0, 32)),
    ],
)
def test_a_rectangle_is_the_box_of_the_pixels_that_it_touches(viewer, source, drawn, box):
    assert drawn_boxes(drawn_in_pixels(viewer, source, drawn), source) == (box,)


def test_every_shape_has_its_box_whatever_its_kind(viewer, source):
    shapes = drawn_in_pixels(viewer, source, (1, 2, 5, 8), (10, 10, 12, 14), (-9, -9, -3, -3))
    assert drawn_boxes(shapes, source) == ((1, 5, 2, 8), (10, 12, 10, 14))
    middle, radii = source.data_to_world((0, 9.5, 9.5))[1:], (6 * 0.3, 4 * 0.2)
    shapes = viewer.add_shapes(np.array([middle, radii]), shape_type="ellipse")
    assert drawn_boxes(shapes, source) == ((4, 16, 6, 14),)
    shapes = viewer.add_shapes(
        source.data_to_world((0, 4, 5))[1:] + np.array([(0, 0), (0.6, 0), (0, 0.6)]), shape_type="path"
    )
    assert drawn_boxes(shapes, source) == ((4, 7, 5, 9),)


def test_what_was_drawn_on_a_frame_holds_for_all(viewer, source):
    corners = [source.data_to_world((7, *corner)) for corner in ((2.5, 3.5), (2.5, 9.5), (6.5, 9.5), (6.5, 3.5))]
    shapes = viewer.add_shapes([corners], shape_type="polygon")
    assert drawn_boxes(shapes, source) == ((3, 7, 4, 10),)


def test_a_layer_that_lies_elsewhere_is_where_it_is_seen(viewer, source):
    shapes = drawn_in_pixels(viewer, source, (3, 5, 10, 20))
    shapes.translate = (2 * 0.3, -5 * 0.2)
    assert drawn_boxes(shapes, source) == ((5, 12, 0, 15),)


@pytest.mark.parametrize(("boxes", "found"), [((), "nothing drawn"), ([(50, 50, 60, 60)], "none of its shapes on")])
def test_a_missing_rectangle_is_asked_for_in_one_line(viewer, source, boxes, found):
    with pytest.raises(ValueError, match=f"expected a rectangle in 'drawn' on 'clip', found {found}.*; draw one$"):
        drawn_boxes(drawn_in_pixels(viewer, source, *boxes), source)


def test_without_a_window_all_is_in_view(source):
    assert viewed_box(source) == (0, 24, 0, 32)


@pytest.mark.parametrize(
    ("corners", "box"),
    [
        (((0, 3, 5), (9, 12, 20)), (3, 13, 5, 21)),
        (((0, 0, 0), (9, 23, 31)), (0, 24, 0, 32)),
        (((0, 30, 40), (9, 30, 40)), (0, 24, 0, 32)),  # beside the frames
    ],
)
def test_what_the_window_shows_is_a_box(source, corners, box):
    source.corner_pixels = np.array(corners)
    assert viewed_box(source) == box


def test_the_view_of_a_window_follows_its_camera(make_napari_viewer, video):
    viewer = make_napari_viewer()
    source = viewer.add_layer(Layer.create(*opened(video, name="clip")))
    viewer.reset_view()
    assert viewed_box(source) == (0, 24, 0, 32)
    viewer.scene.camera.center = source.data_to_world((0, 6, 8))
    viewer.scene.camera.zoom *= 4
    viewer.screenshot(flash=False)  # draws
    top, bottom, left, right = viewed_box(source)
    assert 0 <= top < 6 < bottom < 18
    assert 0 <= left < 8 < right < 24
