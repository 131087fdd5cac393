"""The whole way from a sequence to a result: a recipe, what it will take, a preview, Run, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, SpinBox
from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages import name_of
from napari_fluorodenoise.stages.stage import Stage
from napari_fluorodenoise.widgets.docks.choice import Choice
from napari_fluorodenoise.widgets.docks.dock import Dock
from napari_fluorodenoise.widgets.docks.facts import Facts
from napari_fluorodenoise.widgets.docks.models import SUFFIX, models_in
from napari_fluorodenoise.widgets.docks.preview import Preview
from napari_fluorodenoise.widgets.form import Form, folded, rows
from napari_fluorodenoise.widgets.preferences import preferences
from napari_fluorodenoise.widgets.running.order import Order
from napari_fluorodenoise.widgets.words import REFUSALS, one_line

__all__ = ["RecipeWidget"]

OPENABLE = "Recipes and models (*.json *.safetensors)"


class RecipeWidget(Dock):
    """Denoises a sequence of `viewer` by a recipe, or by a model that was trained before."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer, heading="Denoise a sequence, and see what was done.", choice=Choice(viewer))
        known = preferences()
        self._device, self._folder, self._opened = known.device, known.models_folder, list[Path]()
        self._chosen, self._forms = Recipe.named(known.recipe), list[Form[Stage]]()
        self.recipe = ComboBox(label="recipe", choices=self._recipes, tooltip="What is done to the sequence.")
        self.recipe.value = self._drawn = known.recipe
        self.every = CheckBox(
            label="all layers", tooltip="Show what every stage adds, and not only what comes out at the end."
        )
        self.seed = SpinBox(label="seed", max=2**31 - 1, tooltip="For what is random: the same seed, the same result.")
        self.facts, self.preview = Facts(), Preview(viewer)
        self._settings = QVBoxLayout()
        self._lay_out()
        self.layers_changed.connect(self.recipe.reset_choices)
        self.recipe.changed.connect(self._draw_settings)
        self.choice.changed.connect(self._tell)
        self.work.ended.connect(self._tell)
        self.starting.connect(self._make_way)
        self.preview.failed.connect(self.work.complain)
        self.preview.shown.connect(self.work.message.setText)
        self._draw_settings()

    def order(self) -> Order:
        """The recipe that the forms describe, for the chosen sequence, with what was already measured of it."""
        order = self._asked()
        detector = self.facts.detector_for(order)
        known = order if detector is None else replace(order, run=order.run.measured(detector))
        return known if self.every.value else known.results_only()

    def open(self, path: Path) -> None:
        """Choose the recipe or the model in a file; raises ValueError where there is none."""
        self._recipe_of(path)
        if path not in self._opened:
            self._opened.append(path)
        self.recipe.reset_choices()
        self.recipe.value = path

    def _make_way(self) -> None:
        """Nothing else is measured or shown while a run goes on."""
        self.facts.stop()
        self.preview.stop()
        self.preview.clear(self.choice.layer())

    def _asked(self) -> Order:
        recipe = replace(self._chosen, stages=tuple(form.value() for form in self._forms))
        layer, part = self.choice.layer(), self.choice.part()
        return Order.of(recipe, layer, self.viewer.layers, part=part, afresh=True, seed=self.seed.value)

    def _recipes(self, _: Any = None) -> list[tuple[str, str | Path]]:
        files = dict.fromkeys([*models_in(self._folder), *self._opened])
        return [*((name, name) for name in Recipe.names()), *((path.name, path) for path in files)]

    def _recipe_of(self, choice: str | Path) -> Recipe:
        if isinstance(choice, str):
            recipe = Recipe.named(choice)
        elif choice.suffix == SUFFIX:
            recipe = replace(Recipe.of_model(choice), name=choice.stem)
        else:
            recipe = Recipe.from_json(choice.read_text(encoding="utf-8"))
        return recipe.set(f"denoise.device={self._device}") if recipe.networks else recipe

    def _draw_settings(self, _: Any = None) -> None:
        """A form for every stage of the chosen recipe, folded away."""
        try:
            self._chosen = self._recipe_of(self.recipe.value)
        except REFUSALS as error:
            self.work.complain(one_line(error))
            with self.recipe.changed.blocked():
                self.recipe.value = self._drawn
            return
        self._drawn = self.recipe.value
        self._draw_forms()

    def _draw_forms(self) -> None:
        while (item := self._settings.takeAt(0)) is not None:
            item.widget().deleteLater()
        self._forms = [Form(type(stage), shown=stage) for stage in self._chosen.stages]
        for stage, form in zip(self._chosen.stages, self._forms, strict=True):
            self._settings.addWidget(folded(f"settings of {name_of(stage)}", form))
            form.changed.connect(self._tell)
        self._tell()

    def _tell(self, _: Any = None) -> None:
        """Say what was chosen, and measure it."""
        if self.work.busy:
            return
        try:
            self.facts.follow(self._asked().results_only())
        except REFUSALS as error:
            self.facts.follow(one_line(error))

    def _glance(self) -> None:
        try:
            order = self._asked()
        except REFUSALS as error:
            self.work.complain(one_line(error))
            return
        self.work.message.setText("previewing the frame that is shown")
        self.preview.show_for(order, detector=self.facts.detector_for(order))

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a recipe or a model", "", OPENABLE)
        if not path:
            return
        try:
            self.open(Path(path))
        except REFUSALS as error:
            self.work.complain(one_line(error))

    def _lay_out(self) -> None:
        browse = QPushButton("Open a recipe or a model …")
        browse.clicked.connect(self._browse)
        settings = QWidget()
        settings.setLayout(self._settings)
        self._settings.setContentsMargins(0, 0, 0, 0)
        self.preview.clicked.connect(self._glance)
        for part in (rows([self.recipe]), browse, settings, rows([self.every, self.seed]), self.facts, self.preview):
            self.body.addWidget(part)
        for part in (self.facts, self.preview):
            self.stopped.append(part.stop)
