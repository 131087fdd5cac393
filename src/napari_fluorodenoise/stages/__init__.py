"""The stages by name: where recipes, `--set` and the widgets look them up. A new stage adds its line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_fluorodenoise.stages.stage import Stage

__all__ = ["STAGES", "name_of", "stage_class"]

STAGES = {
    "stabilize": "napari_fluorodenoise.stages.stabilize.Stabilize",
    "decompose": "napari_fluorodenoise.stages.decompose.Decompose",
    "decorrelate": "napari_fluorodenoise.stages.decorrelate.Decorrelate",
    "denoise": "napari_fluorodenoise.stages.denoise.Denoise",
    "fuse": "napari_fluorodenoise.stages.fuse.Fuse",
}
"""Stage name -> where its class is, imported when asked for; in the order in which they usually run."""


def stage_class(name: str) -> type[Stage]:
    """The class of the stage called `name`; raises ValueError that lists the stages there are."""
    if name not in STAGES:
        raise ValueError(f"expected a stage ({', '.join(STAGES)}), found {name!r}")
    module, _, attribute = STAGES[name].rpartition(".")
    found: type[Stage] = getattr(import_module(module), attribute)
    return found


def name_of(stage: Stage) -> str:
    """The name that recipes use for `stage`: its class's name in lower case."""
    return type(stage).__name__.lower()
