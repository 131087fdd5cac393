"""The whole way as a person goes it: from the sample in the menu to a result in a file, in a real window."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from npe2 import PluginManifest
from qtpy.QtWidgets import QApplication

import napari_fluorodenoise as fd
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.widgets.docks import facts, recipe, training
from napari_fluorodenoise.widgets.preferences import NAME

LONG = 1_000_000
TITLE = "Fluoroscopy denoise"
SOURCE, PREVIEW, RESULT, ERROR = "phantom", "phantom · preview", "phantom · fused", "phantom · uncertainty"


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path, tiny_training):
    """A small sample, a training in a second, and preferences that are nobody's."""
    size = {"frames": 9, "shape": (64, 72)}
    monkeypatch.setattr("napari_fluorodenoise.physics.phantom.phantom", lambda **asked: phantom(**asked | size))
    known = SimpleNamespace(device="cpu", recipe="fast", cache_folder=None, models_folder=tmp_path / "models")
    for module in (recipe, training):
        monkeypatch.setattr(module, "preferences", lambda: known)
    monkeypatch.setattr(facts, "PATIENCE", 1)


@pytest.fixture
def gate(monkeypatch):
    """Closed, it holds every run of a recipe before its end; cancelling still gets through."""
    gate, fit = threading.Event(), fd.Fuse.fit

    def held(self, run, *, progress=silent, rng=None):
        while not gate.wait(0.005):
            progress(0.1, "waiting")
        return fit(self, run, progress=progress, rng=rng)

    monkeypatch.setattr(fd.Fuse, "fit", held)
    gate.set()
    return gate


@pytest.fixture
def viewer(npe2pm, make_napari_viewer):
    """A window with the sample, opened from its menu."""
    npe2pm.register(PluginManifest.from_distribution(NAME))
    viewer = make_napari_viewer()
    chosen(viewer.window.file_menu, "Open Sample", TITLE, "Phantom, still detector")
    assert names(viewer) == [SOURCE]
    return viewer


@pytest.fixture
def dock(viewer):
    """The widget for all, opened from its menu, in its dock."""
    return docked(viewer, TITLE)


def chosen(menu, *titles):
    """Choose an entry of a menu, and of the menus in it, by their titles."""
    for title in titles:
        menu.aboutToShow.emit()
        action = next(action for action in menu.actions() if action.text().replace("&", "") == title)
        menu = action.menu()
    action.trigger()


def docked(viewer, title):
    title = f"{title} ({TITLE})"
    chosen(viewer.window.layers_menu, "Filter", title)
    return viewer.window.dock_widgets[title]


def names(viewer):
    return [layer.name for layer in viewer.layers]


def idle(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.work.busy, timeout=60_000)


def run(qtbot, dock):
    dock.work.run.click()
    idle(qtbot, dock)


def test_the_facts_a_preview_a_run_undo_and_a_run_again(qtbot, viewer, dock):
    qtbot.waitUntil(lambda: "fast takes" in dock.facts.text(), timeout=60_000)
    assert dock.facts.text().startswith("9 frames of 64 x 72 pixels")
    viewer.dims.set_current_step(0, 4)
    with qtbot.waitSignal(dock.preview.shown, timeout=60_000):
        dock.preview.click()
    assert names(viewer) == [SOURCE, PREVIEW]
    seen = viewer.layers[PREVIEW].data[0]
    run(qtbot, dock)
    assert set(names(viewer)) == {SOURCE, RESULT, ERROR}
    np.testing.assert_array_equal(viewer.layers[RESULT].data[4], seen)
    assert viewer.layers.extent.units is not None
    dock.work.undo.click()
    assert names(viewer) == [SOURCE]
    run(qtbot, dock)
    assert set(names(viewer)) == {SOURCE, RESULT, ERROR}


def test_a_run_is_cancelled_in_the_middle_and_begun_again(qtbot, viewer, dock, gate):
    gate.clear()
    dock.work.run.click()
    qtbot.waitUntil(lambda: "waiting" in dock.work.message.text(), timeout=60_000)
    dock.work.cancel.click()
    idle(qtbot, dock)
    assert dock.work.message.text() == "stopped"
    assert names(viewer) == [SOURCE]
    gate.set()
    run(qtbot, dock)
    assert RESULT in names(viewer)


def test_the_copied_script_makes_the_result_again_from_nothing(qtbot, viewer, dock):
    run(qtbot, dock)
    dock.work.copy.click()
    known = {}
    exec(QApplication.clipboard().text(), known)
    np.testing.assert_array_equal(known["result"].data, viewer.layers[RESULT].data)


@pytest.mark.parametrize("suffix", [".dcm", ".ome.zarr", ".tif"])
def test_the_result_is_saved_and_read_again_with_timing_and_spacing(qtbot, viewer, dock, tmp_path, suffix):
    run(qtbot, dock)
    result, path = viewer.layers[RESULT], tmp_path / f"clean{suffix}"
    viewer.layers.selection.active = result
    assert viewer.layers.save(str(path), selected=True, plugin=NAME) == [str(path)]
    (again,) = viewer.open(path, plugin=NAME)
    np.testing.assert_array_equal(again.data, result.data)
    assert again.data.dtype == result.data.dtype
    np.testing.assert_allclose(again.scale, result.scale)
    assert again.units == result.units
    video, source = fd.read(path), fd.video_of(viewer.layers[SOURCE])
    assert video.frame_interval == pytest.approx(source.frame_interval)
    assert video.pixel_size == pytest.approx(source.pixel_size)


def test_a_network_is_trained_kept_and_applied(qtbot, viewer, tmp_path):
    dock = docked(viewer, "Training")
    dock.form.fields["scheme"].value = "noise2self"
    dock.form.fields["steps"].value = LONG
    dock.work.run.click()
    qtbot.waitUntil(lambda: f"{SOURCE} · in training" in names(viewer), timeout=60_000)
    dock.work.lessons.keep.click()
    idle(qtbot, dock)
    trained = viewer.layers[RESULT].data
    dock.save_model(tmp_path / "models" / "mine.safetensors")
    assert dock.models.item(0, 0).text() == "mine"
    dock.work.undo.click()
    applying = docked(viewer, TITLE)
    applying.recipe.value = tmp_path / "models" / "mine.safetensors"
    run(qtbot, applying)
    np.testing.assert_array_equal(viewer.layers[RESULT].data, trained)
