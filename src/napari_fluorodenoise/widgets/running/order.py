"""What a Run button orders: a recipe on a layer's sequence, bound to both, and the layers that come of it. No Qt."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from napari.types import LayerDataTuple

from napari_fluorodenoise.engine.keep import kept
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.history import History, Step
from napari_fluorodenoise.part import WHOLE, Part
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.video import Run, Table
from napari_fluorodenoise.widgets.layers import (
    current,
    edited,
    is_result,
    part_of,
    record_of,
    results_of,
    run_of,
    source_of,
)

__all__ = ["Order", "script_of"]

FITTING, TRAINING = 0.3, 0.8
"""The share of the work, as the progress has it, that a recipe takes before its blocks: without training, and with."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """A recipe and the run it is for. What the layers are called or replaced by later makes no difference to it.

    `made_from` are the layers, by name, that the recipe reads; `names` of what it adds become layers, the main result
    first.
    """

    recipe: Recipe
    run: Run
    source: Image
    made_from: Mapping[str, Layer]
    names: tuple[str, ...]
    history: History
    step: Step

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        layer: Layer,
        layers: Iterable[Layer],
        *,
        part: Part = WHOLE,
        afresh: bool = False,
        seed: int = 0,
    ) -> Order:
        """The order of `recipe` for what is current in `layer`'s sequence, or, `afresh`, for its frames only.

        `part` is the part of a source that is taken; a result shows its own. Raises ValueError where the recipe does
        not suit the layer.
        """
        layers = list(layers)
        part = part_of(layer, layers) if is_result(layer, layers) else part
        chosen, run = current(layer, layers, part=part), run_of(layer, layers, part=part)
        # what an earlier run left under the names that this one adds is made anew, as layers of its own
        left = {"frames"} if afresh else set(run) - {name for stage in recipe.stages for name in stage.adds(run)}
        run = Run({name: item for name, item in run.items() if name in left}, detector=run.detector)
        reads = recipe.reads(run)
        by_hand = {name: item for name in reads if edited(chosen[name]) and isinstance(item := run[name], Table)}
        source = source_of(layer, layers)
        assert isinstance(source, Image)  # run_of refuses all others
        return cls(
            recipe=recipe,
            run=run,
            source=source,
            made_from={name: chosen[name] for name in reads},
            names=_main_first(recipe, run),
            history=History(source=_expression(source), part=part),
            step=Step(recipe=recipe, seed=seed, edited=by_hand),
        )

    def results_only(self) -> Order:
        """This order with layers for what its last stage adds, and for the pictures and tables of the others."""
        added = self.recipe.check(self.run)
        last = set(self.recipe.stages[-1].adds(self.run))
        return replace(self, names=tuple(name for name in self.names if name in last or added[name].dims != "tyx"))

    def __call__(self, progress: Progress) -> list[LayerDataTuple]:
        """The layers, in the order in which to add them, all computed: looking at them costs the window nothing."""
        began = time.perf_counter()
        rng = np.random.default_rng(self.step.seed)
        # the frames are lazy: what a recipe does by itself is to fit, and its blocks are still to be computed
        fitting = TRAINING if self.recipe.trains else FITTING
        run = self.recipe.run(self.run, progress=portion(progress, 0.0, fitting), rng=rng)
        fitted = time.perf_counter()
        run = kept(run, self.names, progress=portion(progress, fitting, 1.0))
        timings = {"recipe": fitted - began, "computing": time.perf_counter() - fitted}
        record = self._record(run) | {"timings": {stage: round(seconds, 3) for stage, seconds in timings.items()}}
        return results_of(run, self.names, source=self.source, made_from=self.made_from, record=record)

    def _record(self, run: Run) -> dict[str, Any]:
        """What every layer is to remember of how it came to be."""
        step = replace(self.step, recipe=self.recipe.replaying(run))
        before = [record_of(layer)["history"] for layer in self.made_from.values() if "history" in record_of(layer)]
        return {
            "recipe": json.loads(self.recipe.to_json()),
            "seed": self.step.seed,
            "source name": self.source.name,
            "version": version("napari-fluorodenoise"),
            "part": self.history.part,
            "history": self.history.then(step, made_from=before),
            "models": dict(run.models),
            "warnings": () if run.detector is None else run.detector.warnings,
        }


def script_of(layer: Layer, layers: Iterable[Layer]) -> str:
    """The script that makes the layer's data again; among `layers` its source is known by the name it has there now.

    Raises ValueError for a layer that this plugin did not make.
    """
    record = record_of(layer)
    if "history" not in record:
        raise ValueError(f"expected a layer that this plugin made, found {layer.name!r}; select a result")
    history: History = record["history"]
    if is_result(layer, layers):
        history = replace(history, source=_expression(source_of(layer, layers)))
    return history.script(record["name"])


def _main_first(recipe: Recipe, run: Run) -> tuple[str, ...]:
    """All names that `recipe` adds to `run`, what its last stage adds before the others."""
    added, last = recipe.check(run), tuple(recipe.stages[-1].adds(run))
    return (*last, *(name for name in added if name not in last))


def _expression(source: Layer) -> str:
    """What gives the frames of a source again: the file it was read from, how it was simulated, else its layer.

    A layer that was given other pixels since is no longer what was opened.
    """
    record = record_of(source)
    if "made by" in record and record["made"] == id(source.data):
        return str(record["made by"])
    return f"fd.video_of(viewer.layers[{source.name!r}])"
