"""A stage at work on one of napari's worker threads, which can be watched, stopped and waited for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Protocol

from napari.layers import Image
from napari.qt.threading import create_worker
from napari.types import LayerDataTuple
from qtpy.QtCore import QObject, Signal

from napari_fluorodenoise.engine.progress import Cancelled, Progress
from napari_fluorodenoise.video import Run
from napari_fluorodenoise.widgets.layers import layer_of

__all__ = ["Job", "Step"]


class Step(Protocol):
    """What a widget needs of a stage: the names it adds, and a call from run to run."""

    def adds(self, run: Run) -> Mapping[str, Any]:
        """What the step adds to `run`, by name, its main result first."""

    def __call__(self, source: Run, *, progress: Progress) -> Run:
        """The run with the results added."""


class Job(QObject):
    """`step` called with `run` on a thread, its results made into layers that belong to `source`.

    `worker.returned` brings the layers, main result first, or the line that says why there are none; after `stop` it
    brings nothing.
    """

    progressed = Signal(float, str)

    def __init__(self, step: Step, run: Run, *, source: Image) -> None:
        super().__init__()
        self.source = source
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
        run = self._step(self._run, progress=self._report)
        made: list[LayerDataTuple] = []
        for name in self._step.adds(self._run):
            self._report(1.0, f"looking at {name}")
            data, attributes, kind = layer_of(run[name], name=name, source=self.source, detector=run.detector)
            made.append((data, attributes | {"visible": not made}, kind))
        return made

    def _report(self, fraction: float, message: str, preview: Any = None) -> None:
        if self.worker.abort_requested:
            raise Cancelled
        self.progressed.emit(fraction, message)
