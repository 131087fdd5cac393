"""Recipes: stages in order, as a value that can be named, written as JSON, changed, checked and run.

    {"recipe": "sdd", "stages": [{"stabilize": {}}, {"decompose": {"rank": 1}}, {"denoise": {...}}, {"fuse": {}}]}

What a stage's JSON leaves out keeps its default. A recipe's result is the main result of its last stage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.progress import Progress, Training, portion, silent
from napari_fluorodenoise.primitives.declaration import mistake
from napari_fluorodenoise.stages import name_of, stage_class
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.stages.stage import Added, Stage
from napari_fluorodenoise.video import Image, Item, Run, Table, Video

if TYPE_CHECKING:
    from napari_fluorodenoise.denoisers.model import Model

__all__ = ["NAMED", "Recipe", "denoise"]

NAMED: Mapping[str, Sequence[Mapping[str, Mapping[str, Any]]]] = {
    "fast": ({"denoise": {"of": ["frames"]}}, {"fuse": {}}),
    # Stabilize, Decompose, Denoise: doi 10.1007/978-3-031-16452-1_2
    # The whole frames are denoised as well: their errors are others, and Fuse weighs the two.
    "sdd": (
        {"stabilize": {}},
        {"decompose": {"rank": 1, "window": 30}},
        {"denoise": {"of": ["background", "foreground"], "radius": 1}},
        {"denoise": {"of": ["frames"], "radius": 2}},
        {"fuse": {"neighbours": 1}},
    ),
    # A network that refines `fast`, trained on the sequence itself; docs/recipes/best.md
    "best": (
        {"stabilize": {}},
        {"denoise": {"of": ["frames"], "denoiser": "best", "training_steps": 800, "turns": 8}},
        {"fuse": {}},
    ),
    # Scintillator decorrelation: doi 10.1088/1361-6501/addc06
    "scintillator": (
        {"decorrelate": {"of": ["frames"]}},
        {"denoise": {"of": ["frames_decorrelated"], "denoiser": "noise2self"}},
        {"fuse": {}},
    ),
}
"""The recipes that have a name, as the stages of their JSON."""

LESSONS = 8
"""How long a stage that trains is taken to be for the progress, in others."""
ON_CPU, ON_GPU = "fast", "best"
"""What `auto` stands for: nobody's first result shall take minutes."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Stages in the order in which they run, under a name; immutable."""

    name: str
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError(f"expected at least one stage in recipe {self.name!r}, found none")

    @classmethod
    def named(cls, name: str) -> Recipe:
        """The recipe called `name`; `auto` is the one for this machine. Raises ValueError that lists the names."""
        if name not in cls.names():
            raise ValueError(f"expected a recipe ({', '.join(cls.names())}), found {name!r}")
        found = _automatic() if name == "auto" else name
        return cls(name=found, stages=tuple(_stage(entry) for entry in NAMED[found]))

    @staticmethod
    def names() -> tuple[str, ...]:
        """The names that `named` knows."""
        return ("auto", *NAMED)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The recipe that `text` describes; raises ValueError naming the key, what it should be and what it is."""
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise ValueError(f"expected a recipe as JSON, found a mistake at {place}: {error.msg}") from None
        if not isinstance(document, dict) or set(document) != {"recipe", "stages"}:
            found = ", ".join(map(repr, document)) if isinstance(document, dict) else json.dumps(document)[:40]
            raise ValueError(f"expected the keys 'recipe' and 'stages' in a recipe, found {found or 'nothing'}")
        name, entries = document["recipe"], document["stages"]
        if not isinstance(name, str) or not isinstance(entries, list):
            raise ValueError("expected a name under 'recipe' and a list under 'stages', found something else")
        return cls(name=name, stages=tuple(_stage(entry) for entry in entries))

    def to_json(self) -> str:
        """This recipe as JSON with every setting, which `from_json` reads back equal; numbers side by side."""
        text = json.dumps(self._document(), indent=2)
        return re.sub(r"\[\n[\s\d,[\]]+\]", lambda numbers: json.dumps(json.loads(numbers[0])), text)

    def _document(self) -> dict[str, Any]:
        entries = [{name_of(s): TypeAdapter(type(s)).dump_python(s, mode="json")} for s in self.stages]
        return {"recipe": self.name, "stages": entries}

    @classmethod
    def of_model(cls, path: Path | str) -> Recipe:
        """The recipe that applies the model at `path`: the one it was trained in, else one of its scheme alone.

        Raises ValueError in one line, for what is no model, or whose recipe is not known.
        """
        from napari_fluorodenoise.denoisers import model

        found = model.header(path)
        plain = {"recipe": found["scheme"], "stages": [{"denoise": {"denoiser": found["scheme"]}}, {"fuse": {}}]}
        try:
            recipe = cls.from_json(json.dumps(found["training"].get("recipe", plain))).applying()
            return recipe.set(f"denoise.model={json.dumps(str(path))}")
        except ValueError as error:
            raise ValueError(
                f"{path}: expected a model whose recipe this version knows, found another: {error}"
            ) from None

    @property
    def trains(self) -> bool:
        """Whether a run trains a network."""
        return any(stage.trains for stage in self.networks)

    @property
    def networks(self) -> tuple[Denoise, ...]:
        """The stages that denoise by a network."""
        return tuple(stage for stage in self.stages if isinstance(stage, Denoise) and stage.by_network)

    def applying(self) -> Recipe:
        """This recipe as it is to be when the model that it trained is applied: it names no model, and no training.

        Raises ValueError where it has not one network, but none or several.
        """
        count = sum(len(stage.of) for stage in self.networks)
        if count != 1:
            raise ValueError(f"expected a recipe with one network, found {self.name}, with {count}; name another")
        return self.set("denoise.model=null", "denoise.continue_training=false", "denoise.schedules=[]")

    def save_model(self, path: Path | str, model: Model, *, files: Sequence[str], seed: int) -> Path:
        """The file at `path` that now holds `model`, which this recipe trained: `of_model` finds the recipe in it.

        `files` are the names of the sequences it was trained on, beside those of the model that was trained further;
        `seed` is that of the training. Raises ValueError where the recipe has not one network, or the file cannot be
        written.
        """
        from napari_fluorodenoise.denoisers.model import header, save

        applying = self.applying()
        earlier = self.networks[0].model
        before = [] if earlier is None else header(earlier)["training"].get("files", [])
        facts = {"recipe": applying._document(), "files": list(dict.fromkeys([*before, *files])), "seed": seed}
        return save(path, replace(model, training={**model.training, **facts}))

    def replaying(self, run: Run) -> Recipe:
        """This recipe with its trainings done as in `run`, which it made: by steps, and no budget ends them.

        With the same seed it makes the same pixels from the same frames, on a CPU.
        """
        again = tuple(stage.replaying(run) if isinstance(stage, Denoise) else stage for stage in self.stages)
        return replace(self, stages=again)

    def set(self, *settings: str) -> Recipe:
        """This recipe with `stage.field=value` settings, which hold for every stage of that name.

        A value is JSON, plain text, or a comma-separated list. Raises ValueError naming what is wrong, with choices.
        """
        changes: dict[str, dict[str, str]] = {}
        for setting in settings:
            target, equals, text = setting.partition("=")
            name, _, field = target.partition(".")
            if not (equals and name and field):
                raise ValueError(f"expected a setting stage.field=value, found {setting!r}")
            changes.setdefault(name, {})[field] = text
        names = [name_of(stage) for stage in self.stages]
        for name in changes:
            if name not in names:
                raise ValueError(f"expected a stage of recipe {self.name} ({', '.join(names)}), found {name!r}")
        return replace(self, stages=tuple(_changed(s, changes.get(name_of(s), {})) for s in self.stages))

    def check(self, source: Video | Run) -> dict[str, Added]:
        """What a run of this recipe will add to `source`, by name; nothing is computed.

        Raises ValueError where a stage lacks what it reads, a name is taken, or `source` is a single frame.
        """
        return {name: what for _, added in self._plan(Run.of(source)) for name, what in added.items()}

    def reads(self, source: Video | Run) -> tuple[str, ...]:
        """The names of all in `source` that the results are made from, as a stage says it; ValueError as in `check`."""
        run = Run.of(source)
        names = dict.fromkeys(name for read, _ in self._plan(run) for name in read if name in run)
        return tuple(sorted(names, key=lambda name: not isinstance(run[name], Video)))

    def result(self, source: Video | Run) -> str:
        """The name under which a run of this recipe on `source` will hold its result: a video, or ValueError."""
        _, added = self._plan(Run.of(source))[-1]
        name, what = next(iter(added.items()))
        if what.dims != "tyx":
            raise ValueError(
                f"expected a recipe that ends with a sequence, found {name!r} ({what.dims}); end it with fuse"
            )
        return name

    def run(self, source: Video | Run, *, progress: Progress = silent, rng: np.random.Generator | None = None) -> Run:
        """The run after all stages, lazy where `source` is lazy; checked before anything is computed."""
        run = Run.of(source)
        self.check(run)
        shares = [LESSONS if isinstance(stage, Denoise) and stage.trains else 1 for stage in self.stages]
        for index, stage in enumerate(self.stages):
            part = portion(progress, sum(shares[:index]) / sum(shares), sum(shares[: index + 1]) / sum(shares))
            with pieces.part_of(f"{index} {name_of(stage)}"):
                run = stage(run, progress=_titled(part, name_of(stage)), rng=rng)
        return run

    __call__ = run

    def _plan(self, run: Run) -> list[tuple[tuple[str, ...], dict[str, Added]]]:
        """What each stage reads and what it adds, found by giving the next one empty stand-ins."""
        like = next(item for item in run.values() if isinstance(item, Video))
        if like.shape[0] < 2:
            raise ValueError("expected a sequence of at least two frames, found one; noise is told from frame to frame")
        planned = []
        for stage in self.stages:
            try:
                stage.videos(run)
                read, added = stage.reads(run), stage.adds(run)
                run = run.adding({name: _stand_in(what, like) for name, what in added.items()})
            except ValueError as error:
                raise ValueError(f"recipe {self.name}, stage {name_of(stage)}: {error}") from None
            planned.append((read, added))
        return planned


def denoise(
    video: Video,
    *,
    recipe: str | Recipe = "auto",
    progress: Progress = silent,
    rng: np.random.Generator | None = None,
) -> Video:
    """The denoised sequence (T, Y, X) in the dtype and units of `video`, lazy where `video` is lazy.

    `recipe` is a name or a Recipe. Raises ValueError where the recipe does not suit the video.
    """
    chosen = Recipe.named(recipe) if isinstance(recipe, str) else recipe
    result = chosen.result(video)
    return chosen.run(video, progress=progress, rng=rng).video(result)


def _automatic() -> str:
    """The recipe that `auto` stands for here. Only where a GPU's driver is, torch is asked whether it can use it."""
    if which("nvidia-smi") is None:
        return ON_CPU
    import torch

    return ON_GPU if torch.cuda.is_available() else ON_CPU


