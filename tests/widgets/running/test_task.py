import threading
import time
from types import SimpleNamespace

import pytest

from napari_fluorodenoise.engine.progress import Enough, Training
from napari_fluorodenoise.engine.scratch import Scratch
from napari_fluorodenoise.widgets.running import task as room
from napari_fluorodenoise.widgets.running.task import Task


class Heard:
    """What a task said, in order, and in which thread it was heard."""

    def __init__(self, task):
        self.said, self.reports, self.lessons, self.threads = [], [], [], set()
        for name in ("done", "failed"):
            getattr(task, name).connect(lambda what, name=name: self._note((name, what)))
        task.over.connect(lambda: self._note("over"))
        task.progressed.connect(lambda *report: self.reports.append(report))
        task.learned.connect(lambda *lesson: self.lessons.append(lesson))

    def _note(self, what):
        self.said.append(what)
        self.threads.add(threading.get_ident())


@pytest.fixture
def carry_out(qtbot):
    """A function that begins work, does something to its task, and gives what was heard when all is over."""

    def carry_out(work, meanwhile=lambda task: None, frame=None):
        task = Task(work, title="work")
        task.frame = frame
        heard = Heard(task)
        with qtbot.waitSignal(task.over, timeout=20_000):
            task.start()
            meanwhile(task)
        qtbot.waitUntil(lambda: not task.running)
        return heard

    return carry_out


def refusing(error):
    def work(progress):
        raise error

    return work


def waiting(progress):
    """Work that never ends by itself, and hears every wish."""
    while True:
        progress(0.5, "waiting")
        time.sleep(0.005)


def lessons(*trainings):
    """Work that reports these trainings, and says at which step it was told that this is enough."""

    def work(progress):
        for training in trainings:
            try:
                progress(training.step / 10, "learning", training)
            except Enough:
                return training.step
        return None

    return work


def test_what_the_work_returns_is_heard_where_the_window_is(carry_out):
    heard = carry_out(lambda progress: threading.get_ident())
    (_, worked), over = heard.said
    assert over == "over"
    assert heard.threads == {threading.get_ident()}
    assert worked != threading.get_ident()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("expected this,\n   found that"), "expected this, found that"),
        (OSError(28, "No space left"), "[Errno 28] No space left"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_what_refuses_is_one_line(carry_out, error, line):
    assert carry_out(refusing(error)).said == [("failed", line), "over"]


def test_a_mistake_in_the_work_is_raised_where_napari_reports_it(qtbot, carry_out):
    with qtbot.capture_exceptions() as raised:
        assert carry_out(refusing(RuntimeError("a mistake"))).said == ["over"]
    assert [str(error) for _, error, _ in raised] == ["a mistake"]


def test_after_stop_nothing_is_delivered_but_the_end(carry_out):
    assert carry_out(waiting, Task.stop).said == ["over"]


def test_what_is_ready_when_it_is_stopped_is_not_delivered(qtbot):
    let_go = threading.Event()
    task = Task(lambda progress: let_go.wait(20), title="work")
    heard = Heard(task)
    with qtbot.waitSignal(task.over, timeout=20_000):
        task.start()
        qtbot.waitUntil(lambda: task.running)
        let_go.set()
        task._ended.wait(20)
        task.stop()  # its result is on the way to the window
    assert heard.said == ["over"]


def test_join_returns_when_the_work_has_let_go(qtbot):
    ended = threading.Event()

    def work(progress):
        try:
            waiting(progress)
        finally:
            ended.set()

    task = Task(work, title="work")
    task.start()
    qtbot.waitUntil(lambda: task.running)
    task.join()
    assert ended.is_set()
    assert task.stopped
    qtbot.waitUntil(lambda: not task.running)
    task.join()


def test_a_task_joined_before_it_began_does_nothing(qtbot):
    worked = []
    task = Task(worked.append, title="work")
    task.join()
    with qtbot.waitSignal(task.over, timeout=20_000):
        task.start()
    assert worked == []


def test_few_reports_come_through_and_the_last_one(carry_out, monkeypatch):
    monkeypatch.setattr(room.time, "monotonic", iter(range(1000)).__next__)
    monkeypatch.setattr(room, "BEAT", 10)
    heard = carry_out(lambda progress: [progress(n / 100, f"{n}") for n in range(1, 101)])
    # the clock goes by one at every report; work says "starting" first
    assert [round(100 * fraction) for fraction, *_ in heard.reports] == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


def test_a_training_is_told_with_the_frame_that_is_looked_at(carry_out):
    seen = [Training(1, 0.5, 0.4, look=lambda t: ("frame", t)), Training(2, 0.5), Training(3, 0.3, 0.2)]
    assert carry_out(lessons(*seen), frame=7).lessons == [(seen[0], 7, ("frame", 7)), (seen[2], 7, None)]
    assert carry_out(lessons(*seen)).lessons == [(seen[0], None, None), (seen[2], None, None)]


@pytest.mark.parametrize(("between", "ended"), [(False, 2), (True, None)])
def test_enough_ends_the_training_under_way_and_no_other(carry_out, between, ended):
    begun, asked = threading.Event(), threading.Event()

    def work(progress):
        progress(0.1, "learning", Training(1, 0.5))
        begun.set()
        assert asked.wait(20)
        if between:
            progress(0.2, "no training any more")
        return [lessons(Training(2, 0.5))(progress), lessons(Training(1, 0.5))(progress)]

    def enough(task):
        assert begun.wait(20)
        task.enough()
        asked.set()

    assert carry_out(work, enough).said == [("done", [ended, None]), "over"]


def test_intermediate_files_go_where_the_preferences_say(carry_out, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "preferences", lambda: SimpleNamespace(cache_folder=tmp_path))
    (_, (kept, found)), _ = carry_out(lambda progress: (Scratch("some"), list(tmp_path.iterdir()))).said
    assert found == [kept._folder]
