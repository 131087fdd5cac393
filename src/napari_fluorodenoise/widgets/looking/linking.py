"""One contrast for several layers, from now on."""

from __future__ import annotations

from collections.abc import Iterable

from napari.components import ViewerModel
from napari.experimental import link_layers, unlink_layers
from napari.layers import Image
from napari.utils.events import Event

__all__ = ["link", "unlink"]

LINKED = ("contrast_limits", "gamma")


def link(viewer: ViewerModel, *layers: Image) -> frozenset[str]:
    """What of the contrast of `layers` was not linked yet, by the user or by us: nothing where they had one contrast.

    All get the contrast of the first, now and later, until they are unlinked; a deleted layer is linked to nothing.
    """
    first, *others = layers
    for other in others:
        other.contrast_limits, other.gamma = first.contrast_limits, first.gamma
    viewer.layers.events.removed.connect(_let_go)
    return frozenset(attribute for _, _, attribute in link_layers(layers, LINKED))


def unlink(*layers: Image, attributes: Iterable[str] = LINKED) -> None:
    """Let `layers` have contrasts of their own, or only those `attributes` of it."""
    attributes = tuple(attributes)
    if attributes:  # of none, napari would make all
        unlink_layers(layers, attributes)


def _let_go(event: Event) -> None:
    unlink_layers([event.value], LINKED)
