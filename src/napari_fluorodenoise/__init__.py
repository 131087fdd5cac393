"""Denoise X-ray fluoroscopy sequences without clean training data.

    import napari_fluorodenoise as fd

    clean = fd.denoise(fd.read("run.dcm"))

Names are imported when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_fluorodenoise.io import read as read
    from napari_fluorodenoise.io import write as write
    from napari_fluorodenoise.part import Part as Part
    from napari_fluorodenoise.physics.calibration import Calibration as Calibration
    from napari_fluorodenoise.physics.chain import ImagingChain as ImagingChain
    from napari_fluorodenoise.physics.detector import measure as measure
    from napari_fluorodenoise.physics.phantom import phantom as phantom
    from napari_fluorodenoise.recipe import Recipe as Recipe
    from napari_fluorodenoise.recipe import denoise as denoise
    from napari_fluorodenoise.stages.decompose import Decompose as Decompose
    from napari_fluorodenoise.stages.decorrelate import Decorrelate as Decorrelate
    from napari_fluorodenoise.stages.denoise import Denoise as Denoise
    from napari_fluorodenoise.stages.fuse import Fuse as Fuse
    from napari_fluorodenoise.stages.stabilize import Stabilize as Stabilize
    from napari_fluorodenoise.video import Run as Run
    from napari_fluorodenoise.video import Table as Table
    from napari_fluorodenoise.video import Video as Video
    from napari_fluorodenoise.widgets.layers import video_of as video_of
    from napari_fluorodenoise.widgets.show import open_in as open_in

_HOME = {
    "Calibration": "physics.calibration",
    "Decompose": "stages.decompose",
    "Decorrelate": "stages.decorrelate",
    "Denoise": "stages.denoise",
    "Fuse": "stages.fuse",
    "ImagingChain": "physics.chain",
    "Part": "part",
    "Recipe": "recipe",
    "Run": "video",
    "Stabilize": "stages.stabilize",
    "Table": "video",
    "Video": "video",
    "denoise": "recipe",
    "measure": "physics.detector",
    "open_in": "widgets.show",
    "phantom": "physics.phantom",
    "read": "io",
    "video_of": "widgets.layers",
    "write": "io",
}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-fluorodenoise")
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
