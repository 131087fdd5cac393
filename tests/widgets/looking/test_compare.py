import pytest

from napari_fluorodenoise.widgets.looking.compare import GRID, OVER, SWIPE, Compare
from napari_fluorodenoise.widgets.looking.swipe import Swipe


@pytest.fixture
def viewer(make_napari_viewer):
    """A real window."""
    return make_napari_viewer()


def swipes(viewer):
    return [layer for layer in viewer.layers if isinstance(layer.data, Swipe)]


def test_compare_arranges_and_undoes(viewer, docked, closed, source, result):
    dock = docked(Compare)
    assert (dock.before.value, dock.after.value) == (source, result)
    result.contrast_limits = (70, 130)
    assert tuple(source.contrast_limits) == (70, 130)
    dock.link.value = False
    result.contrast_limits = (60, 140)
    assert tuple(source.contrast_limits) == (70, 130)
    dock.show_as.value = GRID
    assert viewer.canvas.grid.enabled
    dock.show_as.value = SWIPE
    assert not viewer.canvas.grid.enabled
    dock.divider.setValue(5)
    (layer,) = swipes(viewer)
    assert layer.data.divider == 5
    closed(dock)
    assert not swipes(viewer)
    assert source.visible


def test_holding_the_button_shows_before(docked, result):
    dock = docked(Compare)
    dock.hold.pressed.emit()
    assert not result.visible
    dock.hold.released.emit()
    assert result.visible


def test_a_deleted_divider_or_result_ends_the_arrangement(qtbot, viewer, docked, result):
    dock = docked(Compare)
    dock.show_as.value = SWIPE
    viewer.layers.remove(swipes(viewer)[0])
    qtbot.waitUntil(lambda: dock.show_as.value == OVER)
    dock.show_as.value = SWIPE
    viewer.layers.remove(result)
    qtbot.waitUntil(lambda: not swipes(viewer))
    assert dock.pair() is None
    assert not dock.residual.isEnabled()
