"""Sequences and runs in a viewer: the one way in, for scripts, readers, widgets and the demo."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image, Layer

from napari_fluorodenoise.widgets.layers import opened, results_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.types import LayerDataTuple

    from napari_fluorodenoise.video import Run

__all__ = ["add", "open_in", "read_layers", "show"]


def open_in(
    viewer: ViewerModel, source: str | Path | Run, *, name: str | None = None, result: str | None = None
) -> list[Layer]:
    """The layers added to `viewer` for the sequence in a file, or for a run's frames and every result of it.

    A file is read lazily, with scale, units, axis labels and contrast; `viewer.open(path)` takes napari's own reader
    instead, which shows one frame of a multi-frame DICOM. The layers are called after the file or `name`. Of a run's
    results only `result`, or else the first, is visible, on top; lazy ones are computed here and now.
    """
    from napari_fluorodenoise.engine.keep import kept

    if isinstance(source, str | Path):
        return add(viewer, read_layers(source, name=name))
    (frames,) = add(viewer, [opened(source.video("frames"), name=name or "frames")])
    assert isinstance(frames, Image)
    names = sorted(set(source) - {"frames"}, key=[result, *source].index)
    made = results_of(kept(source, names), names, source=frames)
    return [frames, *add(viewer, made)]


def show(run: Run, *, name: str, result: str) -> None:
    """Open a window with the layers of `run`, and return when it is closed."""
    import napari

    open_in(napari.Viewer(), run, name=name, result=result)
    napari.run()


def read_layers(path: str | Path, *, name: str | None = None) -> list[LayerDataTuple]:
    """The sequence in `path` as one lazy image layer; raises ValueError or OSError where there is none."""
    from napari_fluorodenoise.io import read

    file = Path(path).absolute()
    return [opened(read(file), name=name or file.stem.removesuffix(".ome"), made_by=f"fd.read({str(file)!r})")]


def add(viewer: ViewerModel, layers: Iterable[LayerDataTuple]) -> list[Layer]:
    """The layers added to `viewer`, the last one on top."""
    return [viewer.add_layer(Layer.create(*layer)) for layer in layers]