def _stage(entry: Any) -> Stage:
    """The stage that one entry {name: settings} of a recipe's JSON describes."""
    if not isinstance(entry, Mapping) or len(entry) != 1:
        raise ValueError(f'expected a stage as {{"name": {{settings}}}}, found {json.dumps(entry)[:60]}')
    ((name, settings),) = entry.items()
    if not isinstance(settings, Mapping):
        raise ValueError(f"expected the settings of {name} as {{}}, found {json.dumps(settings)[:60]}")
    return _validated(stage_class(name), name, settings)


def _changed(stage: Stage, changes: Mapping[str, str]) -> Stage:
    values = {field: _value(text, like=getattr(stage, field, None)) for field, text in changes.items()}
    return _validated(partial(replace, stage), name_of(stage), values)  # type: ignore[type-var]


def _value(text: str, *, like: Any) -> Any:
    """The value that `text` on a command line stands for: JSON, else a list where the field holds one, else itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [part.strip() for part in text.split(",") if part] if isinstance(like, tuple) else text


def _validated(make: Callable[..., Stage], name: str, settings: Mapping[str, Any]) -> Stage:
    """The stage made with `settings`; pydantic's report becomes a ValueError of one line."""
    try:
        return make(**settings)
    except ValidationError as error:
        known = signature(stage_class(name)).parameters
        raise ValueError(mistake(error, name=name, settings=lambda _: known)) from None


def _titled(progress: Progress, title: str) -> Progress:
    def titled(fraction: float, message: str, training: Training | None = None) -> None:
        progress(fraction, f"{title}: {message}", training)

    return titled


def _stand_in(what: Added, like: Video) -> Item:
    """An item of the promised kind that holds no memory."""
    empty = np.zeros((), what.dtype)
    if what.dims == "tyx":
        return like.with_data(np.broadcast_to(empty, like.shape))
    if what.dims == "yx":
        return Image(data=np.broadcast_to(empty, like.shape[1:]))
    return Table(data=np.zeros((like.shape[0], 0)), columns=())
