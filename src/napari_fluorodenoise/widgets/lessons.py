"""A training to watch: its losses as curves, the frame being looked at as the network shows it, and a way to end it."""

from __future__ import annotations

from napari.components import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_fluorodenoise.engine.progress import Training
from napari_fluorodenoise.widgets.plot import Plot

__all__ = ["Lessons"]


class Lessons(QWidget):
    """The loss and the held-out loss of a training, step by step, and *Stop and keep*, which `enough` tells of."""

    enough = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._plot = Plot(viewer, minimum_height=170)
        self._told = QLabel()
        self._told.setWordWrap(True)
        self.keep = QPushButton("Stop and keep")
        self.keep.setToolTip("End the training with this step, and go on with what was learned so far.")
        self.keep.clicked.connect(self._end)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self._plot, self._told, self.keep):
            layout.addWidget(part)
        self.begin()

    def begin(self) -> None:
        """Forget the training before."""
        self._steps: list[int] = []
        self._losses: list[tuple[float, float]] = []
        self._told.setText("")
        self.setVisible(False)

    def add(self, training: Training) -> None:
        """Show one more report, which has a held-out loss."""
        assert training.held_out is not None
        if self._steps and training.step <= self._steps[-1]:
            self.begin()  # another network's
        self._steps.append(training.step)
        self._losses.append((training.loss, training.held_out))
        left = "" if training.seconds_left is None else f", {training.seconds_left:.0f} s left"
        self._told.setText(f"step {training.step}: held-out loss {training.held_out:.4g}{left}")
        self.keep.setEnabled(True)
        self.setVisible(True)
        self._draw()

    def end(self) -> None:
        """Leave the curves as they are; there is nothing more to stop."""
        self.keep.setEnabled(False)

    def _end(self) -> None:
        self.keep.setEnabled(False)
        self.enough.emit()

    def _draw(self) -> None:
        """Both losses in their first values: they are of other kinds, and what counts is how they fall."""
        self._plot.clear()
        axes = self._plot.axes
        training, held_out = (
            [loss / (abs(values[0]) or 1.0) for loss in values] for values in zip(*self._losses, strict=True)
        )
        axes.plot(self._steps, training, ".-", color=self._plot.lines[0], label="training")
        axes.plot(self._steps, held_out, ".-", color=self._plot.lines[1], label="held out")
        best = min(range(len(held_out)), key=held_out.__getitem__)
        axes.plot(self._steps[best], held_out[best], "o", color=self._plot.lines[1], fillstyle="none", ms=9)
        axes.set_xlabel("step")
        axes.set_ylabel("loss, in the first")
        axes.legend()
        self._plot.redraw()
