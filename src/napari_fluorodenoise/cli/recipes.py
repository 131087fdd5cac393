"""`fluorodenoise recipe` and `check`: recipes as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from napari_fluorodenoise.cli.errors import naming
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages import name_of
from napari_fluorodenoise.video import Video

__all__ = ["check", "load", "recipe"]

RECIPE = typer.Argument(metavar="NAME|FILE.json", help="A named recipe, or a file that holds one.")


def recipe(
    name: Annotated[str | None, typer.Argument(help="A named recipe; all are listed without one.")] = None,
) -> None:
    """List the named recipes, or print one as JSON to be edited."""
    if name is not None:
        print(Recipe.named(name).to_json())
        return
    for known in Recipe.names():
        chosen = Recipe.named(known)
        steps = f"stands for {chosen.name}" if known != chosen.name else ", ".join(map(name_of, chosen.stages))
        print(f"{known:12}{steps}")


def check(
    recipe: Annotated[str, RECIPE],
    source: Annotated[
        Path | None, typer.Argument(metavar="[IN]", help="A sequence to check the recipe against.")
    ] = None,
) -> None:
    """Check a recipe, and that it suits a sequence, without running it; print what it would add."""
    chosen = load(recipe)
    if source is None:
        _tell(chosen, Video(data=np.zeros((2, 1, 1), np.float32)))
        return
    from napari_fluorodenoise.io import read

    with naming(source):
        _tell(chosen, read(source))


def _tell(recipe: Recipe, video: Video) -> None:
    added = recipe.check(video)
    for name, what in added.items():
        print(f"{name:24}{what.dims:6} {what.dtype!s:8} {what.units}")
    print(f"recipe {recipe.name} is sound; its result is {recipe.result(video)}")


def load(recipe: str) -> Recipe:
    """The named recipe, or the one in a JSON file; raises ValueError naming the file."""
    if not recipe.endswith(".json"):
        return Recipe.named(recipe)
    try:
        return Recipe.from_json(Path(recipe).read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{recipe}: {reason}") from None
