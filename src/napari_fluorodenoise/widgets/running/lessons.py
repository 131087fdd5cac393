"""A training to watch: its losses as curves, the frame being looked at as the network shows it, and a way to end it."""

from __future__ import annotations

from collections.abc import Sequence

from napari.components import ViewerModel
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_fluorodenoise.engine.progress import Training
from napari_fluorodenoise.widgets.plot import Plot

__all__ = ["Lessons"]

Point = tuple[int, float]
"""A step, and the loss there."""
BREATH = 150
"""Milliseconds from a report to its curves, so that the window does something else between."""


class Lessons(QWidget):
    """The loss and the held-out loss of a training, step by step.

    `keep` is a button for whoever shows this to place: *Stop and keep*, which `enough` tells of.
    """

    enough = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._plot: Plot | None = None
        self._told = QLabel()
        self._told.setWordWrap(True)
        self._soon = QTimer(self, singleShot=True, interval=BREATH, timeout=self._draw)
        self.keep = QPushButton("Stop and keep")
        self.keep.setToolTip("End the training with this step, and go on with what was learned so far.")
        self.keep.clicked.connect(self._end)
        QVBoxLayout(self).setContentsMargins(0, 0, 0, 0)
        self.layout().addWidget(self._told)
        self.begin()

    @property
    def silent(self) -> bool:
        """True until the first report."""
        return not self._training

    def begin(self) -> None:
        """Forget the training before."""
        self._training, self._held_out = list[Point](), list[Point]()
        self._told.setText("")
        self.setVisible(False)
        self.keep.setVisible(False)

    def add(self, training: Training) -> None:
        """Show one more report."""
        if self._training and training.step <= self._training[-1][0]:
            self.begin()  # another network's
        self._training.append((training.step, training.loss))
        if training.held_out is not None:
            self._held_out.append((training.step, training.held_out))
        told = f": held-out loss {self._held_out[-1][1]:.4g}" if self._held_out else ""
        left = "" if training.seconds_left is None else f", {training.seconds_left:.0f} s left"
        self._told.setText(f"step {training.step}{told}{left}")
        self.keep.setEnabled(True)
        self.keep.setVisible(True)
        self.setVisible(True)
        if not self._soon.isActive():  # reports may come faster than curves
            self._soon.start()

    def end(self) -> None:
        """Leave the curves as they are; there is nothing more to stop."""
        self.keep.setVisible(False)

    def _end(self) -> None:
        self.keep.setEnabled(False)
        self.enough.emit()

    def _draw(self) -> None:
        """Both losses in their first values: they are of other kinds, and what counts is how they fall."""
        if not self._training:
            return  # another training has begun since
        plot = self._plot or self._new_plot()
        plot.clear()
        axes, colours = plot.axes, plot.lines
        axes.plot(*_in_the_first(self._training), ".-", color=colours[0], label="training")
        if self._held_out:
            steps, losses = _in_the_first(self._held_out)
            axes.plot(steps, losses, ".-", color=colours[1], label="held out")
            best = min(range(len(losses)), key=losses.__getitem__)
            axes.plot(steps[best], losses[best], "o", color=colours[1], fillstyle="none", ms=9)
        axes.set_xlabel("step")
        axes.set_ylabel("loss / first loss")
        axes.legend()
        plot.redraw()

    def _new_plot(self) -> Plot:
        """The plot, made with the first report: most docks never train."""
        self._plot = Plot(self._viewer, minimum_height=170)
        self._plot.setFixedHeight(220)
        self.layout().addWidget(self._plot)
        return self._plot


def _in_the_first(points: Sequence[Point]) -> tuple[list[int], list[float]]:
    """Steps, and losses in the size of the first one."""
    first = abs(points[0][1]) or 1.0
    return [step for step, _ in points], [loss / first for _, loss in points]
