"""What `napari.yaml` names: the reader, the sample data, and the widgets. Importing it loads no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluorodenoise.engine.progress import Cancelled, Progress
from napari_fluorodenoise.widgets.layers import opened
from napari_fluorodenoise.widgets.preferences import NAME
from napari_fluorodenoise.widgets.show import read_layers
from napari_fluorodenoise.widgets.waiting import waiting_for

if TYPE_CHECKING:
    from napari.types import LayerDataTuple
    from napari.viewer import Viewer

    from napari_fluorodenoise.stages.stage import Stage
    from napari_fluorodenoise.widgets.docks.recipe import RecipeWidget
    from napari_fluorodenoise.widgets.docks.stage import StageWidget
    from napari_fluorodenoise.widgets.docks.training import TrainingWidget

__all__ = ["front_viewer", "get_reader", "prefer"]

DICOM = ("*.dcm", "*.dicom", "*.ima")
"""Of these napari's own reader claims the first two."""


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[Any]] | None:
    """The function that reads `path`, a file or folder or several; None where the first is surely nothing for us.

    What merely may be wrong is not declined: reading it says what is wrong.
    """
    first = Path(path if isinstance(path, str) else path[0])
    try:
        foreign = _foreign_folder(first) if first.is_dir() else _foreign_file(first)
    except OSError:
        foreign = False
    return None if foreign else read_each


def read_each(path: str | Sequence[str]) -> list[Any]:
    """A layer for the sequence in every file or folder of frames; raises ValueError or OSError where there is none.

    Where the user stopped it, `[(None,)]`: no layers, as napari has it.
    """
    layers = []
    try:
        for one in [path] if isinstance(path, str) else path:
            layers += waiting_for(partial(_read, one), title=f"Opening {Path(one).name}")
    except Cancelled:
        return [(None,)]
    return layers


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
    from napari_fluorodenoise.widgets.docks.recipe import RecipeWidget

    return RecipeWidget(front_viewer())


def training() -> TrainingWidget:
    """The widget that trains a network, and keeps it."""
    from napari_fluorodenoise.widgets.docks.training import TrainingWidget

    return TrainingWidget(front_viewer())


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


def front_viewer() -> Viewer:
    """The viewer in front; raises RuntimeError where none is open."""
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is None:
        raise RuntimeError("expected an open napari viewer, found none; open one first")
    return viewer


def _read(path: str, progress: Progress) -> list[LayerDataTuple]:
    layers = read_layers(path)
    progress(1.0, "read")  # a file is read in one go, so Cancel drops what came of it
    return layers


def _foreign_file(path: Path) -> bool:
    """True for a file that neither its name nor its content makes one of ours."""
    from napari_fluorodenoise.io import FORMATS

    if path.suffix.lower() in {*FORMATS, ".ima"} - {""} or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] != b"DICM"


def _foreign_folder(path: Path) -> bool:
    """True for a folder that is no OME-Zarr and holds nothing that may be a frame; only names are looked at."""
    from napari_fluorodenoise.io.files import OURS
    from napari_fluorodenoise.io.folder import KINDS

    inside = any(file.name in OURS or file.suffix.lower() in KINDS for file in path.iterdir())
    return not inside and path.suffix.lower() != ".zarr"


def _phantom(name: str, **settings: float) -> list[LayerDataTuple]:
    from napari_fluorodenoise.physics.phantom import phantom

    asked: dict[str, Any] = {"frames": 48, "shape": (256, 256), **settings, "rng": 0}
    video = waiting_for(lambda _: phantom(**asked), title=f"Simulating a {name}", cancelable=False).noisy
    words = ", ".join(f"{key}={value!r}" for key, value in asked.items())
    return [opened(video, name=name, made_by=f"fd.phantom({words}).noisy")]


def _stage_widget(name: str) -> StageWidget:
    from napari_fluorodenoise.stages import stage_class

    return _widget(stage_class(name))


def _widget(declaration: type[Stage]) -> StageWidget:
    from napari_fluorodenoise.widgets.docks.stage import StageWidget

    return StageWidget(front_viewer(), declaration)
