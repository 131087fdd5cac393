import threading

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication

import napari_fluorodenoise as fd
from napari_fluorodenoise.part import Part
from napari_fluorodenoise.widgets.layers import opened, record_of
from napari_fluorodenoise.widgets.running import work as room
from napari_fluorodenoise.widgets.running.order import Order
from napari_fluorodenoise.widgets.running.work import Work


@pytest.fixture
def work(qtbot, viewer):
    """The work of a viewer, which hears of the layers as in a dock."""
    work = Work(viewer)
    qtbot.addWidget(work)
    viewer.layers.events.removed.connect(work.follow_layers)
    return work


@pytest.fixture
def run(qtbot, viewer, work):
    """A function that carries out a stage, or a recipe, on a layer."""

    def run(recipe, layer, **options):
        if not isinstance(recipe, fd.Recipe):
            recipe = fd.Recipe(name=type(recipe).__name__.lower(), stages=(recipe,))
        work.start(Order.of(recipe, layer, viewer.layers, **options))
        ended(qtbot, work)
        return work.added

    return run


def ended(qtbot, work):
    qtbot.waitUntil(lambda: not work.busy, timeout=20_000)


def order_of(toy, layer, viewer):
    return Order.of(fd.Recipe(name="toy", stages=(toy(),)), layer, viewer.layers)


def held(qtbot, work, toy, layer, viewer):
    """Begin the toy's work, which waits at its gate."""
    toy.gate.clear()
    work.start(order_of(toy, layer, viewer))
    qtbot.waitUntil(lambda: "waiting" in work.message.text(), timeout=20_000)


def names(viewer):
    return [layer.name for layer in viewer.layers]


def buttons(work):
    return [button.isEnabled() for button in (work.run, work.cancel, work.undo, work.copy)]


def test_what_can_be_pressed_is_what_can_be_done(qtbot, viewer, work, toy, clip):
    assert buttons(work) == [True, False, False, False]
    held(qtbot, work, toy, clip, viewer)
    assert buttons(work) == [False, True, False, False]
    toy.gate.set()
    ended(qtbot, work)
    assert buttons(work) == [True, False, True, True]
    held(qtbot, work, toy, clip, viewer)
    assert buttons(work) == [False, True, False, False]
    work.cancel.click()
    assert work.message.text() == "stopping"
    ended(qtbot, work)
    assert work.message.text() == "stopped"
    assert buttons(work) == [True, False, True, True]


def test_the_main_result_is_active_and_visible_beside_its_source(viewer, work, run, toy, clip):
    added = run(toy(), clip)
    assert added[0].name == "clip · brighter"
    assert viewer.layers.selection.active is added[0]
    assert [layer.name for layer in added if layer.visible] == ["clip · brighter"]
    assert set(added) == set(viewer.layers) - {clip}
    assert "from clip" in work.message.text()


def test_undo_removes_exactly_what_each_run_added_run_by_run(viewer, work, run, toy, clip):
    run(toy(), clip)
    first = names(viewer)
    beside = viewer.add_points(name="beside")
    run(toy(add=5), clip)
    assert len(viewer.layers) == 10
    work.undo.click()
    assert names(viewer) == [*first, "beside"]
    work.undo.click()
    assert list(viewer.layers) == [clip, beside]
    assert buttons(work) == [True, False, False, False]
    work.take_back()
    assert list(viewer.layers) == [clip, beside]


def test_undo_removes_only_what_is_still_there(viewer, work, run, toy, clip):
    run(toy(), clip)
    viewer.layers.remove("clip · minus")
    viewer.layers["clip · mean"].name = "kept under another name"
    work.undo.click()
    assert names(viewer) == ["clip"]
    run(toy(), clip)
    for layer in work.added.copy():
        viewer.layers.remove(layer)
    assert buttons(work) == [True, False, False, False]


def test_of_two_runs_what_the_user_removed_is_not_undone_in_place_of_the_other(viewer, work, run, toy, clip):
    first = list(run(toy(), clip))
    for layer in list(run(toy(add=5), clip)):
        viewer.layers.remove(layer)
    assert work.added == first


PART = Part(frames=(1, 7), rows=(2, 22), covered=((0, 4, 0, 9),))


def made_again(viewer):
    """What the script on the clipboard makes, with this viewer in place of the one that napari would find open."""
    script = QApplication.clipboard().text().replace("viewer = napari.current_viewer()", "")
    known = {"viewer": viewer}
    exec(compile(script, "script", "exec"), known)
    return known["result"].data


@pytest.mark.parametrize("part", [Part(), PART])
def test_the_copied_script_makes_the_pixels_of_the_layer_again(viewer, work, run, clip, part):
    added = run(fd.Recipe.named("fast"), clip, part=part, afresh=True, seed=3)
    work.copy.click()
    assert work.message.text().startswith("copied")
    np.testing.assert_array_equal(made_again(viewer), added[0].data)
    assert made_again(viewer).dtype == clip.data.dtype


def test_the_copied_script_knows_its_source_by_the_name_that_it_has_now(viewer, work, run, clip):
    added = run(fd.Recipe.named("fast"), clip, afresh=True)
    clip.name = "renamed"
    work.copy.click()
    np.testing.assert_array_equal(made_again(viewer), added[0].data)


