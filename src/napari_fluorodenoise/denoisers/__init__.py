"""The denoisers by name: where Denoise looks them up. A new denoiser adds its line here.

A denoiser's module has `SETTINGS`, the names of the settings that are its own, and

    fit(run, name, *, progress, rng, **settings) -> Fitted    the denoiser for one video of the run

Training, where there is any, is a fit. The schemes of training share one module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from napari_fluorodenoise.denoisers.schemes import SCHEMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.model import Model
    from napari_fluorodenoise.engine.blocks import Block
    from napari_fluorodenoise.engine.progress import Progress
    from napari_fluorodenoise.video import Run

__all__ = ["DENOISERS", "Fitted", "fit"]

DENOISERS = {
    "wiener": "napari_fluorodenoise.denoisers.fitted_wiener",
    "best": "napari_fluorodenoise.denoisers.best",
    **dict.fromkeys(SCHEMES, "napari_fluorodenoise.denoisers.trained"),
}
"""Denoiser name -> its module, imported when asked for."""


class Fitted(Protocol):
    """A denoiser that knows one video: pure, and the same for a frame whatever block it comes in."""

    @property
    def radius(self) -> int:
        """How many frames on either side it needs."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for whoever reads its results."""

    @property
    def model(self) -> Model | None:
        """The network that was trained or applied, as it can be kept; None where there is none."""

    def __call__(self, block: Mapping[str, NDArray[Any]], at: Block) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The core of `at` (t, y, x) without its noise, and the standard deviation of the error, in the same units."""


def fit(
    denoiser: str, run: Run, name: str, *, settings: object, progress: Progress, rng: np.random.Generator
) -> Fitted:
    """The `denoiser` fitted to the video `name` of `run`, with those attributes of `settings` that are its own."""
    module = import_module(DENOISERS[denoiser])
    own = {key: getattr(settings, key) for key in module.SETTINGS}
    fitted: Fitted = module.fit(run, name, progress=progress, rng=rng, **own)
    return fitted
