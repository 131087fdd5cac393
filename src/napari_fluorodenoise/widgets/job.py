"""A stage at work on one of napari's worker threads, which can be watched, stopped and waited for.

What it makes of a lazy sequence is computed there too, so that looking at a result costs the window nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Protocol

from napari.layers import Image, Layer
from napari.qt.threading import create_worker
from napari.types import LayerDataTuple
from qtpy.QtCore import QObject, Signal

from napari_fluorodenoise.engine.keep import kept
from napari_fluorodenoise.engine.progress import Cancelled, Progress, portion
from napari_fluorodenoise.video import Run
from napari_fluorodenoise.widgets.layers import results_of

__all__ = ["Job", "Step"]


class Step(Protocol):
    """What a widget needs of a stage: the names it reads and adds, and a call from run to run."""

    def reads(self, run: Run) -> tuple[str, ...]:
        """The names of the videos that the results are made from."""

    def adds(self, run: Run) -> Mapping[str, Any]:
        """What the step adds to `run`, by name, its main result first."""

    def __call__(self, source: Run, *, progress: Progress) -> Run:
        """The run with the results added."""


class Job(QObject):
    """`step` called with `run` on a thread, its results made into layers that belong to `source`.

    `made_from` are the layers, by name, that the step reads. `worker.returned` brings the results as `results_of`
    orders them, or the line that says why there are none; after `stop` it brings nothing.
    """

    progressed = Signal(float, str)

    def __init__(self, step: Step, run: Run, *, source: Image, made_from: Mapping[str, Layer]) -> None:
        super().__init__()
        self.source, self.made_from = source, made_from
        self._step, self._run = step, run
        self._over = threading.Event()
        # napari's own worker: napari counts it as a task, asks before it closes the window on it, and then stops it
        self.worker = create_worker(self, _start_thread=False)

    def stop(self) -> None:
        """Ask the work to end before its next unit."""
        self.worker.quit()

    def join(self) -> None:
        """Stop, and wait until the thread has let go."""
        self.stop()
        if self.worker.is_running:
            self._over.wait()

    def __call__(self) -> list[LayerDataTuple] | str:
        """The layers, or why there are none; runs on the worker's thread."""
        try:
            return self._layers()
        except Cancelled:
            return []
        except (ValueError, OSError, MemoryError) as error:
            return " ".join(str(error).split()) or type(error).__name__
        finally:
            self._over.set()

    def __str__(self) -> str:
        return f"{type(self._step).__name__} on {self.source.name}"

    def _layers(self) -> list[LayerDataTuple]:
        self._report(0.0, "starting")
        names = tuple(self._step.adds(self._run))
        run = self._step(self._run, progress=self._report)
        # on a lazy sequence the step ends at its half, with its blocks still to be computed
        run = kept(run, names, progress=portion(self._report, 0.5, 1.0))
        return results_of(run, names, source=self.source, made_from=self.made_from)

    def _report(self, fraction: float, message: str, preview: Any = None) -> None:
        if self.worker.abort_requested:
            raise Cancelled
        self.progressed.emit(fraction, message)
