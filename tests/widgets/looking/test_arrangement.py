import gc
import weakref

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Layer

from napari_fluorodenoise.widgets.layers import opened
from napari_fluorodenoise.widgets.looking.arrangement import before_alone, in_grid, in_one_place, under_a_divider
from napari_fluorodenoise.widgets.looking.pair import pair_of
from napari_fluorodenoise.widgets.looking.planes import put_beside
from napari_fluorodenoise.widgets.looking.swipe import Swipe, slide


def shown(viewer):
    return [layer.name for layer in viewer.layers if layer.visible]


def swipe_of(viewer):
    return next(layer for layer in viewer.layers if isinstance(layer.data, Swipe))


def test_before_is_left_of_the_divider_and_after_right_of_it():
    before, after = np.zeros((3, 4, 8), np.uint16), np.ones((3, 4, 8), np.float32)
    swipe = Swipe(before, after, divider=3)
    expected = [0, 0, 0, np.nan, 1, 1, 1, 1]
    for frame in (swipe[1], swipe[1, :, :], np.asarray(swipe)[2], swipe[2, ::2]):
        np.testing.assert_array_equal(frame, np.broadcast_to(expected, frame.shape))
    np.testing.assert_array_equal(swipe[0, 1, ::3], [0, np.nan, 1])
    for divider, value in ((0, 1), (8, 0)):
        swipe.divider = divider
        np.testing.assert_array_equal(swipe[1, :, 1:], value)


def test_two_shapes_are_not_put_under_one_divider():
    with pytest.raises(ValueError, match="of one shape"):
        Swipe(np.zeros((3, 4, 8)), np.zeros((3, 4, 9)), divider=0)


def test_moving_the_divider_reads_nothing(counted):
    lazy, read = counted
    swipe = Swipe(lazy.data, lazy.data, divider=4)
    np.asarray(swipe[2, :, :])
    assert set(read) == {2}
    read.clear()
    swipe.divider = 9
    np.asarray(swipe[2, :, :])
    assert not read


def test_the_divider_layer_shows_the_pair_and_goes_again(viewer, source, result):
    undo = under_a_divider(viewer, pair_of(source, viewer))
    layer = swipe_of(viewer)
    assert shown(viewer) == [layer.name]
    viewer.dims.set_current_step(0, 7)
    slide(layer, 3)
    np.testing.assert_array_equal(layer._slice.image.raw[:, :3], source.data[7, :, :3])
    np.testing.assert_array_equal(layer._slice.image.raw[:, 4:], result.data[7, :, 4:])
    source.contrast_limits = (50, 60)
    assert tuple(layer.contrast_limits) == (50, 60)
    undo()
    assert list(viewer.layers) == [source, result]
    assert shown(viewer) == [source.name, result.name]


def test_the_grid_shows_before_left_of_after_and_ends(viewer, source, result, made):
    other = made("foreground")
    viewer.layers.move(viewer.layers.index(source), 3)
    undo = in_grid(viewer, pair_of(source, viewer))
    layers, grid = viewer.layers, viewer.canvas.grid
    assert grid.enabled
    assert [grid.position(layers.index(layer), layers) for layer in (source, result)] == [(0, 0), (0, 1)]
    assert shown(viewer) == [source.name, result.name]
    undo()
    assert not grid.enabled
    assert other.visible


def test_after_lies_over_before(viewer, source, result):
    viewer.layers.move(1, 0)
    source.visible = False
    in_one_place(viewer, pair_of(source, viewer))
    assert shown(viewer) == [source.name, result.name]


ARRANGEMENTS = [in_one_place, in_grid, under_a_divider, before_alone]


@pytest.mark.parametrize("arrange", ARRANGEMENTS)
def test_every_arrangement_leaves_the_layers_as_they_were(viewer, source, result, made, arrange):
    made("foreground").visible = False
    viewer.layers.move(viewer.layers.index(source), 3)
    source.visible = False
    before = [(layer, layer.visible) for layer in viewer.layers]
    undo = arrange(viewer, pair_of(result, viewer))
    undo()
    assert [(layer, layer.visible) for layer in viewer.layers] == before


@pytest.mark.parametrize("arrange", ARRANGEMENTS)
def test_what_was_added_stays_where_it_is_and_what_was_deleted_is_not_held(viewer, source, result, made, arrange):
    gone = weakref.ref(made("foreground"))
    viewer.layers.move(viewer.layers.index(source), 3)
    undo = arrange(viewer, pair_of(result, viewer))
    viewer.layers.remove(gone())
    viewer.layers.insert(1, new := Image(np.zeros((10, 24, 32))))
    gc.collect()
    assert gone() is None
    undo()
    assert list(viewer.layers) == [result, new, source]
    assert new.visible


@pytest.fixture
def planes(viewer, source, result, video):
    """(first, second, a result of the second): two sequences that lie on each other."""
    moved = video.with_data(da.from_array(video.data), origin=(9.0, 0.0))
    return source, viewer.add_layer(Layer.create(*opened(moved, name="lateral")))


def test_the_second_plane_stands_right_of_the_first_and_comes_back(viewer, planes):
    first, second = planes
    places = [layer.translate.copy() for layer in viewer.layers]
    for beside in (True, False, True):
        viewer.layers.selection = {second, first}
        assert put_beside(viewer) is beside
        (top, left), (_, right) = first.extent.world[:, 1:]
        here = second.extent.world[:, 1:]
        if beside:
            assert here[0, 0] == pytest.approx(top)
            assert right < here[0, 1] < right + 0.1 * (right - left)
        else:
            np.testing.assert_allclose([layer.translate for layer in viewer.layers], places)
    assert first.translate[0] == second.translate[0]


def test_results_come_along_with_their_plane(viewer, planes):
    first, second = planes
    result = viewer.layers["clip · frames_denoised"]
    viewer.layers.move(viewer.layers.index(first), 3)  # now the upper one, which moves
    viewer.layers.selection = {first, second}
    put_beside(viewer)
    np.testing.assert_allclose(result.translate, first.translate)
    viewer.layers.selection = {result, second}
    assert not put_beside(viewer)
    np.testing.assert_allclose(result.translate, first.translate)


def test_two_sequences_have_to_be_selected(viewer, planes):
    viewer.layers.selection = {planes[0]}
    with pytest.raises(ValueError, match="two selected sequences, found 1"):
        put_beside(viewer)
