import numpy as np
import pytest
from napari.layers import Layer

from napari_fluorodenoise.widgets.layers import current, is_result, opened
from napari_fluorodenoise.widgets.running.glimpse import clear_glimpse, show_glimpse


@pytest.fixture
def source(viewer, video):
    """Frames of 0.1 s and pixels of 0.3 x 0.2 mm, the first one 4 rows down and 6 columns to the right."""
    return viewer.add_layer(Layer.create(*opened(video, name="clip")))


def show(viewer, source, *, frame=3, name="preview", picture=None, origin=(10.0, 9.0)):
    picture = np.ones((5, 7), np.float32) if picture is None else picture
    return show_glimpse(viewer, picture, source=source, frame=frame, origin=origin, name=name)


def test_a_glimpse_lies_on_its_frame_and_on_its_pixels(viewer, source):
    shown = show(viewer, source)
    assert shown.data.shape == (1, 5, 7)
    np.testing.assert_allclose(shown.data_to_world((0, 0, 0)), source.data_to_world((3, 6, 3)))
    np.testing.assert_allclose(shown.data_to_world((0, 4, 6)), source.data_to_world((3, 10, 9)))
    assert (shown.units, shown.axis_labels) == (source.units, source.axis_labels)
    assert tuple(shown.contrast_limits) == tuple(source.contrast_limits)
    assert shown.name == "clip · preview"


@pytest.mark.parametrize("turned", [{"rotate": (0, 0, 30)}, {"affine": np.diag([1, 2, 3, 1])}, {"shear": (0, 0, 0.2)}])
def test_a_glimpse_of_a_layer_that_was_turned_lies_there_too(viewer, source, turned):
    for name, value in turned.items():
        setattr(source, name, value)
    shown = show(viewer, source)
    np.testing.assert_allclose(shown.data_to_world((0, 4, 6)), source.data_to_world((3, 10, 9)))


def test_one_glimpse_takes_the_place_of_another_of_its_name(viewer, source):
    training = show(viewer, source, name="in training")
    first = show(viewer, source)
    last = show(viewer, source, frame=5, picture=np.zeros((3, 4)), origin=(4.0, 6.0))
    assert list(viewer.layers) == [source, training, first]
    assert last is first
    assert last.data.shape == (1, 3, 4)
    np.testing.assert_allclose(last.data_to_world((0, 0, 0)), source.data_to_world((5, 0, 0)))


def test_a_glimpse_is_cleared_by_its_name_and_source(viewer, source, video):
    other = viewer.add_layer(Layer.create(*opened(video, name="other")))
    training, preview, others = show(viewer, source, name="in training"), show(viewer, source), show(viewer, other)
    for _ in range(2):
        clear_glimpse(viewer, source=source, name="preview")
        assert list(viewer.layers) == [source, other, training, others]
    assert preview not in viewer.layers


def test_a_glimpse_is_nobody_s_result(viewer, source):
    shown = show(viewer, source)
    assert not is_result(shown, viewer.layers)
    assert current(source, viewer.layers) == {"frames": source}


@pytest.mark.parametrize("selected", [(), (0,), (0, 1)])
def test_what_was_selected_stays_so(viewer, source, video, selected):
    layers = [source, viewer.add_layer(Layer.create(*opened(video, name="other")))]
    viewer.layers.selection = {layers[index] for index in selected}
    active = viewer.layers.selection.active
    show(viewer, source)
    assert viewer.layers.selection == {layers[index] for index in selected}
    assert viewer.layers.selection.active is active
