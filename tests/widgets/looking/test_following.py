import pytest
from napari.layers import Layer

from napari_fluorodenoise.widgets.layers import layer_of, opened
from napari_fluorodenoise.widgets.looking.compare import Compare
from napari_fluorodenoise.widgets.looking.kymograph import Kymograph
from napari_fluorodenoise.widgets.looking.regions import Regions


@pytest.fixture
def viewer(make_napari_viewer):
    """A real window."""
    return make_napari_viewer()


@pytest.mark.parametrize("widget", [Compare, Regions, Kymograph])
def test_a_dock_without_a_pair_says_so_and_waits_for_one(qtbot, viewer, video, widget):
    dock = widget(viewer)
    viewer.window.add_dock_widget(dock)
    assert dock.pair() is None
    source = viewer.add_layer(Layer.create(*opened(video, name="clip")))
    viewer.add_layer(Layer.create(*layer_of(video, name="fused", source=source)))
    assert dock.pair() is not None
    viewer.layers.clear()
    assert dock.pair() is None
    qtbot.wait(100)


@pytest.mark.parametrize("widget", [Compare, Regions, Kymograph])
def test_a_closed_dock_follows_nothing(qtbot, viewer, docked, closed, source, widget):
    dock = docked(widget)
    viewer.theme = "light"
    closed(dock)
    viewer.theme = "dark"
    viewer.dims.set_current_step(0, 1)
    viewer.layers.remove(source)
    qtbot.wait(100)
