"""The plugin as a person meets it: a real window, the manifest's widgets, one after another on one sequence."""

from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManifest

from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.widgets.show import open_in

NAME = "napari-fluorodenoise"
WIDGETS = {
    "Stabilize": {"stabilized", "offsets", "panorama"},
    "Decompose": {"background", "foreground"},
    "Denoise": {"frames_denoised"},
    "Fuse": {"fused", "uncertainty"},
    "Decorrelate": {"frames_decorrelated", "whitening"},
}


@pytest.fixture
def viewer(npe2pm, make_napari_viewer):
    npe2pm.register(PluginManifest.from_distribution(NAME))
    return make_napari_viewer()


def test_every_widget_runs_on_what_the_others_left(qtbot, viewer, tmp_path):
    path = Path(tmp_path, "phantom.npy")
    np.save(path, phantom(frames=5, shape=(48, 48), photons=100, pan=1.0, rng=0).noisy.data)
    (source,) = open_in(viewer, path)
    for title, expected in WIDGETS.items():
        _, widget = viewer.window.add_plugin_dock_widget(NAME, title, tabify=True)
        widget.work.run.click()
        qtbot.waitUntil(lambda widget=widget: not widget.work.busy, timeout=60_000)
        made = {layer.metadata["fluorodenoise"].get("name") for layer in viewer.layers}
        assert expected <= made, widget.work.message.text()
    assert {layer.name.split(" · ")[0] for layer in viewer.layers} == {source.name}
    assert viewer.layers.extent.units is not None


def test_every_widget_can_be_opened_without_a_sequence_and_closed_again(qtbot, viewer, tmp_path):
    for contribution in PluginManifest.from_distribution(NAME).contributions.widgets:
        _, widget = viewer.window.add_plugin_dock_widget(NAME, contribution.display_name)
        picture = viewer.add_image(np.zeros((8, 8)))
        viewer.layers.remove(picture)
        viewer.window.remove_dock_widget(widget)
        widget.deleteLater()  # out of its dock, the widget is ours to delete
        qtbot.wait(10)
    assert viewer.window.dock_widgets == {}
