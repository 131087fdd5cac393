"""Before and after arranged in the viewer; every arrangement is undone by calling what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from weakref import ref

from napari.components import ViewerModel
from napari.layers import Layer

from napari_fluorodenoise.widgets.looking.linking import link
from napari_fluorodenoise.widgets.looking.pair import Pair
from napari_fluorodenoise.widgets.looking.swipe import add_swipe
from napari_fluorodenoise.widgets.removal import take_away

__all__ = ["Undo", "before_alone", "in_grid", "in_one_place", "put_above", "under_a_divider"]

Undo = Callable[[], None]


def in_one_place(viewer: ViewerModel, pair: Pair) -> Undo:
    """After above before, both shown."""
    restore = _restoring(viewer, [pair.before, pair.after])
    pair.before.visible = pair.after.visible = True
    put_above(viewer, pair.after, pair.before)
    return restore


def in_grid(viewer: ViewerModel, pair: Pair) -> Undo:
    """Before to the left of after, in napari's grid; nothing else is shown."""
    restore = _restoring(viewer, viewer.layers)
    settings = {name: getattr(viewer.canvas.grid, name) for name in ("enabled", "stride", "shape")}
    put_above(viewer, pair.after, pair.before)
    _show_only(viewer, [pair.before, pair.after])
    viewer.canvas.grid.update({"enabled": True, "stride": 1, "shape": (1, 2)})
    viewer.reset_view()

    def undo() -> None:
        viewer.canvas.grid.update(settings)
        restore()
        viewer.reset_view()

    return undo


def under_a_divider(viewer: ViewerModel, pair: Pair) -> Undo:
    """Before and after in one layer, on either side of a divider; `swipe.slide` moves it. Nothing else is shown."""
    restore = _restoring(viewer, viewer.layers)
    swipe = add_swipe(viewer, pair)
    _show_only(viewer, [swipe])
    link(viewer, pair.before, swipe)

    def undo() -> None:
        take_away(viewer, [swipe])
        restore()

    return undo


def before_alone(viewer: ViewerModel, pair: Pair) -> Undo:
    """Before without after over it."""
    restore = _restoring(viewer, [pair.after])
    pair.after.visible = False
    return restore


def put_above(viewer: ViewerModel, above: Layer, below: Layer) -> None:
    """Move the layer `above` directly over `below`, where it lies under it."""
    layers = viewer.layers
    if layers.index(above) < layers.index(below):
        layers.move(layers.index(above), layers.index(below) + 1)


def _show_only(viewer: ViewerModel, wanted: Iterable[Layer]) -> None:
    for layer in viewer.layers:
        layer.visible = layer in wanted


def _restoring(viewer: ViewerModel, layers: Iterable[Layer]) -> Undo:
    """A call that shows and hides `layers` as they are now, and puts all layers into the order that they have now.

    What is added until then stays where it is; what is deleted is not held on to.
    """
    shown = [(ref(layer), layer.visible) for layer in layers]
    order = [ref(layer) for layer in viewer.layers]

    def restore() -> None:
        for noted, visible in shown:
            if (layer := noted()) is not None:
                layer.visible = visible
        now = list(viewer.layers)
        known = [layer for noted in order if (layer := noted()) in now]
        places = iter(known)
        wanted = [next(places) if layer in known else layer for layer in now]
        if wanted != now:
            viewer.layers.move_multiple([now.index(layer) for layer in wanted], 0)

    return restore
