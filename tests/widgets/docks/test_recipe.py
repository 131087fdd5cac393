import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QFileDialog

import napari_fluorodenoise as fd
from napari_fluorodenoise.widgets.docks import facts, recipe
from napari_fluorodenoise.widgets.docks.recipe import RecipeWidget
from napari_fluorodenoise.widgets.layers import record_of
from napari_fluorodenoise.widgets.show import open_in


@pytest.fixture(scope="module")
def video():
    """A sequence (9, 48, 56)."""
    return fd.phantom(frames=9, shape=(48, 56), photons=60, pan=1.0, rng=0).noisy


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of models that the preferences name; `fast` is the recipe to begin with."""
    monkeypatch.setattr(facts, "PATIENCE", 1)
    known = SimpleNamespace(device="cpu", recipe="fast", cache_folder=None, models_folder=tmp_path)
    monkeypatch.setattr(recipe, "preferences", lambda: known)
    return tmp_path


@pytest.fixture
def open_dock(heard, viewer, folder):
    """A function that makes the widget."""
    return lambda: heard(RecipeWidget(viewer))


@pytest.fixture
def widget(clip, open_dock):
    return open_dock()


def measured(qtbot, widget):
    qtbot.waitUntil(lambda: widget.facts.known is not None, timeout=20_000)


def run(qtbot, widget):
    widget.work.run.click()
    qtbot.waitUntil(lambda: not widget.work.busy, timeout=20_000)
    return widget.work.added


def trained(path, video):
    """The file of a network that was hardly trained."""
    denoise = fd.Denoise(denoiser="noise2self", training_steps=1, device="cpu")
    mine = fd.Recipe(name="mine", stages=(denoise, fd.Fuse()))
    run = mine(video, rng=np.random.default_rng(0))
    return mine.save_model(path, run.models["frames"], files=["clip"], seed=0)


def test_the_result_is_that_of_the_recipe_with_its_uncertainty(qtbot, widget, video):
    added = run(qtbot, widget)
    assert {layer.name for layer in added} == {"clip · fused", "clip · uncertainty"}
    np.testing.assert_array_equal(added[0].data, fd.denoise(video, recipe="fast").numpy())
    assert added[0].data.dtype == video.dtype


def test_what_was_measured_for_the_facts_is_not_measured_again_and_makes_no_difference(qtbot, widget, video):
    measured(qtbot, widget)
    assert widget.order().run.detector is widget.facts.known.detector
    np.testing.assert_array_equal(run(qtbot, widget)[0].data, fd.denoise(video, recipe="fast").numpy())


def test_every_layer_is_shown_where_it_is_asked_for(qtbot, widget):
    widget.every.value = True
    assert {record_of(layer)["name"] for layer in run(qtbot, widget)} >= {"fused", "frames_denoised"}


def test_the_settings_are_those_of_the_recipe_s_stages(qtbot, widget):
    denoise, fuse = widget._forms
    denoise.fields["strength"].value = 1.5
    fuse.fields["neighbours"].value = 1
    widget.seed.value = 7
    record = record_of(run(qtbot, widget)[0])
    assert record["recipe"]["stages"][0]["denoise"]["strength"] == 1.5
    assert record["recipe"]["stages"][1]["fuse"]["neighbours"] == 1
    assert record["seed"] == 7


def test_every_named_recipe_can_be_chosen(widget):
    assert [choice for choice in widget.recipe.choices if isinstance(choice, str)] == list(fd.Recipe.names())
    for name in fd.Recipe.names():
        widget.recipe.value = name
        assert widget.order().recipe == on_cpu(fd.Recipe.named(name))


def on_cpu(recipe):
    return recipe.set("denoise.device=cpu") if recipe.networks else recipe


def test_a_part_is_denoised_as_if_it_were_all(qtbot, widget, clip, video):
    widget.choice.first.value, widget.choice.last.value = 2, 7
    added = run(qtbot, widget)
    part = fd.Part(frames=(2, 8)).of(video)
    np.testing.assert_array_equal(added[0].data, fd.denoise(part, recipe="fast").numpy())
    np.testing.assert_allclose(added[0].data_to_world((0, 0, 0)), clip.data_to_world((2, 0, 0)))


def test_a_preview_and_the_result_agree(qtbot, viewer, widget, clip):
    viewer.dims.set_point(0, clip.data_to_world((3, 0, 0))[0])
    with qtbot.waitSignal(widget.preview.shown, timeout=20_000):
        widget.preview.click()
    picture = viewer.layers["clip · preview"].data[0]
    np.testing.assert_array_equal(picture, run(qtbot, widget)[0].data[3])


SEQUENCE = np.random.default_rng(0).poisson(100, (6, 32, 32))
BAD = {
    "colour": (np.zeros((4, 8, 8, 3), np.uint8), {"rgb": True}, "image", "split or convert it first"),
    "picture": (np.zeros((8, 8)), {}, "image", "pick or stack one grey sequence"),
    "stack": (np.zeros((2, 4, 8, 8)), {}, "image", "pick or stack one grey sequence"),
    "pyramid": ([np.zeros((4, 8, 8)), np.zeros((4, 4, 4))], {"multiscale": True}, "image", "open a single one"),
    "labels": (np.zeros((4, 8, 8), int), {}, "labels", "expected an image layer"),
    "one frame": (SEQUENCE[:1], {}, "image", "expected a sequence of at least two frames"),
    "gaps": (np.where(SEQUENCE == 100, np.nan, SEQUENCE), {}, "image", "replace or crop them first"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("way", ["run", "preview"])
def test_a_bad_layer_is_one_notification_of_one_line_that_says_what_to_do(
    qtbot, viewer, open_dock, complaints, kind, way
):
    data, attributes, layer_type, advice = BAD[kind]
    viewer.add_layer(Layer.create(data, {"name": kind, **attributes}, layer_type))
    widget = open_dock()
    (widget.work.run if way == "run" else widget.preview).click()
    qtbot.waitUntil(lambda: bool(complaints) and not widget.work.busy, timeout=20_000)
    qtbot.wait(50)
    (complaint,) = complaints
    assert advice in complaint.message
    assert "\n" not in complaint.message
    assert widget.work.message.text() == complaint.message
    assert len(viewer.layers) == 1


def test_without_a_sequence_the_facts_say_what_to_do(qtbot, viewer, widget):
    measured(qtbot, widget)
    viewer.layers.clear()
    assert "open one first" in widget.facts.text()


def test_a_run_before_all_is_measured_leaves_no_measuring_behind(qtbot, widget):
    assert widget.facts.known is None
    run(qtbot, widget)
    measured(qtbot, widget)
    assert "fast takes" in widget.facts.text()


def test_what_changed_during_a_run_is_told_after_it(qtbot, viewer, widget, toy, video, monkeypatch):
    (longer,) = open_in(viewer, fd.Run.of(video.with_data(np.tile(video.data, (2, 1, 1)))), name="longer")
    assert widget.choice.layer().name == "clip"
    toy.gate.clear()
    monkeypatch.setattr(fd.Recipe, "named", lambda name: fd.Recipe(name="toy", stages=(toy(),)))
    widget.recipe.value = "sdd"
    widget.work.run.click()
    viewer.layers.remove("clip")
    qtbot.waitUntil(lambda: not widget.work.busy, timeout=20_000)
    assert widget.choice.layer() is longer
    assert widget.facts.text().startswith("18 frames")
    widget.facts.stop()


def test_a_recipe_in_a_file_is_opened(qtbot, widget, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(fd.Recipe.named("fast").set("denoise.strength=0.5").to_json())
    widget.open(path)
    assert widget.recipe.value == path
    assert record_of(run(qtbot, widget)[0])["recipe"]["stages"][0]["denoise"]["strength"] == 0.5


def test_a_model_in_a_file_is_applied_as_a_script_does(qtbot, widget, tmp_path, video):
    path = trained(tmp_path / "mine.safetensors", video)
    widget.open(path)
    expected = fd.Recipe.of_model(path)(video, rng=np.random.default_rng(0))["fused"]
    np.testing.assert_array_equal(run(qtbot, widget)[0].data, expected.data)


def test_models_of_the_folder_are_listed_and_none_takes_a_recipe_s_place(viewer, clip, open_dock, folder, video):
    path = trained(folder / "fast.safetensors", video)
    widget = open_dock()
    assert path in widget.recipe.choices
    assert "fast" in widget.recipe.choices
    assert widget.order().recipe == fd.Recipe.named("fast")
    widget.recipe.value = path
    assert widget.order().recipe.networks


@pytest.mark.parametrize("name", ["mine.json", "mine.safetensors", "none.json"])
def test_a_file_that_is_neither_is_refused_and_the_recipe_stays(widget, tmp_path, monkeypatch, complaints, name):
    if name.startswith("mine"):
        (tmp_path / name).write_text("nonsense")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / name), ""))
    widget._browse()
    (complaint,) = complaints
    assert "\n" not in complaint.message
    assert widget.recipe.value == "fast"
    assert widget.order().recipe == fd.Recipe.named("fast")


def test_a_broken_model_of_the_folder_is_refused_and_the_recipe_stays(clip, open_dock, folder, complaints):
    (folder / "broken.safetensors").write_text("nonsense")
    widget = open_dock()
    widget.recipe.value = folder / "broken.safetensors"
    (complaint,) = complaints
    assert "expected a trained model" in complaint.message
    assert widget.recipe.value == "fast"
    assert widget.order().recipe == fd.Recipe.named("fast")


@pytest.mark.parametrize("at_work", ["measuring", "a preview", "a run"])
def test_closing_the_window_ends_all_work(qtbot, make_napari_viewer, folder, toy, video, at_work, monkeypatch):
    before = own_threads()
    viewer = make_napari_viewer()
    open_in(viewer, fd.Run.of(video), name="clip")
    held = threading.Event()

    def waiting(*arguments, progress, **options):
        held.set()
        while True:
            progress(0.5, "waiting")
            time.sleep(0.005)

    monkeypatch.setattr("napari_fluorodenoise.widgets.docks.facts.measured", waiting)
    monkeypatch.setattr("napari_fluorodenoise.widgets.docks.glance.measured", waiting)
    monkeypatch.setattr(fd.Recipe, "run", lambda self, run, **options: waiting(**options))
    widget = RecipeWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Recipe")
    if at_work != "measuring":
        (widget.preview if at_work == "a preview" else widget.work.run).click()
    qtbot.waitUntil(held.is_set, timeout=20_000)
    tasks = [task for task in (widget.facts._task, widget.preview.task, widget.work.task) if task is not None]
    viewer.close()
    assert QThreadPool.globalInstance().waitForDone(20_000)
    # what was about to begin still begins, and ends at once
    qtbot.waitUntil(lambda: all(task._ended.is_set() and not task.running for task in tasks), timeout=20_000)
    assert own_threads() <= before


def own_threads():
    """The threads that Python started: Qt keeps some of its own for later work."""
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}
