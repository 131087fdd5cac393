import pytest
from qtpy.QtWidgets import QScrollArea, QWidget

import napari_fluorodenoise as fd
from napari_fluorodenoise.widgets.docks.choice import Choice
from napari_fluorodenoise.widgets.docks.dock import WIDTH, Dock
from napari_fluorodenoise.widgets.running.order import Order


class ToyDock(Dock):
    """Orders a stage for the chosen layer."""

    def __init__(self, viewer, stage):
        super().__init__(viewer, heading="Add a number to every pixel.", choice=Choice(viewer))
        self.stage = stage

    def order(self):
        return Order.of(fd.Recipe(name="toy", stages=(self.stage,)), self.choice.layer(), self.viewer.layers)


@pytest.fixture
def dock(heard, viewer, toy):
    return heard(ToyDock(viewer, toy()))


def ended(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.work.busy, timeout=20_000)


def test_while_it_works_nothing_else_can_be_chosen(qtbot, dock, clip, toy):
    toy.gate.clear()
    dock.work.run.click()
    assert not dock.choice.isEnabled()
    assert dock.work.cancel.isEnabled()
    dock.work.cancel.click()
    ended(qtbot, dock)
    assert dock.choice.isEnabled()


def test_what_cannot_be_ordered_is_one_notification_and_nothing_begins(dock, complaints):
    dock.work.run.click()
    (complaint,) = complaints
    assert complaint.message.endswith("found none; open one first")
    assert not dock.work.busy
    assert dock.choice.isEnabled()


def test_changes_of_the_layers_reach_the_choice_and_the_work_and_are_told(qtbot, viewer, dock, clip, toy):
    assert dock.choice.layer() is clip
    toy.gate.clear()
    dock.work.run.click()
    with qtbot.waitSignal(dock.layers_changed):
        viewer.layers.remove(clip)
    assert dock.choice.input.value is None
    ended(qtbot, dock)
    assert len(viewer.layers) == 0


def test_out_of_its_parent_it_stops_all_that_is_at_work(qtbot, dock, clip, toy):
    stopped = []
    dock.stopped.append(lambda: stopped.append("stopped"))
    parent = QWidget()
    qtbot.addWidget(parent)
    dock.setParent(parent)
    toy.gate.clear()
    dock.work.run.click()
    qtbot.waitUntil(lambda: "waiting" in dock.work.message.text(), timeout=20_000)
    task = dock.work.task
    assert stopped == []
    dock.setParent(None)
    assert stopped == ["stopped"]
    ended(qtbot, dock)
    assert task.stopped


def test_it_is_scrolled_where_it_is_too_high_and_never_sideways(qtbot, dock, clip):
    dock.body.addSpacing(600)
    dock.resize(WIDTH, 120)
    with qtbot.waitExposed(dock):
        dock.show()
    scroll = dock.findChild(QScrollArea)
    assert scroll.verticalScrollBar().maximum() > 0
    assert scroll.widget().width() <= scroll.viewport().width()
    assert not scroll.horizontalScrollBar().isVisible()
