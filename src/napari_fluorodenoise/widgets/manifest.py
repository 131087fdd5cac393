"""What `napari.yaml` names: the reader, the sample data, and a widget per stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluorodenoise.widgets.layers import opened
from napari_fluorodenoise.widgets.show import read_layers

if TYPE_CHECKING:
    from napari.types import LayerDataTuple

    from napari_fluorodenoise.widgets.job import Step
    from napari_fluorodenoise.widgets.stage import StageWidget

__all__ = ["get_reader"]


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerDataTuple]] | None:
    """A function from a path to layers; None for several paths at once, and for folders that are no zarr."""
    if not isinstance(path, str) or (Path(path).is_dir() and Path(path).suffix.lower() != ".zarr"):
        return None
    return read_layers


def still_phantom() -> list[LayerDataTuple]:
    """A simulated sequence under a still detector: a wire, beating vessels, breathing."""
    return _phantom("phantom", photons=60, pan=0)


def panning_phantom() -> list[LayerDataTuple]:
    """A simulated sequence under a detector that moves by two pixels per frame."""
    return _phantom("panning phantom", photons=60, pan=2)


def low_dose_phantom() -> list[LayerDataTuple]:
    """A simulated sequence of ten quanta per pixel."""
    return _phantom("low-dose phantom", photons=10, pan=0)


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


def subtract() -> StageWidget:
    """The widget that subtracts a mask frame."""
    from napari_fluorodenoise.widgets.subtraction import Subtract

    return _widget(Subtract)


def _phantom(name: str, *, photons: float, pan: float) -> list[LayerDataTuple]:
    from napari_fluorodenoise.physics.phantom import phantom

    return [opened(phantom(frames=48, shape=(256, 256), photons=photons, pan=pan, rng=0).noisy, name=name)]


def _stage_widget(name: str) -> StageWidget:
    from napari_fluorodenoise.stages import stage_class

    return _widget(stage_class(name))


def _widget(declaration: type[Step]) -> StageWidget:
    from napari import current_viewer

    from napari_fluorodenoise.widgets.stage import StageWidget

    viewer = current_viewer()
    if viewer is None:
        raise RuntimeError("expected an open napari viewer, found none; open one first")
    return StageWidget(viewer, declaration)
