import pytest
from napari.utils.notifications import notification_manager

from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.widgets.looking import commands
from napari_fluorodenoise.widgets.running.order import Order
from napari_fluorodenoise.widgets.show import add


@pytest.fixture
def viewer(make_napari_viewer):
    """A real window."""
    return make_napari_viewer()


@pytest.fixture
def said():
    seen = []
    notification_manager.notification_ready.connect(seen.append)
    yield seen
    notification_manager.notification_ready.disconnect(seen.append)


def test_commands_work_on_the_selected_layer_of_the_window(viewer, source, result, said):
    viewer.layers.selection.active = result
    commands.residual()
    assert viewer.layers[-1].name == "clip · frames_denoised_residual"
    viewer.layers.selection.active = result
    commands.one_contrast()
    result.contrast_limits = (40, 50)
    assert tuple(source.contrast_limits) == (40, 50)
    commands.one_contrast()
    assert [notification.message.split(" have ")[1] for notification in said] == [
        "one contrast from now on", "contrasts of their own again",
    ]  # fmt: skip


def test_a_wrong_selection_is_one_notification_of_one_line(viewer, source, said):
    for name in ("residual", "uncertainty", "foreground", "panorama", "subtracted", "beside", "one_contrast"):
        viewer.layers.selection.clear()
        getattr(commands, name)()
        assert str(said[-1].severity) == "error"
        assert said[-1].message.startswith("expected ")
        assert "\n" not in said[-1].message
    assert len(said) == 7


def test_what_cannot_be_read_is_one_notification_too(viewer, source, said, monkeypatch):
    def unreadable(viewer):
        raise OSError("clip.tif: the disk\nis gone")

    monkeypatch.setattr(commands, "add_residual", unreadable)
    commands.residual()
    assert [(str(notification.severity), notification.message) for notification in said] == [
        ("error", "clip.tif: the disk is gone")
    ]


def test_the_script_names_the_source_as_it_is_called_now(viewer, source, said, toy):
    from qtpy.QtWidgets import QApplication

    order = Order.of(Recipe(name="toy", stages=(toy(),)), source, viewer.layers)
    viewer.layers.selection.active = add(viewer, order(silent))[-1]
    source.name = "another name"
    commands.script()
    assert "viewer.layers['another name']" in QApplication.clipboard().text()
    assert said[-1].message.startswith("copied a script")
