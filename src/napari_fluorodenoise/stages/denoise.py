"""Denoise: each frame without its noise, by one of the denoisers in `denoisers`, and how large the error is.

`wiener` trains nothing: a frame is cleaned with its moved neighbours by a filter that knows the measured noise. It
fails where its noise model does: a wrong noise level blurs or leaves noise in proportion, and noise that a vendor's
recursive filter ties to earlier frames is partly taken for anatomy. Detail fainter than the noise of a few frames in a
block of 16 px is lost; the uncertainty says how much is, on average.

All others train a network on the sequence itself. `best` refines what `wiener` makes of the frames. The schemes
`noise2void`, `noise2self`, `self2self` and `neighbor2neighbor` see each frame alone and ask for noise that is
independent from pixel to pixel, as Decorrelate makes it: correlated noise is learned and stays, which a warning says.
`temporal`, `recorrupted` and `sure` hold for correlated noise, as it is measured; `temporal` fails where frames do not
tell each other, the other two where the noise is not what was measured. `supervised` is given the clean frames, as a
bound for the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le, MinLen

from napari_fluorodenoise import denoisers
from napari_fluorodenoise.denoisers.noise import KNOWN
from napari_fluorodenoise.denoisers.schedule import Schedule
from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.finite import refuse_infinite
from napari_fluorodenoise.engine.progress import Progress, portion, silent
from napari_fluorodenoise.primitives.declaration import A_FILE, ADVANCED, HIDDEN, STRICT, Unit
from napari_fluorodenoise.stages.stage import Added, FittedStage, Stage
from napari_fluorodenoise.video import Image, Run, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.model import Model

__all__ = ["Denoise", "FittedDenoise"]


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Denoise(Stage):
    """Remove the noise of each frame: with the help of its moved neighbours, or by a network trained on the frames."""

    of: Annotated[tuple[str, ...], MinLen(1)] = ("frames",)
    """Names of the videos to denoise."""
    denoiser: Literal[
        "wiener",
        "best",
        "noise2void",
        "noise2self",
        "self2self",
        "neighbor2neighbor",
        "temporal",
        "recorrupted",
        "sure",
        "supervised",
    ] = "wiener"
    """How: a filter along the motion that knows the noise, or a network trained on the frames by that scheme."""
    radius: Annotated[int, Ge(0), Le(16), Unit("frames"), ADVANCED] = 4
    """Neighbours on either side of a frame (wiener; at most 3: temporal, recorrupted, sure, supervised)."""
    strength: Annotated[float, Gt(0), Le(3), Unit("noise")] = 1.0
    """Noise to remove, as a multiple of the measured standard deviation (wiener)."""
    step: Annotated[Literal[2, 4, 8], Unit("px"), ADVANCED] = 8
    """Distance of the overlapping blocks: 4 takes half as long again and gains 0.2 dB (wiener)."""
    network: Annotated[Literal["auto", "unet", "unshuffled", "dncnn", "fusion", "self2self"], ADVANCED] = "auto"
    """What is trained; auto is the scheme's own, small enough for a CPU (the schemes)."""
    training_steps: Annotated[int, Ge(1), Le(1_000_000)] = 800
    """Steps of training at the most, each on a batch of 16 crops of 64² pixels (all but wiener)."""
    budget: Annotated[Annotated[float, Gt(0), Le(1_000_000)] | None, Unit("s")] = None
    """Time of training at the most; none but the steps' where it is left out (all but wiener)."""
    device: Annotated[Literal["auto", "cpu", "cuda"], ADVANCED] = "auto"
    """Where to train and apply; auto is CUDA where there is one (all but wiener)."""
    held_out: Annotated[int, Ge(0), Le(16), ADVANCED] = 3
    """Places whose neighbouring frames are kept from training and tell when to stop; 0 never stops (the schemes)."""
    model: Annotated[str | None, A_FILE] = None
    """Path of a trained model to apply instead of training one (all but wiener)."""
    continue_training: Annotated[bool, ADVANCED] = False
    """Whether to train the model further on these frames before it is applied (all but wiener)."""
    turns: Annotated[Literal[1, 2, 4, 8], ADVANCED] = 1
    """Turned and mirrored copies that the result is the mean of: 8 gain 0.1 dB and take 8 times the work (best)."""
    n2v2: Annotated[bool, ADVANCED] = False
    """Whether pixels are hidden by a median, for a network that makes no chequerboards (noise2void)."""
    passes: Annotated[int, Ge(1), Le(1000), ADVANCED] = 24
    """Random passes that an ensemble is the mean of (self2self)."""
    student: Annotated[bool, ADVANCED] = True
    """Whether a small network learns what the ensemble says, and denoises in its place (self2self)."""
    alpha: Annotated[float, Gt(0), Le(10), Unit("noise"), ADVANCED] = 0.7
    """Noise added to what goes in, as a multiple of the measured; the target gets its inverse (recorrupted)."""
    schedules: Annotated[tuple[Schedule, ...], HIDDEN] = ()
    """How the trainings of an earlier run went, in their order: they are done again, and no budget ends them."""

    def __post_init__(self) -> None:
        if self.continue_training and self.model is None:
            raise ValueError("expected a model to train further, found none; set model")
        if self.denoiser == "temporal" and self.radius < 1:
            raise ValueError(f"expected a radius of at least 1 frame for temporal, found {self.radius}; raise it")
        if self.trains and self.schedules and len(self.schedules) != self.trainings:
            raise ValueError(
                f"expected a schedule for each training, {self.trainings} in all, found {len(self.schedules)}; "
                "give those of a whole run, or none"
            )

    @property
    def by_network(self) -> bool:
        """Whether the denoiser is a network."""
        return self.denoiser != "wiener"

    @property
    def trains(self) -> bool:
        """Whether a network is trained: the denoiser is one, and no model is applied as it is."""
        return self.by_network and (self.model is None or self.continue_training)

    @property
    def trainings(self) -> int:
        """How many trainings a run takes: one for each video, and one more where a student follows."""
        taught = self.denoiser == "self2self" and self.student and self.model is None
        return len(self.of) * (2 if taught else 1) if self.trains else 0

    def replaying(self, run: Run) -> Denoise:
        """This stage with its trainings done as in `run`, which it made; the same where it trains nothing."""
        if not self.trains:
            return self
        missing = [name for name in self.of if name not in run.models]
        if missing:
            raise ValueError(f"expected a run whose {missing[0]!r} a network denoised, found {run!r}; run this first")
        schedules = tuple(schedule for name in self.of for schedule in run.models[name].schedules)
        return replace(self, budget=None, schedules=schedules)

    def reads(self, run: Run) -> tuple[str, ...]:
        """The videos named in `of`, and with one half of a split the other; the frames, and where they lie.

        One half tells how much noise the other holds, and so does how often a pixel was seen. Raises ValueError for a
        video whose noise is not known: what was resampled, or made of several.
        """
        unknown = [name for name in self.of if name not in KNOWN]
        if unknown:
            raise ValueError(f"expected videos whose noise is known ({', '.join(KNOWN)}), found {unknown[0]!r}")
        truth = ("truth",) if self.denoiser == "supervised" else ()
        seen = "background" in self.of and "times_seen" in run
        placed = "offsets" in run and (seen or self.denoiser == "best")
        videos = dict.fromkeys((*self._inputs(run), *truth, "frames"))
        return (*videos, *(("times_seen",) if seen else ()), *(("offsets",) if placed else ()))

    def _inputs(self, run: Run) -> tuple[str, ...]:
        """The videos that blocks are given."""
        under = ("background",) if "foreground" in self.of else ()
        above = ("foreground",) if "background" in self.of and "foreground" in run else ()
        return tuple(dict.fromkeys((*self.of, *under, *above)))

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
        each = len(self.schedules) // len(self.of)
        for index, name in enumerate(self.of):
            part = portion(progress, index / len(self.of), (index + 1) / len(self.of))
            alone = replace(self, of=(name,), schedules=self.schedules[index * each :][:each])
            with pieces.part_of(name):
                fitted[name] = denoisers.fit(self.denoiser, run, name, settings=alone, progress=part, rng=rng)
        told = [warning for denoiser in fitted.values() for warning in denoiser.warnings]
        models = {name: found.model for name, found in fitted.items() if found.model is not None}
        return FittedDenoise(fitted, self._inputs(run), warnings=tuple(dict.fromkeys(told)), models=models)


@dataclass(frozen=True, eq=False)
class FittedDenoise(FittedStage):
    """A denoiser for each video, by name."""

    denoisers: Mapping[str, denoisers.Fitted]
    inputs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    models: Mapping[str, Model] = field(default_factory=dict)
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
