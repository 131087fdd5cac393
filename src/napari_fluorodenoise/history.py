"""How a result came to be, as a value, and as the script that makes it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from napari_fluorodenoise.part import WHOLE, Part

if TYPE_CHECKING:
    from napari_fluorodenoise.recipe import Recipe
    from napari_fluorodenoise.video import Table

__all__ = ["History", "Step"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """A recipe that was run, with the seed of what was random, and the tables that were edited before, by name."""

    recipe: Recipe
    seed: int = 0
    edited: Mapping[str, Table] | None = None

    def lines(self) -> Iterable[str]:
        """The statements that do this to `run`."""
        for name, table in (self.edited or {}).items():
            yield f"{name} = fd.Table(\n    data=np.array({table.data.tolist()}),\n    columns={table.columns!r},\n)"
            yield f'run = fd.Run({{**run, "{name}": {name}}}, detector=run.detector)'
        yield f'recipe = fd.Recipe.from_json(r"""{self.recipe.to_json()}""")'
        yield f"run = recipe(run, rng=np.random.default_rng({self.seed}))"


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """Where the frames come from, as an expression of Python, which part of them was taken, and what was done to it.

    The expression may use `fd` and `np`, and be `fd.video_of(viewer...)` of the viewer that a script finds open.
    """

    source: str
    part: Part = WHOLE
    steps: tuple[Step, ...] = ()

    def then(self, step: Step, *, made_from: Iterable[History] = ()) -> History:
        """The history of what `step` made from results with the histories `made_from`: theirs, each step once."""
        before = {tuple(earlier.lines()): earlier for history in made_from for earlier in history.steps}
        return replace(self, steps=(*before.values(), step))

    def script(self, name: str) -> str:
        """A script after which `result` is the item `name` of the run: the same pixels, on the same kind of machine."""
        head = [
            f'"""Makes {name!r} again, as napari-fluorodenoise {version("napari-fluorodenoise")} made it."""',
            "import numpy as np",
            "",
            "import napari_fluorodenoise as fd",
            "",
            f"video = {self.source}",
        ]
        if self.source.startswith("fd.video_of(viewer"):
            head[2:2] = ["import napari"]
            head.insert(-1, "viewer = napari.current_viewer()")
        if self.part != WHOLE:
            head.append(f"video = fd.{self.part!r}.of(video)")
        body = [line for step in self.steps for line in ("", *step.lines())]
        return "\n".join([*head, "run = fd.Run.of(video)", *body, "", f'result = run["{name}"]', ""])
