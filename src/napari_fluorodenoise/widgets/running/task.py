"""Work on a thread, which can be watched, stopped, ended early and waited for."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from napari_fluorodenoise.engine.progress import Cancelled, Enough, Progress, Training, until
from napari_fluorodenoise.engine.scratch import within
from napari_fluorodenoise.widgets.preferences import preferences
from napari_fluorodenoise.widgets.words import REFUSALS, one_line

__all__ = ["Task"]

BEAT = 0.05
"""Seconds between two reports: a window draws no more of them."""
NICE = 10
"""How far the work's threads stand back behind the window's."""
LESSON = 0.5
"""Seconds between two reports of a training without a held-out loss."""


_AT_WORK: set[Task] = set()
"""Held until they are over, so that none is collected on its own thread: it belongs to the window's."""


class _Refusal(str):
    """Why work could not be done, in one line."""

    __slots__ = ()


class Task(QObject):
    """`work`, called with its progress on a thread.

    `done` brings what it returns, `failed` the one line that says why it could not, `broke` that of
    a bug, which napari shows itself; after `stop` none of them comes. `over`
    comes in any case, last. `frame`, where it is a number, is the frame that is shown while a network is trained:
    `learned` brings reports of the training, `frame`, and, with a held-out loss, that frame as the network sees it.
    `progressed` says whether it is a training that goes on, which tells its own time in its message.
    """

    progressed = Signal(float, str, bool)
    learned = Signal(object, object, object)
    done = Signal(object)
    failed = Signal(str)
    broke = Signal(str)
    over = Signal()

    def __init__(self, work: Callable[[Progress], Any], *, title: str) -> None:
        super().__init__()
        self.frame: int | None = None
        self._work: Callable[[Progress], Any] | None = work
        self._title = title
        self._cache = preferences().cache_folder
        self._told = self._taught = 0.0
        self._enough, self._ended = threading.Event(), threading.Event()
        # napari counts its own workers as tasks: it asks before it closes the window on one, and then stops it
        self._worker = create_worker(self, _start_thread=False)
        self._worker.returned.connect(self._deliver)
        self._worker.errored.connect(self._break)
        self._worker.finished.connect(self.over)

    def start(self) -> None:
        """Begin the work."""
        _AT_WORK.add(self)
        self.over.connect(self._forget)
        self._worker.start()

    def stop(self) -> None:
        """Ask the work to end before its next unit."""
        self._worker.quit()

    def enough(self) -> None:
        """Ask the training under way to end with its step, and to keep what it has learned."""
        self._enough.set()

    @property
    def stopped(self) -> bool:
        """True where the work was asked to end."""
        return bool(self._worker.abort_requested)

    @property
    def running(self) -> bool:
        """True until the thread has let go."""
        return bool(self._worker.is_running)

    def join(self) -> None:
        """Stop, and wait until the thread has let go; work that waits for a thread still begins, and ends at once."""
        self.stop()
        if self.running:
            self._ended.wait()

    def __call__(self) -> Any:
        """What the work returns, or the line that says why it could not; runs on the thread."""
        _give_way()
        try:
            self._report(0.0, "starting")
            assert self._work is not None
            with within(self._cache), until(lambda: self.stopped):
                return self._work(self._report)
        except Cancelled:
            return None
        except REFUSALS as error:
            return _Refusal(one_line(error))
        except RuntimeError as error:
            if type(error).__name__ != "OutOfMemoryError":  # torch's, without importing it
                raise
            return _Refusal("the GPU's memory is full; set the device to cpu, or take a smaller rectangle")
        finally:
            self._work = None  # it may hold a sequence
            self._ended.set()

    def __str__(self) -> str:
        return self._title

    def _forget(self) -> None:
        _AT_WORK.discard(self)

    def _deliver(self, outcome: Any) -> None:
        if self.stopped:
            return
        if isinstance(outcome, _Refusal):
            self.failed.emit(str(outcome))
        else:
            self.done.emit(outcome)

    def _break(self, error: Exception) -> None:
        """Say so where a bug ended the work; napari shows where it is."""
        if not self.stopped:
            self.broke.emit(f"this failed: {one_line(error)}")

    def _report(self, fraction: float, message: str, training: Training | None = None) -> None:
        if self._worker.abort_requested:
            raise Cancelled
        if training is None:
            self._enough.clear()  # it was meant for the training that is over
        else:
            self._listen(training)
        now = time.monotonic()
        if now - self._told >= BEAT or fraction >= 1:
            self._told = now
            self.progressed.emit(fraction, message, training is not None)

    def _listen(self, training: Training) -> None:
        frame, now = self.frame, time.monotonic()
        if training.held_out is not None or now - self._taught >= LESSON:
            self._taught = now
            shown = training.look(frame) if training.look is not None and frame is not None else None
            self.learned.emit(training, frame, shown)
        if self._enough.is_set():
            self._enough.clear()
            raise Enough


def _give_way() -> None:
    """Let the window go first where work and window want the same core; threads that work starts inherit it."""
    if sys.platform == "linux":  # where niceness is a thread's own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
