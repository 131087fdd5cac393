"""What `napari.yaml` names: the reader, the sample data, and the widgets. Importing it loads no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari_fluorodenoise.widgets.layers import opened
from napari_fluorodenoise.widgets.preferences import NAME
from napari_fluorodenoise.widgets.show import read_layers
from napari_fluorodenoise.widgets.waiting import waiting_for

if TYPE_CHECKING:
    from napari.types import LayerDataTuple
    from napari.viewer import Viewer

    from napari_fluorodenoise.stages.stage import Stage
    from napari_fluorodenoise.widgets.recipe import RecipeWidget
    from napari_fluorodenoise.widgets.stage import StageWidget
    from napari_fluorodenoise.widgets.training import TrainingWidget

__all__ = ["get_reader", "prefer"]

DICOM = ("*.dcm", "*.dicom", "*.ima")
"""Of these napari's own reader claims the first two."""


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerDataTuple]]:
    """The function that reads files and folders: any that napari asks about, since reading says what is wrong."""
    return read_each


def read_each(path: str | Sequence[str]) -> list[LayerDataTuple]:
    """A layer for the sequence in every file or folder of frames; raises ValueError or OSError where there is none."""
    return [layer for one in ([path] if isinstance(path, str) else path) for layer in read_layers(one)]


def prefer() -> None:
    """Have napari open DICOM files with this plugin, without asking; Preferences > Plugins lists it and undoes it."""
    from napari.settings import get_settings
    from napari.utils.notifications import show_info

    plugins = get_settings().plugins
    patterns = [spelt for pattern in DICOM for spelt in (pattern, pattern.upper())]  # napari minds the case
    plugins.extension2reader = {**plugins.extension2reader, **dict.fromkeys(patterns, NAME)}
    show_info(f"{', '.join(DICOM)} open with Fluoroscopy denoise from now on; Preferences > Plugins undoes it")


def still_phantom() -> list[LayerDataTuple]:
    """A simulated sequence under a still detector: a wire, beating vessels, breathing."""
    return _phantom("phantom", photons=60, pan=0)


def panning_phantom() -> list[LayerDataTuple]:
    """A simulated sequence under a detector that moves by two pixels per frame."""
    return _phantom("panning phantom", photons=60, pan=2)


def low_dose_phantom() -> list[LayerDataTuple]:
    """A simulated sequence of ten quanta per pixel."""
    return _phantom("low-dose phantom", photons=10, pan=0)


def fluoroscopy() -> RecipeWidget:
    """The widget that runs a whole recipe."""
    from napari_fluorodenoise.widgets.recipe import RecipeWidget

    return RecipeWidget(_viewer())


def training() -> TrainingWidget:
    """The widget that trains a network, and keeps it."""
    from napari_fluorodenoise.widgets.training import TrainingWidget

    return TrainingWidget(_viewer())


def stabilize() -> StageWidget:
    """The widget of the stage Stabilize."""
    return _stage_widget("stabilize")


def decompose() -> StageWidget:
    """The widget of the stage Decompose."""
    return _stage_widget("decompose")


def decorrelate() -> StageWidget:
    """The widget of the stage Decorrelate."""
    return _stage_widget("decorrelate")


def denoise() -> StageWidget:
    """The widget of the stage Denoise."""
    return _stage_widget("denoise")


def fuse() -> StageWidget:
    """The widget of the stage Fuse."""
    return _stage_widget("fuse")


def _phantom(name: str, **settings: float) -> list[LayerDataTuple]:
    from napari_fluorodenoise.physics.phantom import phantom

    asked: dict[str, Any] = {"frames": 48, "shape": (256, 256), **settings, "rng": 0}
    video = waiting_for(lambda _: phantom(**asked), title=f"Simulating a {name}").noisy
    words = ", ".join(f"{key}={value!r}" for key, value in asked.items())
    return [opened(video, name=name, made_by=f"fd.phantom({words}).noisy")]


def _stage_widget(name: str) -> StageWidget:
    from napari_fluorodenoise.stages import stage_class

    return _widget(stage_class(name))


def _widget(declaration: type[Stage]) -> StageWidget:
    from napari_fluorodenoise.widgets.stage import StageWidget

    return StageWidget(_viewer(), declaration)


def _viewer() -> Viewer:
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is None:
        raise RuntimeError("expected an open napari viewer, found none; open one first")
    return viewer
