"""The plugin as a person meets it: a real window, the manifest's widgets, one after another on one sequence."""

from pathlib import Path

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
    "Subtract mask frame (DSA)": {"frames_subtracted"},
}


@pytest.fixture
def viewer(npe2pm, make_napari_viewer):
    npe2pm.register(PluginManifest.from_distribution(NAME))
    return make_napari_viewer()


def test_every_widget_runs_on_what_the_others_left(qtbot, viewer, tmp_path):
    import numpy as np

    path = Path(tmp_path, "phantom.npy")
    np.save(path, phantom(frames=5, shape=(48, 48), photons=100, pan=1.0, rng=0).noisy.data)
    (source,) = open_in(viewer, path)
    for title, expected in WIDGETS.items():
        _, widget = viewer.window.add_plugin_dock_widget(NAME, title, tabify=True)
        widget._run.click()
        qtbot.waitUntil(lambda widget=widget: widget._job is None, timeout=60_000)
        made = {layer.metadata["fluorodenoise"].get("name") for layer in viewer.layers}
        assert expected <= made, widget._message.text()
    assert {layer.name.split(" · ")[0] for layer in viewer.layers} == {source.name}
    assert viewer.layers.extent.units is not None
