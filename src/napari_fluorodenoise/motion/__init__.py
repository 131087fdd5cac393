"""How the view moves: flow estimators and the mode of their fields, offsets frame by frame, and the canvas.

The canvas is where a sequence holds still. An estimator is a module here with a function `dense_flow(fixed, moving)`;
a new one adds its name to `Estimator`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    DenseFlow = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]

__all__ = ["Estimator", "estimator"]

Estimator = Literal["dis", "ilk", "tvl1", "phase"]
"""The names of the flow estimators; the first is the fastest that is accurate."""


def estimator(name: Estimator) -> DenseFlow:
    """The flow estimator called `name`: (fixed, moving) -> displacement (Y, X, 2) in px."""
    found: DenseFlow = import_module(f"napari_fluorodenoise.motion.{name}").dense_flow
    return found
