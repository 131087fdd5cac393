import pytest
from napari.utils.notifications import notification_manager

from napari_fluorodenoise.widgets.looking import commands


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
