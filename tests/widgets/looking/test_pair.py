import numpy as np
import pytest

from napari_fluorodenoise.widgets.looking.pair import frame_at, pair_of, pairing, selected


def test_a_result_is_paired_with_its_source(viewer, source, result, made):
    foreground = made("foreground")
    for chosen, after in [(source, result), (result, result), (foreground, foreground)]:
        pair = pair_of(chosen, viewer)
        assert (pair.before, pair.after) == (source, after)


def test_of_a_source_the_shown_or_upper_result_is_taken(viewer, source, made):
    lower, upper = made("background"), made("foreground")
    assert pair_of(source, viewer).after is upper
    upper.visible = False
    assert pair_of(source, viewer).after is lower
    whole = made("fused")
    whole.visible = False
    assert pair_of(source, viewer).after is whole


def test_a_pair_of_a_part_shows_that_part_of_both(viewer, source, made, part, video):
    after = made("frames_denoised", part=part)
    pair = pair_of(source, viewer)
    assert pair.after is after
    before, denoised = pair.videos()
    np.testing.assert_array_equal(before.data, video.data[2:8, 4:20, 5:25])
    np.testing.assert_array_equal(before.data, denoised.data)


def test_what_has_another_shape_is_no_pair(viewer, source, made, video):
    panorama = made("stabilized", np.zeros((10, 40, 50), np.float32))
    assert pairing(source, panorama, viewer) is None
    with pytest.raises(ValueError, match=r"a result on the frames of 'clip', found none"):
        pair_of(source, viewer)


def test_one_layer_has_to_be_selected(viewer, source):
    viewer.layers.selection.clear()
    with pytest.raises(ValueError, match="found none; click"):
        selected(viewer)


def test_the_frame_at_a_time_is_the_nearest_there_is(viewer, source, made, part):
    after = made("frames_denoised", part=part)
    for step, whole, of_part in [(0, 0, 0), (5, 5, 3), (9, 9, 5)]:
        viewer.dims.set_current_step(0, step)
        assert (frame_at(viewer, source), frame_at(viewer, after)) == (whole, of_part)
