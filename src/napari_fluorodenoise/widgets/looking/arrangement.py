"""Before and after arranged in the viewer; every arrangement is undone by calling what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from napari.components import ViewerModel
from napari.layers import Layer

from napari_fluorodenoise.widgets.looking.pair import Pair, link
from napari_fluorodenoise.widgets.looking.swipe import add_swipe
from napari_fluorodenoise.widgets.removal import take_away

__all__ = ["Undo", "in_grid", "in_one_place", "under_a_divider"]

Undo = Callable[[], None]


def in_one_place(viewer: ViewerModel, pair: Pair) -> Undo:
    """After above before, both shown."""
    pair.before.visible = pair.after.visible = True
    _put_above(viewer, pair.after, pair.before)
    return lambda: None


def in_grid(viewer: ViewerModel, pair: Pair) -> Undo:
    """Before to the left of after, in napari's grid; nothing else is shown."""
    settings = {name: getattr(viewer.canvas.grid, name) for name in ("enabled", "stride", "shape")}
    _put_above(viewer, pair.after, pair.before)
    show_again = _only(viewer, [pair.before, pair.after])
    viewer.canvas.grid.update({"enabled": True, "stride": 1, "shape": (1, 2)})
    viewer.reset_view()

    def undo() -> None:
        viewer.canvas.grid.update(settings)
        viewer.reset_view()
        show_again()

    return undo


def under_a_divider(viewer: ViewerModel, pair: Pair) -> Undo:
    """Before and after in one layer, on either side of a divider; `swipe.slide` moves it. Nothing else is shown."""
    swipe = add_swipe(viewer, pair)
    show_again = _only(viewer, [swipe])
    link(viewer, pair.before, swipe)

    def undo() -> None:
        take_away(viewer, [swipe])
        show_again()

    return undo


def _only(viewer: ViewerModel, wanted: Iterable[Layer]) -> Undo:
    """Hide all layers but the `wanted`."""
    hidden = [layer for layer in viewer.layers if layer.visible and layer not in wanted]
    for layer in viewer.layers:
        layer.visible = layer in wanted

    def show_again() -> None:
        for layer in hidden:
            layer.visible = True

    return show_again


def _put_above(viewer: ViewerModel, above: Layer, below: Layer) -> None:
    layers = viewer.layers
    if layers.index(above) < layers.index(below):
        layers.move(layers.index(above), layers.index(below) + 1)
