"""Training a network on a sequence: watch it, end it, keep it, go on with it, and see what others were trained on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from magicgui.widgets import CheckBox
from napari.components import ViewerModel
from pydantic.dataclasses import dataclass
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_fluorodenoise.primitives.declaration import ADVANCED, STRICT, Unit
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.stages.fuse import Fuse
from napari_fluorodenoise.widgets.docks.choice import Choice
from napari_fluorodenoise.widgets.docks.dock import Dock
from napari_fluorodenoise.widgets.docks.models import SUFFIX, models_in, told
from napari_fluorodenoise.widgets.form import Form, folded, rows
from napari_fluorodenoise.widgets.layers import record_of
from napari_fluorodenoise.widgets.preferences import preferences
from napari_fluorodenoise.widgets.running.order import Order
from napari_fluorodenoise.widgets.words import REFUSALS, one_line

__all__ = ["TrainingWidget"]

COLUMNS = ("model", "scheme", "trained on", "steps", "held-out loss")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Asked:
    """What to train, and for how long."""

    scheme: Literal[
        "best", "noise2self", "noise2void", "self2self", "neighbor2neighbor", "temporal", "recorrupted", "sure"
    ] = "best"
    """How a network learns from noisy frames alone; `best` is the recipe of that name, the others are Denoise's."""
    steps: Annotated[int, Ge(1), Le(1_000_000)] = 800
    """Steps of training at the most, each on a batch of 16 crops of 64² pixels."""
    budget: Annotated[Annotated[float, Gt(0), Le(1_000_000)] | None, Unit("s")] = None
    """Seconds of training at the most; none but the steps' where it is left out."""
    seed: Annotated[int, Ge(0), Le(2**31 - 1), ADVANCED] = 0
    """For what is random: the same seed and steps give the same weights."""

    def recipe(self, *, device: str, model: Path | None) -> Recipe:
        """The recipe that trains a network, or `model` further, and shows what it makes of the frames."""
        if model is not None:
            recipe = Recipe.of_model(model).set("denoise.continue_training=true")
        elif self.scheme == "best":
            recipe = Recipe.named("best")
        else:
            recipe = Recipe(name=self.scheme, stages=(Denoise(denoiser=self.scheme), Fuse()))
        budget = json.dumps(self.budget)
        return recipe.set(
            f"denoise.training_steps={self.steps}", f"denoise.budget={budget}", f"denoise.device={device}"
        )


class TrainingWidget(Dock):
    """Trains a network on a sequence of `viewer`, and keeps it as a model that denoises others."""

    def __init__(self, viewer: ViewerModel) -> None:
        heading = "Train a network on a noisy sequence, and keep it for others of its kind."
        super().__init__(viewer, heading=heading, choice=Choice(viewer))
        self.form = Form(Asked)
        self.models = _table()
        self.go_on = CheckBox(label="go on with selected model", tooltip="Train the model selected above further.")
        self.save, self.load = QPushButton("Save the model …"), QPushButton("Show other models …")
        self.save.clicked.connect(self._ask_where)
        self.load.clicked.connect(self._ask_which)
        known = QWidget()
        inside = QVBoxLayout(known)
        for part in (self.models, self.load, rows([self.go_on])):
            inside.addWidget(part)
        for part in (self.form, folded("models, and what they were trained on", known), self.save):
            self.body.addWidget(part)
        self.work.ended.connect(self._offer)
        self.go_on.changed.connect(self._lock_scheme)
        self.layers_changed.connect(self._offer)
        self._paths = list[Path]()
        self.show_models(preferences().models_folder)
        self._offer()

    def order(self) -> Order:
        """The training that the form describes, on the chosen sequence."""
        model = self._selected() if self.go_on.value else None
        asked = self.form.value()
        recipe = asked.recipe(device=preferences().device, model=model)
        layer, part = self.choice.layer(), self.choice.part()
        order = Order.of(recipe, layer, self.viewer.layers, part=part, afresh=True, seed=asked.seed)
        return order.results_only()

    def save_model(self, path: Path) -> None:
        """Keep the network that was trained last in the file `path`; raises ValueError where there is none."""
        record = record_of(self.work.added[0]) if self.work.added else {}
        models = tuple(record.get("models", {}).values())
        if len(models) != 1:
            raise ValueError("expected a network that was trained here, found none; press Run first")
        path.parent.mkdir(parents=True, exist_ok=True)
        recipe = Recipe.from_json(json.dumps(record["recipe"]))
        recipe.save_model(path, models[0], files=[record["source name"]], seed=record["seed"])
        self.show_models(path.parent)
        self.work.message.setText(f"saved {path.name}")
        self.work.message.setToolTip(str(path))

    def show_models(self, folder: Path) -> None:
        """List the models in `folder` with what they were trained on; what is no model is left out."""
        self.models.setRowCount(0)
        self._paths = []
        for path in models_in(folder):
            try:
                facts = told(path)
            except ValueError:
                continue
            self.models.insertRow(row := len(self._paths))
            self._paths.append(path)
            for column, title in enumerate(COLUMNS):
                cell = QTableWidgetItem(facts[title])
                cell.setToolTip(f"{path}\n{facts[title]}")
                self.models.setItem(row, column, cell)

    def _selected(self) -> Path:
        row = int(self.models.currentRow())
        if row < 0:
            raise ValueError("expected a selected model to go on with, found none; click on one in the list")
        return self._paths[row]

    def _ask_where(self) -> None:
        name = self.work.added[0].name.split(" · ")[0] if self.work.added else "model"
        start = preferences().models_folder / f"{name}{SUFFIX}"
        text, _ = QFileDialog.getSaveFileName(self, "Save the model", str(start), f"Models (*{SUFFIX})")
        if text:
            self._try(lambda: self.save_model(_completed(text)))

    def _ask_which(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "A folder of models", str(preferences().models_folder))
        if folder:
            self.show_models(Path(folder))

    def _try(self, what: Callable[[], None]) -> None:
        try:
            what()
        except REFUSALS as error:
            self.work.complain(one_line(error))

    def _lock_scheme(self, go_on: bool) -> None:
        """A model goes on by the scheme that it was trained with."""
        self.form.fields["scheme"].enabled = not go_on

    def _offer(self) -> None:
        """Only what was trained can be saved."""
        self.save.setEnabled(bool(self.work.added))


def _completed(text: str) -> Path:
    """The path with its suffix; raises ValueError where only the whole name is taken: nobody was asked about it."""
    path = Path(text.removesuffix(SUFFIX) + SUFFIX)
    if not text.endswith(SUFFIX) and path.exists():
        raise ValueError(f"expected a new name, found {path.name} there already; type {SUFFIX} too to replace it")
    return path


def _table() -> QTableWidget:
    table = QTableWidget(0, len(COLUMNS))
    table.setHorizontalHeaderLabels(list(COLUMNS))
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.verticalHeader().setVisible(False)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.setFixedHeight(120)
    return table
