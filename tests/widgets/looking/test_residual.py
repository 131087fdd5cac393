import dask.array as da
import numpy as np
import pytest
from napari.layers import Layer

from napari_fluorodenoise.widgets.layers import opened
from napari_fluorodenoise.widgets.looking.pair import pair_of
from napari_fluorodenoise.widgets.looking.residual import add_residual
from napari_fluorodenoise.widgets.looking.subtracted import add_subtracted


def test_the_residual_is_what_was_taken_away_placed_like_its_source(viewer, source, result, video, smooth):
    layer = add_residual(viewer)
    assert layer.name == "clip · frames_denoised_residual"
    assert isinstance(layer.data, da.Array)
    assert layer.dtype == np.float32
    np.testing.assert_allclose(layer.data, video.data - smooth)
    np.testing.assert_allclose(layer.scale, source.scale)
    np.testing.assert_allclose(layer.translate, source.translate)
    assert (layer.units, layer.axis_labels) == (source.units, source.axis_labels)


def test_zero_is_grey_and_four_deviations_are_white(viewer, source, result, video, smooth):
    low, high = add_residual(viewer).contrast_limits
    assert low == -high
    assert high == pytest.approx(4 * (video.data - smooth)[[0, 5, 9]].std(), rel=1e-5)


def test_the_residual_of_a_part_lies_on_it(viewer, source, made, part, video):
    made("frames_denoised", part=part)
    layer = add_residual(viewer)
    np.testing.assert_array_equal(layer.data, np.zeros((6, 16, 20)))
    np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), source.data_to_world((2, 4, 5)))


def test_the_residual_of_lazy_frames_reads_three_of_them(viewer, counted, smooth):
    lazy, read = counted
    source = viewer.add_layer(Layer.create(*opened(lazy, name="lazy")))
    viewer.add_image(smooth, name="other", metadata={"fluorodenoise": {"source": source.unique_id, "name": "fused"}})
    source.visible = False
    viewer.dims.set_current_step(0, 5)
    read.clear()
    layer = add_residual(viewer)
    assert set(read) <= {0, 5, 9}
    read.clear()
    viewer.dims.set_current_step(0, 3)
    assert set(read) <= {3}
    assert layer.visible


def test_a_residual_is_not_paired_with_anything(viewer, source, result):
    residual = add_residual(viewer)
    assert pair_of(source, viewer).after is result
    with pytest.raises(ValueError, match="a result on the frames"):
        pair_of(residual, viewer)


def test_subtraction_is_against_the_frame_being_looked_at(viewer, source, video):
    viewer.dims.set_current_step(0, 4)
    layer = add_subtracted(viewer)
    assert layer.name == "clip · frames_subtracted from frame 4"
    assert isinstance(layer.data, da.Array)
    np.testing.assert_allclose(layer.data, np.log(video.data / video.data[4]), atol=1e-5)
    np.testing.assert_array_equal(layer.data[4], 0)


def test_what_is_no_sequence_is_not_subtracted(viewer, source):
    viewer.add_labels(np.zeros((24, 32), int), name="labels")
    with pytest.raises(ValueError, match="expected an image layer, found 'labels'"):
        add_subtracted(viewer)
