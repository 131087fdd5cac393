"""The one contract of all stages: a frozen declaration that is fitted to a run once and then applied to its blocks.

    stage.reads(run), stage.adds(run)     what it needs and what it makes, known before anything is computed
    stage.fit(run) -> fitted              looks at the whole sequence once, streaming; bounded memory
    fitted.apply(block, at) -> arrays     pure, and independent of how the sequence is cut
    stage(run) -> Run                     fit, then apply over blocks: what scripts call

A stage's fields are its parameters. Bounds and units stand in the declaration, so validation, the form in napari,
`--set stage.field=value` and the JSON recipe all read the same lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.blocks import Block, Output, map_blocks
from napari_fluorodenoise.engine.keep import kept
from napari_fluorodenoise.engine.progress import Progress, portion, silent
from napari_fluorodenoise.engine.room import room
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.video import Image, Run, Table, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.model import Model

__all__ = ["Added", "FittedStage", "Stage"]


@dataclass(frozen=True)
class Added:
    """What a stage will add under a name: dims "tyx", "yx" or "table", its dtype and its units.

    `stored` says that the values are as the frames store them, so that what is known of those holds for these.
    """

    dims: Literal["tyx", "yx", "table"]
    dtype: np.dtype[Any]
    units: str
    stored: bool = False


class FittedStage(ABC):
    """A stage after `fit`. `results` holds what is no video: pictures and tables of the whole sequence.

    Blocks are given the videos `inputs`, so that what a fit alone looks at is not read again; where it names none, all
    that the stage reads. `warnings` are sentences for whoever reads the results; the run's detector carries them on.
    `models` are networks, by the name of the video that each denoises; the run carries them on.
    """

    results: Mapping[str, Image | Table]
    cuts: str
    inputs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    models: Mapping[str, Model] = MappingProxyType({})

    @property
    @abstractmethod
    def halo(self) -> tuple[int, int, int]:
        """How many neighbours (t, y, x) a block needs on either side of the axes it is cut along."""

    @abstractmethod
    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """The named videos for the core of `at`, (t, y, x) each, from inputs that cover its outer part."""

    def canvas(self, name: str) -> tuple[tuple[int, int], tuple[float, float]] | None:
        """(Y, X) and origin (row, column) in pixels of the video `name` where it does not lie on the input's frames."""
        return None


class Stage(ABC):
    """A step from run to run; its fields are its parameters."""

    @abstractmethod
    def reads(self, run: Run) -> tuple[str, ...]:
        """The names of all in `run` that the results are made from: videos, then pictures and tables.

        The first video sets timing and spacing. Raises ValueError where `run` does not suit the stage.
        """

    @abstractmethod
    def adds(self, run: Run) -> dict[str, Added]:
        """What this stage adds to `run`, by name; the stage's main result first."""

    @abstractmethod
    def fit(self, run: Run, *, progress: Progress = silent, rng: np.random.Generator | None = None) -> FittedStage:
        """This stage fitted to `run`: looks at the whole sequence once, streaming."""

    def videos(self, run: Run) -> dict[str, Video]:
        """The videos that the results are made from, by name; raises ValueError where one is missing."""
        return {name: run.video(name) for name in self.reads(run) if not isinstance(run.get(name), Image | Table)}

    def __call__(
        self, source: Video | Run, *, progress: Progress = silent, rng: np.random.Generator | None = None
    ) -> Run:
        """A run with this stage's results added; lazy where the input is lazy.

        Raises ValueError where a name is missing or taken, or the data do not suit the stage. `progress` may raise
        `Cancelled`; then nothing is kept.
        """
        run = Run.of(source)
        first, *others = self.videos(run)
        added = self.adds(run)
        run.adding(dict.fromkeys(added, run[first]))  # a taken name is refused before any work
        run = measured(run, progress=portion(progress, 0.0, 0.1))
        fits, keeps = (0.7, 1.0) if any(video.is_lazy for video in self.videos(run).values()) else (0.3, 0.5)
        fit = partial(self._fitted, run, rng=rng)
        fitted: FittedStage = pieces.once("fit", fit, progress=portion(progress, 0.1, fits), rng=rng)
        inputs = fitted.inputs or (first, *others)
        if any(fitted.halo):
            # Blocks share neighbours, which each of them would compute again: what stages made is computed once.
            made_before = [name for name in inputs if name != "frames"]
            run = kept(run, made_before, in_files=True, progress=portion(progress, fits, keeps))
        outputs = {name: _output(what, fitted.canvas(name)) for name, what in added.items() if what.dims == "tyx"}
        _, rows, columns = run.video(first).shape
        frames = pieces.once("block", lambda _: room((rows, columns)).frames)  # a job keeps to those it began with
        arrays = map_blocks(
            fitted,
            {name: run.video(name).data for name in inputs},
            outputs=outputs,
            size=(frames, rows, columns),
            progress=portion(progress, keeps, 1.0),
        )
        like = {name: run.video("frames") if added[name].stored else run.video(first) for name in outputs}
        made = {name: _made(like[name], added[name], arrays[name], fitted.canvas(name)) for name in outputs}
        return (
            _warned(run, fitted.warnings)
            .trained(fitted.models)
            .adding({name: made[name] if name in made else fitted.results[name] for name in added})
        )

    def _fitted(self, run: Run, progress: Progress, *, rng: np.random.Generator | None) -> FittedStage:
        return self.fit(run, progress=progress, rng=rng)


def _warned(run: Run, warnings: tuple[str, ...]) -> Run:
    """`run` with a detector that also gives these `warnings`."""
    if run.detector is None or not warnings:
        return run
    known = run.detector.warnings
    return run.measured(replace(run.detector, warnings=(*known, *(w for w in warnings if w not in known))))


def _output(what: Added, canvas: tuple[tuple[int, int], tuple[float, float]] | None) -> Output:
    return Output(what.dtype, None if canvas is None else canvas[0])


def _made(source: Video, what: Added, data: Any, canvas: tuple[tuple[int, int], tuple[float, float]] | None) -> Video:
    like = source if what.stored else source.of_other_values()
    return like.with_data(data, origin=None if canvas is None else canvas[1])
