"""Denoise: each frame without its noise, by one of the denoisers in `denoisers`, and how large the error is.

`wiener` trains nothing: a frame is cleaned with its moved neighbours by a filter that knows the measured noise. It
fails where its noise model does: a wrong noise level blurs or leaves noise in proportion, and noise that a vendor's
recursive filter ties to earlier frames is partly taken for anatomy. Detail fainter than the noise of a few frames in a
block of 16 px is lost; the uncertainty says how much is, on average.

`noise2self` trains a small network on the sequence itself, each frame alone. It asks for noise that is independent
from pixel to pixel, as Decorrelate makes it: correlated noise is learned and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le, MinLen

from napari_fluorodenoise import denoisers
from napari_fluorodenoise.denoisers.noise import KNOWN
from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import Progress, portion, silent
from napari_fluorodenoise.primitives.declaration import STRICT
from napari_fluorodenoise.stages.stage import Added, FittedStage, Stage, refuse_infinite
from napari_fluorodenoise.video import Image, Run, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Denoise", "FittedDenoise"]


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Denoise(Stage):
    """Remove the noise of each frame: with the help of its moved neighbours, or by a network trained on the frames."""

    of: Annotated[tuple[str, ...], MinLen(1)] = ("frames",)
    """Names of the videos to denoise."""
    denoiser: Literal["wiener", "noise2self"] = "wiener"
    """How: a filter along the motion that knows the noise, or a network trained on each frame's own pixels."""
    radius: Annotated[int, Ge(0), Le(16)] = 4
    """Neighbours used on either side of a frame, in frames; 0 denoises each frame alone (wiener)."""
    strength: Annotated[float, Gt(0), Le(3)] = 1.0
    """Noise to remove, as a multiple of the measured standard deviation (wiener)."""
    step: Literal[2, 4, 8] = 8
    """Distance of the overlapping blocks, in pixels: 4 takes half as long again and gains 0.2 dB (wiener)."""
    training_steps: Annotated[int, Ge(1), Le(100_000)] = 800
    """Steps of training, each on a batch of small crops (noise2self)."""
    held_out: Annotated[int, Ge(0), Le(16)] = 3
    """Places whose neighbouring frames are kept from training and tell when to stop; 0 never stops (noise2self)."""

    def __post_init__(self) -> None:
        if self.denoiser == "noise2self" and "foreground" in self.of:
            raise ValueError("expected intensities for noise2self, found 'foreground', a difference; use wiener")

    def reads(self, run: Run) -> tuple[str, ...]:
        """The videos named in `of`, and with one half of a split the other, which tells how much noise it holds.

        Raises ValueError for a video whose noise is not known: what was resampled, or made of several.
        """
        unknown = [name for name in self.of if name not in KNOWN]
        if unknown:
            raise ValueError(f"expected videos whose noise is known ({', '.join(KNOWN)}), found {unknown[0]!r}")
        under = ("background",) if "foreground" in self.of and "background" not in self.of else ()
        above = (
            ("foreground",) if "background" in self.of and "foreground" in run and "foreground" not in self.of else ()
        )
        return (*self.of, *under, *above)

    def adds(self, run: Run) -> dict[str, Added]:
        """`<name>_denoised` for each video, and `<name>_uncertainty`: the standard deviation of the error, on average.

        A faint detail's own error is larger: what is as weak as the noise is weakened with it.
        """
        kind = np.dtype(np.float32)
        kinds = ("denoised", "uncertainty")
        return {f"{name}_{what}": Added("tyx", kind, f"as {name}") for name in self.of for what in kinds}

    def fit(self, run: Run, *, progress: Progress = silent, rng: np.random.Generator | None = None) -> FittedDenoise:
        """The denoiser fitted to every video in `of`; without `rng` every fit to the same run gives the same."""
        rng = rng or np.random.default_rng(0)
        fitted = {}
        for index, name in enumerate(self.of):
            part = portion(progress, index / len(self.of), (index + 1) / len(self.of))
            fitted[name] = denoisers.fit(self.denoiser, run, name, settings=self, progress=part, rng=rng)
        return FittedDenoise(fitted)


@dataclass(frozen=True, eq=False)
class FittedDenoise(FittedStage):
    """A denoiser for each video, by name."""

    denoisers: Mapping[str, denoisers.Fitted]
    results: Mapping[str, Image | Table] = field(default_factory=dict)
    cuts: str = "t"

    @property
    def halo(self) -> tuple[int, int, int]:
        """The neighbours on either side."""
        return (max(denoiser.radius for denoiser in self.denoisers.values()), 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """The denoised videos and their uncertainty, (t, y, x) float32 in the input's units."""
        results = {}
        for name, denoiser in self.denoisers.items():
            refuse_infinite(block[name], name=name, first=at.outer[0].start)
            results[f"{name}_denoised"], results[f"{name}_uncertainty"] = denoiser(block, at)
        return results
