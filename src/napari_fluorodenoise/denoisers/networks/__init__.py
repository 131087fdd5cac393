"""The networks by name: where a scheme looks them up. A new network adds its line here.

Importing this module does not import torch; making a network does. Every network is a `Network` (`networks.parts`):
pictures (N, inputs, Y, X) to pictures (N, 1, Y, X), of any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_fluorodenoise.denoisers.networks.parts import Network

__all__ = ["NETWORKS", "Kind", "network"]


@dataclass(frozen=True)
class Kind:
    """Where a network's class is, as "module:class" below this package, and the sizes that make it this kind."""

    where: str
    sizes: Mapping[str, Any] = field(default_factory=dict)


NETWORKS = {
    "unet": Kind("unet:UNet", {"channels": 32, "depth": 2, "fold": 1}),
    "unshuffled": Kind("unet:UNet", {"channels": 24, "depth": 2, "fold": 2}),
    "student": Kind("unet:UNet", {"channels": 16, "depth": 2, "fold": 2}),
    "refiner": Kind("unet:UNet", {"channels": 24, "depth": 2, "fold": 2, "change_only": True}),
    "dncnn": Kind("dncnn:DnCNN"),
    "fusion": Kind("fusion:Fusion"),
    "self2self": Kind("self2self:Self2Self", {"channels": 24, "depth": 4}),  # a seventh of the work of the paper's
}
"""Network name -> its class and sizes; the class is imported when asked for."""


def network(name: str, *, seed: int, inputs: int = 1, centre: int | None = None, **sizes: Any) -> Network:
    """The network `name`, untrained; the same `seed` gives the same weights, and no other randomness is touched.

    `centre` is the channel that is to be denoised; None where the network is not shown it. `sizes` are the class's own
    arguments; `network(name, seed=0, **net.settings)` is a network like `net`.
    """
    import torch

    if name not in NETWORKS:
        raise ValueError(f"expected a network ({', '.join(NETWORKS)}), found {name!r}; name one of them")
    module, _, cls = NETWORKS[name].where.partition(":")
    made = getattr(import_module(f"{__name__}.{module}"), cls)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        net: Network = made(inputs=inputs, centre=centre, **{**NETWORKS[name].sizes, **sizes})
    return net
