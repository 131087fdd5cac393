"""One widget for every stage: an input layer, the form its declaration asks for, and the work."""

from __future__ import annotations

import inspect
from typing import Any

from napari.components import ViewerModel

from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages import name_of as name_of_stage
from napari_fluorodenoise.stages.stage import Stage
from napari_fluorodenoise.widgets.docks.choice import Choice
from napari_fluorodenoise.widgets.docks.dock import Dock
from napari_fluorodenoise.widgets.form import Form
from napari_fluorodenoise.widgets.layers import name_of
from napari_fluorodenoise.widgets.running.order import Order

__all__ = ["StageWidget"]


class StageWidget(Dock):
    """Runs one kind of stage on a layer of `viewer`, off the GUI thread, and adds its results as layers.

    A stage with a field `of` runs on any sequence, and choosing a layer fills that field in; other stages run on
    sources only. The source is bound when the run starts: results land beside it or, if it is gone, nowhere.
    """

    def __init__(self, viewer: ViewerModel, declaration: type[Stage]) -> None:
        form = Form(declaration)
        heading = " ".join((inspect.getdoc(declaration) or "").split("\n\n")[0].split())
        super().__init__(viewer, heading=heading, choice=Choice(viewer, results="of" in form.fields))
        self.form = form
        self.body.addWidget(form)
        self.choice.input.changed.connect(self._fill_of)
        self._fill_of()

    def order(self) -> Order:
        """The stage that the form describes, for the chosen layer."""
        layer = self.choice.layer()
        stage = self.form.value()
        recipe = Recipe(name=name_of_stage(stage), stages=(stage,))
        return Order.of(recipe, layer, self.viewer.layers, part=self.choice.part())

    def _fill_of(self, _: Any = None) -> None:
        layer, field = self.choice.input.value, self.form.fields.get("of")
        if layer is not None and field is not None:
            field.value = name_of(layer, self.viewer.layers)
