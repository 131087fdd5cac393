import threading

import pytest
from napari.utils import progress

from napari_fluorodenoise.engine.progress import Cancelled
from napari_fluorodenoise.widgets.waiting import waiting_for


@pytest.fixture
def bars():
    """The bars there are while a work waits in `inside`."""
    before = set(progress._all_instances)
    return lambda: [bar for bar in progress._all_instances if bar not in before]


def test_the_work_runs_on_a_thread_and_its_answer_comes_back(bars):
    def work(report):
        report(0.5, "half")
        return threading.current_thread(), [bar.desc for bar in bars()]

    thread, titles = waiting_for(work, title="Saving")
    assert thread is not threading.current_thread() and not thread.is_alive()
    assert titles == ["Saving"]
    assert bars() == []


def test_what_the_work_raises_is_raised(bars):
    def work(report):
        raise ValueError("expected luck, found none")

    with pytest.raises(ValueError, match="found none"):
        waiting_for(work, title="Saving")
    assert bars() == []


def test_the_bar_cancels(bars):
    def work(report):
        (bar,) = bars()
        report(0.1, "before")
        bar.cancel()
        report(0.2, "after")

    with pytest.raises(Cancelled):
        waiting_for(work, title="Saving")


def test_the_window_goes_on_meanwhile(qtbot, make_napari_viewer):
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QProgressBar, QPushButton

    viewer, seen = make_napari_viewer(), threading.Event()
    timer = QTimer(viewer.window._qt_window)

    def look():
        activity = viewer.window._qt_window._activity_dialog
        bars = [bar.value() for bar in activity.findChildren(QProgressBar)]
        buttons = [button.text() for button in activity.findChildren(QPushButton)]
        if bars == [400] and "Cancel" in buttons:
            seen.set()

    def work(report):
        report(0.4, "here")
        return seen.wait(10)

    timer.timeout.connect(look)
    timer.start(10)
    assert waiting_for(work, title="Saving")  # only a living event loop lets the work see its bar
    timer.stop()


def test_a_window_may_be_closed_meanwhile(qtbot, make_napari_viewer):
    from qtpy.QtCore import QTimer

    viewer, closed = make_napari_viewer(), threading.Event()

    def close():
        viewer.close()
        closed.set()

    QTimer.singleShot(50, close)
    assert waiting_for(lambda report: closed.wait(10), title="Saving")
