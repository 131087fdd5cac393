"""A matplotlib plot for a dock, in the colours of napari's theme."""

from __future__ import annotations

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.components import ViewerModel
from napari.utils.theme import get_theme
from qtpy.compat import isalive
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

__all__ = ["Plot"]

POINTS = 8
"""The size of all letters: a dock is narrow."""


class Plot(QWidget):
    """`panels` axes side by side, the first of them `axes`, all with one vertical axis.

    Draw into the axes as with matplotlib anywhere, then call `redraw`, which gives them the theme's colours; a theme
    chosen later is taken over. `lines` is a colour for each of three curves, to be told from the theme's background.
    """

    def __init__(self, viewer: ViewerModel, *, panels: int = 1, minimum_height: int = 180) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._viewer = viewer
        self.figure = Figure(figsize=(3.6, 2.4), layout="constrained")  # in 100 px, as long as nobody makes it wider
        self.panels = self.figure.subplots(1, panels, sharey=True, squeeze=False)[0].tolist()
        self.axes = self.panels[0]
        self.lines = ("#3b9dff", "#ff8c2e", "#4fb36b")
        self._canvas = FigureCanvasQTAgg(self.figure)
        self._canvas.setMinimumSize(200, minimum_height)  # narrower than its dock
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)
        viewer.events.theme.connect(self._recolour)
        self.redraw()

    def clear(self) -> None:
        """Empty all panels."""
        for axes in self.panels:
            axes.clear()

    def redraw(self) -> None:
        """Show what was drawn, in the theme's colours."""
        theme = get_theme(self._viewer.theme)
        text, paper = theme.text.as_hex(), theme.background.as_hex()
        self.figure.set_facecolor(paper)
        for axes in self.panels:
            axes.set_facecolor(paper)
            axes.tick_params(colors=text, labelsize=POINTS)
            for spine in axes.spines.values():
                spine.set_color(text)
            for words in (axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts):
                words.set(color=text, fontsize=POINTS)
            if axes.get_legend() is not None:
                axes.legend(fontsize=POINTS, labelcolor=text, facecolor=paper, edgecolor=text)
        self._canvas.draw_idle()

    def _recolour(self, _: object = None) -> None:
        if isalive(self):  # the viewer may outlive its window
            self.redraw()
