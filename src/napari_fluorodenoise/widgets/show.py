"""A run in a napari window of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Layer

from napari_fluorodenoise.widgets.layers import layer_of, opened

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_fluorodenoise.video import Run

__all__ = ["add_run", "show"]


def show(run: Run, *, name: str, result: str) -> None:
    """Open a window with the layers of `run`, and return when it is closed."""
    import napari

    add_run(napari.Viewer(), run, name=name, result=result)
    napari.run()


def add_run(viewer: ViewerModel, run: Run, *, name: str, result: str) -> None:
    """Add the frames of `run` to `viewer` under `name`, and a layer per result; only they and `result` are visible."""
    source = Layer.create(*opened(run.video("frames"), name=name))
    assert isinstance(source, Image)
    viewer.add_layer(source)
    for added in (other for other in run if other not in ("frames", result)):
        viewer.add_layer(Layer.create(*layer_of(run[added], name=added, source=source, detector=run.detector)))
        viewer.layers[-1].visible = False
    viewer.add_layer(Layer.create(*layer_of(run[result], name=result, source=source, detector=run.detector)))
