import threading
from dataclasses import dataclass

import numpy as np
import pydantic
import pytest
from napari.layers import Layer

from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.primitives.declaration import STRICT
from napari_fluorodenoise.stages.stage import Added, FittedStage, Stage
from napari_fluorodenoise.widgets.docks.stage import StageWidget
from napari_fluorodenoise.widgets.layers import opened


@dataclass(frozen=True)
class FittedNegative(FittedStage):
    of: str
    results: dict
    cuts: str = "tyx"
    halo: tuple = (0, 0, 0)

    def apply(self, block, at):
        return {f"{self.of}_negative": -np.float32(block[self.of][at.inner])}


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Negative(Stage):
    """Turns the sign of any sequence."""

    of: str = "frames"

    def reads(self, run):
        return (self.of,)

    def adds(self, run):
        return {f"{self.of}_negative": Added("tyx", np.dtype(np.float32), "counts")}

    def fit(self, run, *, progress=silent, rng=None):
        return FittedNegative(self.of, {})


@pytest.fixture
def widget(heard, viewer, toy, video):
    """The toy's widget for a viewer that holds one sequence; it hears of the layers as in a dock."""
    viewer.add_layer(layer(video, "clip"))
    return heard(StageWidget(viewer, toy))


@pytest.fixture
def docked(make_napari_viewer, toy, video):
    """(viewer, widget): the toy's widget in a real window."""
    viewer = make_napari_viewer()
    viewer.add_layer(layer(video, "clip"))
    widget = StageWidget(viewer, toy)
    viewer.window.add_dock_widget(widget, name="Toy")
    return viewer, widget


def layer(video, name):
    return Layer.create(*opened(video, name=name))


def names(viewer):
    return [layer.name for layer in viewer.layers]


def idle(widget):
    return not widget.work.busy


def run(qtbot, widget):
    widget.work.run.click()
    qtbot.waitUntil(lambda: idle(widget), timeout=20_000)


def started(qtbot, widget):
    widget.work.run.click()
    qtbot.waitUntil(lambda: "waiting" in widget.work.message.text(), timeout=20_000)


def test_run_adds_the_results_beside_their_source(qtbot, viewer, widget, toy, video):
    widget.form.fields["add"].value = 7
    run(qtbot, widget)
    assert names(viewer) == ["clip", "clip · mean", "clip · minus", "clip · brighter", "clip · offsets"]
    brighter = viewer.layers["clip · brighter"]
    np.testing.assert_array_equal(brighter.data, video.data + np.float32(7))
    np.testing.assert_allclose(brighter.scale, viewer.layers["clip"].scale)
    assert [layer.name for layer in viewer.layers if layer.visible] == ["clip", "clip · brighter"]
    assert threading.get_ident() not in toy.threads
    assert "from clip" in widget.work.message.text()
    assert widget.work.run.isEnabled()
    assert not widget.work.cancel.isEnabled()


def test_a_second_run_makes_its_results_anew(qtbot, viewer, widget):
    run(qtbot, widget)
    run(qtbot, widget)
    assert names(viewer).count("clip · brighter [1]") == 1


def test_results_of_lazy_input_are_computed_off_the_gui_thread(qtbot, viewer, widget, video):
    import dask.array as da

    viewer.layers.clear()
    viewer.add_layer(layer(video.with_data(da.from_array(video.data, chunks=(1, -1, -1))), "lazy"))
    run(qtbot, widget)
    made = viewer.layers["lazy · brighter"]
    assert isinstance(made.data, np.ndarray)
    np.testing.assert_array_equal(made.data, video.data + np.float32(3))


def test_cancel_stops_the_work_and_adds_nothing(qtbot, viewer, widget, toy):
    toy.gate.clear()
    started(qtbot, widget)
    assert not widget.work.run.isEnabled()
    assert widget.work._bar.value() > 0
    widget.work.cancel.click()
    qtbot.waitUntil(lambda: idle(widget), timeout=20_000)
    assert names(viewer) == ["clip"]
    toy.gate.set()
    run(qtbot, widget)
    assert "clip · brighter" in names(viewer)


