import pytest
from napari.experimental import link_layers

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


@pytest.mark.parametrize("kind", [OVER, GRID, SWIPE])
def test_a_closed_dock_leaves_the_layers_as_they_were(viewer, docked, closed, source, result, made, kind):
    made("foreground").visible = False
    viewer.layers.move(viewer.layers.index(source), 3)
    source.visible = False
    before = [(layer, layer.visible) for layer in viewer.layers]
    dock = docked(Compare)
    dock.show_as.value = kind
    assert source.visible or kind == SWIPE
    closed(dock)
    assert [(layer, layer.visible) for layer in viewer.layers] == before
    result.contrast_limits = (3, 4)
    assert tuple(source.contrast_limits) != (3, 4)


def test_contrast_that_the_user_linked_stays_linked(docked, closed, source, result):
    link_layers([source, result], ["contrast_limits"])
    closed(docked(Compare))
    result.contrast_limits = (70, 130)
    assert tuple(source.contrast_limits) == (70, 130)


def test_a_choice_that_changes_while_the_button_is_held_is_arranged_for_good(qtbot, docked, result, made):
    other = made("foreground")
    other.visible = result.visible = False
    dock = docked(Compare)
    assert result.visible
    dock.hold.pressed.emit()
    dock.after.value = other
    qtbot.waitUntil(lambda: other.visible)
    dock.hold.released.emit()
    assert other.visible
    assert not result.visible


def test_a_layer_deleted_while_the_button_is_held_is_let_go(qtbot, viewer, docked, result):
    dock = docked(Compare)
    dock.hold.pressed.emit()
    viewer.layers.remove(result)
    dock.hold.released.emit()
    qtbot.waitUntil(lambda: not dock.hold.isEnabled())
    dock.hold.pressed.emit()
    dock.hold.released.emit()
