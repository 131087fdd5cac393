"""The ways to learn from noisy frames alone, by name: what a network is shown, and what it is held against.

A scheme sees frames whose noise has variance 1. It is a frozen value; its fields are its options. Laws, for a network
f and the clean frame x, both at the pixels that are held against something:

    E loss(f) = E (f - x)² + noise        (up to the noise that a scheme adds to, or hides from, its input)

so the loss on pixels that were never trained on, less `noise`, estimates the true squared error. The schemes that ask
for noise that is `independent` from pixel to pixel lose this law where it is not: they then learn the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_fluorodenoise.denoisers.schemes.windows import Windows

__all__ = ["CORRELATED", "INDEPENDENT", "SCHEMES", "TOGETHER", "Apply", "Scheme", "beside", "options_of", "scheme"]

HERE = "napari_fluorodenoise.denoisers.schemes"
SCHEMES = {
    "noise2void": f"{HERE}.noise2void:Noise2Void",
    "noise2self": f"{HERE}.noise2self:Noise2Self",
    "self2self": f"{HERE}.self2self:Self2Self",
    "neighbor2neighbor": f"{HERE}.neighbor2neighbor:Neighbor2Neighbor",
    "temporal": f"{HERE}.temporal:Temporal",
    "recorrupted": f"{HERE}.recorrupted:Recorrupted",
    "sure": f"{HERE}.sure:Sure",
    "supervised": f"{HERE}.supervised:Supervised",
}
"""Scheme name -> its module and class, imported when asked for."""
INDEPENDENT = ("noise2void", "noise2self", "self2self", "neighbor2neighbor")
"""The schemes that ask for noise independent from pixel to pixel; they see one frame at a time and need no level."""
TOGETHER = tuple(name for name in SCHEMES if name not in INDEPENDENT)
"""The schemes that see neighbouring frames, or need to know how much noise every pixel holds."""
CORRELATED = 0.1
"""Correlation of neighbouring pixels from which on a scheme for independent noise is out of place."""

Apply = Callable[..., "Tensor"]
"""A network, or what applies one in tiles: (N, inputs, Y, X) to (N, 1, Y, X)."""


class Scheme(Protocol):
    """One way to train a network and to apply it."""

    @property
    def radius(self) -> int:
        """How many frames on either side it needs."""

    @property
    def independent(self) -> bool:
        """Whether it asks for noise that is independent from pixel to pixel."""

    @property
    def inputs(self) -> int:
        """How many channels its network sees."""

    @property
    def centre(self) -> int | None:
        """The channel that holds the frame itself; None where the network must not see it."""

    @property
    def network(self) -> str:
        """The name of the network it is trained with where nobody names another."""

    @property
    def sizes(self) -> Mapping[str, Any]:
        """That network's sizes, where they are not its own."""

    @property
    def noise(self) -> float:
        """The loss of the clean frame: what to take from a loss to have a squared error, in units of the noise."""

    def loss(self, net: Apply, windows: Windows, *, rng: np.random.Generator) -> Tensor:
        """The mean over the pixels that may be trained on, ()."""

    def predict(self, net: Apply, frames: Tensor) -> Tensor:
        """The denoised middle (N, 1, Y, X) of windows `frames` (N, 2 radius + 1, Y, X), the same every time."""

    def left(self, error: float) -> float:
        """The error variance of a prediction whose held-out loss less `noise` is `error`, in units of the noise."""


def beside(autocorrelation: NDArray[np.float64]) -> float:
    """The larger correlation of the noise of neighbouring pixels, of an `autocorrelation` (2r+1, 2r+1)."""
    middle = len(autocorrelation) // 2
    if not middle:
        return 0.0
    return float(max(abs(autocorrelation[middle, middle + 1]), abs(autocorrelation[middle + 1, middle])))


def options_of(name: str) -> tuple[str, ...]:
    """The names of the options of the scheme `name`. Raises ValueError that lists the schemes."""
    return tuple(field.name for field in fields(_class(name)) if field.name != "noise_autocorrelation")


def scheme(name: str, *, noise_autocorrelation: NDArray[np.float64], **options: Any) -> Scheme:
    """The scheme `name` for noise of that autocorrelation (2r+1, 2r+1), with its own `options`.

    Raises ValueError that lists the schemes, or the options of this one.
    """
    known = options_of(name)
    for option in options:
        if option not in known:
            raise ValueError(f"expected options of {name} ({', '.join(known) or 'it has none'}), found {option!r}")
    kind = _class(name)
    given: Mapping[str, Any] = options
    if "noise_autocorrelation" in {field.name for field in fields(kind)}:
        given = {**options, "noise_autocorrelation": noise_autocorrelation}
    made: Scheme = kind(**given)
    return made


def _class(name: str) -> Any:
    if name not in SCHEMES:
        raise ValueError(f"expected a scheme ({', '.join(SCHEMES)}), found {name!r}")
    module, _, kind = SCHEMES[name].partition(":")
    return getattr(import_module(module), kind)