def test_a_source_deleted_on_the_way_stops_the_work(qtbot, viewer, widget, toy, video):
    viewer.add_layer(layer(video, "other"))
    widget.choice.input.value = viewer.layers["clip"]
    toy.gate.clear()
    started(qtbot, widget)
    viewer.layers.remove("clip")
    qtbot.waitUntil(lambda: idle(widget), timeout=20_000)
    assert names(viewer) == ["other"]


def test_results_go_to_the_source_that_was_chosen_at_the_start(qtbot, viewer, widget, toy, video):
    toy.gate.clear()
    started(qtbot, widget)
    other = viewer.add_layer(layer(video, "other"))
    widget.choice.input.value = other
    viewer.layers["clip"].name = "renamed"
    toy.gate.set()
    qtbot.waitUntil(lambda: idle(widget), timeout=20_000)
    assert "renamed · brighter" in names(viewer)
    assert "other · brighter" not in names(viewer)


def test_refused_input_is_one_notification_of_one_line(qtbot, viewer, widget, complaints):
    widget.form.fields["add"].value = 13
    run(qtbot, widget)
    assert [str(complaint.message) for complaint in complaints] == ["expected luck, found 13; take another number"]
    viewer.layers.clear()
    widget.work.run.click()
    assert "open one first" in complaints[1].message
    assert "open one first" in widget.work.message.text()
    assert idle(widget)


def test_only_layers_that_fit_are_offered(viewer, widget):
    viewer.add_image(np.zeros((8, 8)), name="picture")
    viewer.add_image(np.zeros((4, 8, 8, 3), np.uint8), rgb=True, name="colour")
    viewer.add_labels(np.zeros((4, 8, 8), int), name="labels")
    assert [choice.name for choice in widget.choice.input.choices] == ["clip"]


def test_the_source_of_the_active_layer_is_chosen_first(qtbot, viewer, widget, toy, video, heard):
    run(qtbot, widget)
    viewer.add_layer(layer(video, "other"))
    viewer.layers.selection.active = viewer.layers["clip · brighter"]
    assert heard(StageWidget(viewer, Negative)).choice.input.value is viewer.layers["clip"]
    viewer.layers.selection.active = viewer.layers["other"]
    assert heard(StageWidget(viewer, toy)).choice.input.value is viewer.layers["other"]


def test_sources_are_offered_to_every_stage_and_results_to_those_with_of(qtbot, viewer, widget, video, heard):
    run(qtbot, widget)
    assert [choice.name for choice in widget.choice.input.choices] == ["clip"]
    widget = heard(StageWidget(viewer, Negative))
    assert [choice.name for choice in widget.choice.input.choices] == ["clip", "clip · minus", "clip · brighter"]
    assert widget.form.fields["of"].value == "frames"
    widget.choice.input.value = viewer.layers["clip · brighter"]
    assert widget.form.fields["of"].value == "brighter"
    run(qtbot, widget)
    assert names(viewer)[-1] == "clip · brighter_negative"
    np.testing.assert_array_equal(viewer.layers[-1].data, -viewer.layers["clip · brighter"].data)


def test_closing_the_dock_stops_the_work(qtbot, docked, toy, video):
    viewer, widget = docked
    toy.gate.clear()
    started(qtbot, widget)
    task = widget.work.task
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(task._ended.is_set, timeout=20_000)
    viewer.add_layer(layer(video, "after"))
    qtbot.waitUntil(lambda: not task.running, timeout=20_000)
    assert names(viewer) == ["clip", "after"]
    widget.deleteLater()  # out of its dock, the widget is ours to delete
    qtbot.wait(50)


def test_closing_the_window_stops_and_joins_the_work(qtbot, docked, toy):
    viewer, widget = docked
    toy.gate.clear()
    started(qtbot, widget)
    task = widget.work.task
    viewer.close()
    qtbot.waitUntil(lambda: not task.running, timeout=20_000)
    assert task._ended.is_set()
