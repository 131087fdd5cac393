from types import SimpleNamespace
from typing import get_args, get_type_hints

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_fluorodenoise as fd
from napari_fluorodenoise.denoisers.model import load
from napari_fluorodenoise.widgets.docks import facts, recipe, training
from napari_fluorodenoise.widgets.docks.recipe import RecipeWidget
from napari_fluorodenoise.widgets.docks.training import COLUMNS, Asked, TrainingWidget
from napari_fluorodenoise.widgets.layers import record_of

LONG = 1_000_000


pytestmark = pytest.mark.usefixtures("tiny_training")


@pytest.fixture(scope="module")
def video():
    """A sequence (7, 48, 56)."""
    return fd.phantom(frames=7, shape=(48, 56), photons=60, rng=2).noisy


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of models that the preferences name."""
    known = SimpleNamespace(device="cpu", recipe="fast", cache_folder=None, models_folder=tmp_path / "models")
    for module in (training, recipe):
        monkeypatch.setattr(module, "preferences", lambda: known)
    return known.models_folder


@pytest.fixture
def dock(heard, viewer, folder):
    """A function that makes a widget of the kind it is given."""
    return lambda kind: heard(kind(viewer))


@pytest.fixture
def widget(clip, dock):
    widget = dock(TrainingWidget)
    widget.form.fields["scheme"].value = "noise2self"
    widget.form.fields["steps"].value = 4
    return widget


def train(qtbot, widget):
    widget.work.run.click()
    ended(qtbot, widget)
    return widget.work.added[0]


def ended(qtbot, widget):
    qtbot.waitUntil(lambda: not widget.work.busy, timeout=60_000)


def listed(widget):
    table = widget.models
    return [
        {title: table.item(row, column).text() for column, title in enumerate(COLUMNS)}
        for row in range(table.rowCount())
    ]


def steps_drawn(widget):
    return [step for step, _ in widget.work.lessons._held_out]


@pytest.mark.parametrize("scheme", get_args(get_type_hints(Asked)["scheme"]))
def test_every_scheme_is_a_recipe_that_trains_one_network_as_asked(scheme):
    made = Asked(scheme=scheme, steps=7, budget=2.5).recipe(device="cpu", model=None)
    (network,) = made.networks
    assert made.trains
    assert (network.denoiser, network.training_steps, network.budget, network.device) == (scheme, 7, 2.5, "cpu")


def test_a_training_is_watched_and_ends_in_a_result(qtbot, viewer, widget, video):
    result = train(qtbot, widget)
    assert steps_drawn(widget) == [1, 2, 3, 4]
    assert np.isfinite([*widget.work.lessons._training, *widget.work.lessons._held_out]).all()
    assert {layer.name for layer in viewer.layers} == {"clip", "clip · fused", "clip · uncertainty"}
    assert result.data.shape == video.shape
    assert result.data.dtype == video.dtype
    assert not widget.work.lessons.keep.isVisibleTo(widget)


def test_the_frame_in_training_follows_the_slider_and_what_is_learned_is_kept(qtbot, viewer, widget, clip):
    widget.form.fields["steps"].value = LONG
    widget.work.run.click()
    for frame in (1, 5):
        place = clip.data_to_world((frame, 0, 0))
        viewer.dims.set_point(0, place[0])
        qtbot.waitUntil(lambda place=place: seen_at(viewer, place), timeout=60_000)
    assert viewer.layers["clip · in training"].data.shape == (1, 48, 56)
    widget.work.lessons.keep.click()
    ended(qtbot, widget)
    assert "clip · in training" not in viewer.layers
    (schedule,) = record_of(widget.work.added[0])["models"]["frames"].schedules
    assert 1 < schedule.steps < LONG


def seen_at(viewer, place):
    shown = [layer for layer in viewer.layers if layer.name.endswith("in training")]
    return bool(shown) and np.allclose(shown[0].data_to_world((0, 0, 0)), place)


def test_a_training_that_was_ended_is_done_again_by_its_script(qtbot, viewer, widget):
    widget.form.fields["steps"].value = LONG
    widget.form.fields["seed"].value = 3
    widget.work.run.click()
    qtbot.waitUntil(lambda: bool(steps_drawn(widget)), timeout=60_000)
    widget.work.lessons.keep.click()
    ended(qtbot, widget)
    widget.work.copy.click()
    known = {"viewer": viewer}
    exec(QApplication.clipboard().text().replace("viewer = napari.current_viewer()", ""), known)
    np.testing.assert_array_equal(known["result"].data, widget.work.added[0].data)


def test_a_training_that_is_cancelled_leaves_nothing(qtbot, viewer, widget):
    widget.form.fields["steps"].value = LONG
    widget.work.run.click()
    qtbot.waitUntil(lambda: bool(steps_drawn(widget)), timeout=60_000)
    widget.work.cancel.click()
    ended(qtbot, widget)
    assert [layer.name for layer in viewer.layers] == ["clip"]
    assert not widget.save.isEnabled()


def test_a_model_is_saved_and_listed_with_what_it_was_trained_on(qtbot, widget, folder):
    assert listed(widget) == []
    assert not widget.save.isEnabled()
    train(qtbot, widget)
    assert widget.save.isEnabled()
    widget.save_model(folder / "knee.safetensors")
    (row,) = listed(widget)
    least = min(held_out for _, held_out in widget.work.lessons._held_out)
    assert row["model"] == "knee"
    assert row["scheme"].startswith("noise2self, ")
    assert row["trained on"] == "clip"
    assert int(row["steps"]) <= 4  # those after which it was best
    assert float(row["held-out loss"]) == pytest.approx(least, rel=1e-3)
    assert widget.work.message.text() == "saved knee.safetensors"


@pytest.mark.parametrize(
    ("typed", "file"), [("knee", "knee"), ("knee.safetensors", "knee"), ("dose 0.5", "dose 0.5"), ("a.b.c", "a.b.c")]
)
def test_a_model_is_saved_under_the_name_that_was_typed(qtbot, widget, tmp_path, monkeypatch, typed, file):
    saved = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / typed), ""))
    monkeypatch.setattr(widget, "save_model", saved.append)
    widget._ask_where()
    assert saved == [tmp_path / f"{file}.safetensors"]


@pytest.mark.parametrize("how", ["undone", "removed"])
def test_what_is_gone_cannot_be_saved(qtbot, viewer, widget, folder, how):
    train(qtbot, widget)
    if how == "undone":
        widget.work.undo.click()
    else:
        viewer.layers.remove("clip · fused")
        viewer.layers.remove("clip · uncertainty")
    assert not widget.save.isEnabled()
    with pytest.raises(ValueError, match="expected a network that was trained here, found none; press Run first"):
        widget.save_model(folder / "knee.safetensors")


def test_a_folder_that_cannot_be_written_is_one_notification(qtbot, widget, tmp_path, monkeypatch, complaints):
    train(qtbot, widget)
    (tmp_path / "file").touch()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "file" / "knee"), ""))
    widget._ask_where()
    (complaint,) = complaints
    assert "file" in complaint.message
    assert "\n" not in complaint.message


def test_other_folders_are_listed_and_what_is_no_model_is_left_out(qtbot, widget, folder, tmp_path, monkeypatch):
    train(qtbot, widget)
    widget.save_model(tmp_path / "elsewhere" / "hip.safetensors")
    (tmp_path / "elsewhere" / "broken.safetensors").write_text("nonsense")
    widget.show_models(folder)
    assert listed(widget) == []
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "elsewhere"))
    widget.load.click()
    assert [row["model"] for row in listed(widget)] == ["hip"]


def test_the_selected_model_is_trained_further(qtbot, widget, folder, complaints):
    train(qtbot, widget)
    widget.save_model(folder / "knee.safetensors")
    widget.go_on.value = True
    widget.work.run.click()
    assert [complaint.message for complaint in complaints] == [
        "expected a selected model to go on with, found none; click on one in the list"
    ]
    widget.models.selectRow(0)
    widget.form.fields["steps"].value = 1
    further = record_of(train(qtbot, widget))["models"]["frames"].net
    trained = fd.Recipe.of_model(folder / "knee.safetensors").networks[0]
    assert trained.model == str(folder / "knee.safetensors")
    assert widget.order().recipe.networks[0].continue_training
    assert 0 < apart(further, load(trained.model).net) < 0.01
    widget.save_model(folder / "more.safetensors")
    assert {row["model"] for row in listed(widget)} == {"knee", "more"}


def apart(one, other):
    """The largest difference of two networks' weights."""
    return max(float((a - b).detach().abs().max()) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_saved_model_gives_the_same_pixels_in_its_dock_in_a_script_and_where_it_was_trained(
    qtbot, viewer, widget, dock, video, folder, monkeypatch
):
    monkeypatch.setattr(facts, "PATIENCE", 1_000_000)
    result = train(qtbot, widget)
    path = folder / "knee.safetensors"
    widget.save_model(path)
    applying = dock(RecipeWidget)
    assert path in applying.recipe.choices
    applying.open(path)
    applying.work.run.click()
    ended(qtbot, applying)
    applied = applying.work.added[0].data
    np.testing.assert_array_equal(applied, fd.Recipe.of_model(path)(video).video("fused").numpy())
    np.testing.assert_array_equal(applied, result.data)
