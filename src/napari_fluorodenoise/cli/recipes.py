"""`fluorodenoise recipe` and `check`: recipes as files; and what other commands' options make of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluorodenoise.cli.errors import naming
from napari_fluorodenoise.stages import name_of

if TYPE_CHECKING:
    from napari_fluorodenoise.engine.progress import Progress
    from napari_fluorodenoise.recipe import Recipe
    from napari_fluorodenoise.video import Video

__all__ = ["Budget", "Settings", "adjusted", "check", "load", "recipe"]

RECIPE = typer.Argument(metavar="NAME|FILE.json", help="A named recipe, or a file that holds one.")
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="STAGE.FIELD=VALUE", help="Change a setting; may be repeated.")
]
Budget = Annotated[float | None, typer.Option(metavar="SECONDS", help="End the training of a network after so long.")]


def recipe(
    name: Annotated[str | None, typer.Argument(help="A named recipe; all are listed without one.")] = None,
) -> None:
    """List the named recipes, or print one as JSON to be edited."""
    from napari_fluorodenoise.recipe import Recipe

    if name is not None:
        print(Recipe.named(name).to_json())
        return
    for known in Recipe.names():
        chosen = Recipe.named(known)
        steps = f"stands for {chosen.name}" if known != chosen.name else ", ".join(map(name_of, chosen.stages))
        print(f"{known:14}{steps}")


def check(
    recipe: Annotated[str, RECIPE],
    source: Annotated[
        Path | None, typer.Argument(metavar="[IN]", help="A sequence to check the recipe against.")
    ] = None,
) -> None:
    """Check a recipe, and that it suits a sequence, without running it; print what it would add, and take."""
    import numpy as np

    from napari_fluorodenoise.cli.bar import bars
    from napari_fluorodenoise.io import read
    from napari_fluorodenoise.video import Video

    chosen = load(recipe)
    if source is None:
        _tell(chosen, Video(data=np.zeros((2, 1, 1), np.float32)))
        return
    with naming(source), bars() as start:
        video = read(source)
        _tell(chosen, video)
        _tell_effort(chosen, video, progress=start("trying a part"))


def _tell(recipe: Recipe, video: Video) -> None:
    added = recipe.check(video)
    for name, what in added.items():
        print(f"{name:24}{what.dims:6} {what.dtype!s:8} {what.units}")
    print(f"recipe {recipe.name} is sound; its result is {recipe.result(video)}")


def _tell_effort(recipe: Recipe, video: Video, *, progress: Progress) -> None:
    """Seconds and memory that `recipe` takes on `video`, beside what is free; too little is warned of on stderr."""
    from napari_fluorodenoise.effort import effort
    from napari_fluorodenoise.engine.progress import portion
    from napari_fluorodenoise.engine.room import free
    from napari_fluorodenoise.physics.detector import measured
    from napari_fluorodenoise.video import Run

    run = measured(Run.of(video), progress=portion(progress, 0.0, 0.5))
    needed, left = effort(recipe, run, progress=portion(progress, 0.5, 1.0)), free()
    print(f"it takes {needed} of {left / 1e9:.1f} GB that are free")
    lacking = needed.lacking(left)
    if lacking is not None:
        print(f"fluorodenoise: {lacking}", file=sys.stderr)


def load(recipe: str) -> Recipe:
    """The named recipe, or the one in a JSON file; raises ValueError naming the file."""
    from napari_fluorodenoise.recipe import Recipe

    file = Path(recipe)
    if recipe in Recipe.names() or not (file.suffix == ".json" or file.is_file()):
        return Recipe.named(recipe)
    try:
        return Recipe.from_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{recipe}: expected a recipe as JSON, found none ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{recipe}: expected a recipe as JSON, found no text") from None
    except ValueError as error:
        raise ValueError(f"{recipe}: {error}") from None


def adjusted(recipe: Recipe, **settings: object) -> Recipe:
    """`recipe` with the `settings` of Denoise that are not None; ValueError where it trains no network to heed them."""
    given = {name: value for name, value in settings.items() if value is not None}
    if given and not recipe.networks:
        named = ", ".join(given)
        raise ValueError(f"expected a recipe that trains a network, for {named}, found {recipe.name}; name another")
    return recipe.set(*(f"denoise.{name}={json.dumps(value, default=str)}" for name, value in given.items()))
