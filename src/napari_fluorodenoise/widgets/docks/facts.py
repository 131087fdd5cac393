"""What a sequence is, and what a recipe will take on it, measured on a thread as soon as they are chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from html import escape

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QLabel

from napari_fluorodenoise.effort import Effort, effort
from napari_fluorodenoise.engine.keep import SHARE
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.engine.room import free
from napari_fluorodenoise.physics.described import container, described
from napari_fluorodenoise.physics.detector import Detector, measured
from napari_fluorodenoise.video import Run
from napari_fluorodenoise.widgets.running.order import Order
from napari_fluorodenoise.widgets.running.task import Task
from napari_fluorodenoise.widgets.words import duration, one_line, warned

__all__ = ["Facts"]

PATIENCE = 300
"""Milliseconds without another choice after which measuring begins."""
BRIEF = ("noise", "dose")
"""Of what is measured, what everybody wants to know; the rest is in the tooltip."""


@dataclass(frozen=True, eq=False)
class _Known:
    """What was measured for an order."""

    detector: Detector
    effort: Effort | None
    trouble: str | None


class Facts(QLabel):
    """Lines that say what the sequence of an order is, its noise and dose, warnings, and time and memory it will take.

    `told` comes when they are complete.
    """

    told = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.known: _Known | None = None
        self._order: Order | None = None
        self._detector: Detector | None = None
        self._task: Task | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PATIENCE)
        self._timer.timeout.connect(self._measure)

    def follow(self, order: Order | str) -> None:
        """Measure what `order` is about, in place of the one before; or show why there is none.

        What is known of the same frames, or of the same recipe too, is not measured again.
        """
        self.stop()
        if isinstance(order, str):
            self._order = self.known = self._detector = None
            self.setText(warned(order))
            return
        self._detector = self.detector_for(order)
        same = self._detector is not None and self._order is not None and self._order.recipe == order.recipe
        self._order = order
        if same and self.known is not None:
            self._tell(self.known)
            return
        self.known = None
        self.setText(f"{_sequence(order)}<br>measuring")
        self._timer.start()

    def detector_for(self, order: Order) -> Detector | None:
        """What was measured of the same frames as the order's; None where they were not yet."""
        own = self._order
        if own is None or own.source is not order.source:
            return None
        asked, told = order.history, own.history
        return self._detector if (asked.part, asked.source) == (told.part, told.source) else None

    def stop(self) -> None:
        """Measure no more."""
        self._timer.stop()
        if self._task is not None:
            self._task.stop()

    def join(self) -> None:
        """Stop, and wait until nothing is at work any more."""
        self._timer.stop()
        if self._task is not None:
            self._task.join()

    def _measure(self) -> None:
        order = self._order
        if order is None:
            return
        work = partial(_measured, order, self._detector)
        self._task = task = Task(work, title=f"measuring {order.source.name}")
        task.done.connect(self._tell)
        task.failed.connect(self._complain)
        self.destroyed.connect(task.join)
        task.start()

    def _tell(self, known: _Known) -> None:
        order = self._order
        assert order is not None
        self.known, self._detector, self._task = known, known.detector, None
        video = order.run.video("frames")
        lines = list(described(known.detector, linear=video.intensity == "linear"))
        brief = [f"{title}: {escape(text)}" for title, text in lines if title in BRIEF]
        warnings = [*video.metadata.get("warnings", ()), *(text for title, text in lines if title == "warning")]
        takes = warned(known.trouble or "") if known.effort is None else _takes(known.effort, order)
        self.setText("<br>".join([_sequence(order), *brief, *map(warned, warnings), takes]))
        self.setToolTip("<br>".join(f"<b>{title}</b> {escape(text)}" for title, text in lines))
        self.told.emit()

    def _complain(self, complaint: str) -> None:
        if self._order is not None:
            self.setText(f"{_sequence(self._order)}<br>{warned(complaint)}")


def _measured(order: Order, detector: Detector | None, progress: Progress) -> _Known:
    """The detector of the order's frames, and what its recipe takes, or why it cannot be carried out."""
    frames = Run({"frames": order.run.video("frames")}, detector=detector)
    run = measured(frames, progress=portion(progress, 0.0, 0.5))
    assert run.detector is not None
    try:
        return _Known(run.detector, effort(order.recipe, run, progress=portion(progress, 0.5, 1.0)), None)
    except ValueError as error:
        return _Known(run.detector, None, one_line(error))


def _sequence(order: Order) -> str:
    facts = dict(container(order.run.video("frames")))
    told = [facts["sequence"], *(facts[title] for title in ("timing", "spacing") if facts[title] != "unknown")]
    return escape("; ".join(told))


def _takes(needed: Effort, order: Order) -> str:
    """Time and memory beside the memory that is free, warned of where it is too little; results in memory count."""
    run = order.recipe.check(order.run)
    video = order.run.video("frames")
    results = sum(run[name].dtype.itemsize for name in order.names if run[name].dims == "tyx") * video.data.size
    left = free()
    whole = replace(needed, memory=needed.memory + (results if results <= SHARE * left else 0))
    text = f"{order.recipe.name} takes {duration(whole.seconds)} and {whole.memory / 1e9:.1f} GB"
    line = f"<b>{escape(text)}</b> of {left / 1e9:.1f} GB that are free"
    lacking = whole.lacking(left)
    return line if lacking is None else f"{line}<br>{warned(lacking)}"