def test_the_copied_script_is_that_of_the_last_run_still_there(viewer, work, run, clip):
    run(fd.Recipe.named("fast"), clip, afresh=True, seed=3)
    run(fd.Recipe.named("fast"), clip, afresh=True, seed=4)
    work.undo.click()
    work.copy.click()
    assert "default_rng(3)" in QApplication.clipboard().text()


def test_results_land_beside_the_source_of_the_start_whatever_happens_meanwhile(qtbot, viewer, work, toy, clip, video):
    held(qtbot, work, toy, clip, viewer)
    other = viewer.add_layer(Layer.create(*opened(video, name="other")))
    viewer.layers.selection.active = other
    clip.name = "renamed"
    viewer.dims.set_point(0, 0.5)
    toy.gate.set()
    ended(qtbot, work)
    assert {record_of(layer)["source"] for layer in work.added} == {clip.unique_id}
    assert all(layer.name.startswith("renamed · ") for layer in work.added)


@pytest.mark.parametrize("how", ["removed", "all cleared", "another with its name"])
def test_without_its_source_nothing_is_added(qtbot, viewer, work, toy, clip, video, complaints, how):
    held(qtbot, work, toy, clip, viewer)
    if how == "all cleared":
        viewer.layers.clear()
    else:
        viewer.layers.remove(clip)
    if how == "another with its name":
        viewer.add_layer(Layer.create(*opened(video, name="clip")))
    toy.gate.set()
    ended(qtbot, work)
    assert len(viewer.layers) == (how == "another with its name")
    assert work.added == []
    assert complaints == []


def test_a_source_deleted_when_all_is_ready_gets_nothing_either(qtbot, viewer, work, toy, clip):
    viewer.layers.events.removed.disconnect(work.follow_layers)  # so that the work goes on
    held(qtbot, work, toy, clip, viewer)
    viewer.layers.remove(clip)
    toy.gate.set()
    ended(qtbot, work)
    assert len(viewer.layers) == 0


@pytest.mark.parametrize("how", ["cancelled", "removed"])
def test_what_is_stopped_while_its_layers_are_added_leaves_none_of_them(qtbot, viewer, work, toy, clip, how):
    def meddle(event):
        if event.value.name == "clip · minus":
            if how == "cancelled":
                work.stop()
            else:
                viewer.layers.remove(clip)

    viewer.layers.events.inserted.connect(meddle)
    work.start(order_of(toy, clip, viewer))
    ended(qtbot, work)
    assert names(viewer) == ["clip"] * (how == "cancelled")
    assert work.added == []
    assert buttons(work) == [True, False, False, False]
    assert work.message.text() == "stopped"


def test_a_layer_removed_while_others_are_added_is_not_missed(qtbot, viewer, work, toy, clip):
    removed = []

    def meddle(event):
        if event.value.name == "clip · offsets":
            removed.append(viewer.layers["clip · brighter"])
            viewer.layers.remove(removed[0])

    viewer.layers.events.inserted.connect(meddle)
    work.start(order_of(toy, clip, viewer))
    ended(qtbot, work)
    assert set(work.added) == set(viewer.layers) - {clip}
    assert removed and removed[0] not in work.added


def test_a_refusal_is_one_notification_of_one_line_and_adds_nothing(viewer, work, run, toy, clip, complaints):
    assert run(toy(add=13), clip) == []
    assert [complaint.message for complaint in complaints] == ["expected luck, found 13; take another number"]
    assert work.message.text() == complaints[0].message
    assert names(viewer) == ["clip"]
    assert buttons(work) == [True, False, False, False]


def test_the_bar_goes_on_and_the_time_left_is_told_after_a_while(qtbot, viewer, work, toy, clip, monkeypatch):
    monkeypatch.setattr(room, "SOON", 0.0)
    held(qtbot, work, toy, clip, viewer)
    assert work._bar.isVisibleTo(work)
    assert work._bar.value() > 0
    qtbot.waitUntil(lambda: work.message.text().endswith(" s left"))
    assert "about" in work.message.text()
    work.stop()
    ended(qtbot, work)
    assert not work._bar.isVisibleTo(work)


def test_the_frame_looked_at_follows_the_slider_within_the_part(qtbot, viewer, work, toy, clip):
    recipe = fd.Recipe(name="toy", stages=(toy(),))
    toy.gate.clear()
    viewer.dims.set_point(0, 0.5)  # in s; frames of 0.1 s
    work.start(Order.of(recipe, clip, viewer.layers, part=Part(frames=(2, 8))))
    followed = [work.task.frame]
    for seconds in (0.0, 0.9, 0.3):
        viewer.dims.set_point(0, seconds)
        followed.append(work.task.frame)
    assert followed == [3, 0, 5, 1]
    work.stop()
    ended(qtbot, work)
    viewer.dims.set_point(0, 0.6)  # nobody looks any more


def test_join_waits_until_nothing_is_at_work(qtbot, viewer, work, toy, clip):
    before = set(threading.enumerate())
    held(qtbot, work, toy, clip, viewer)
    task = work.task
    work.join()
    assert task._ended.is_set()
    ended(qtbot, work)
    assert QThreadPool.globalInstance().waitForDone(20_000)
    assert {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)} <= before
    work.join()
    assert names(viewer) == ["clip"]
