"""A sequence in a file denoised into another: in bounded memory, and so that an interruption costs little.

The frames of the result go block by block into an OME-Zarr image in the job's folder, and from there, once all are
there, to the output: OME-Zarr as it is, other formats written from it. What is begun again goes on from the blocks
that are there, and ends with the same bytes on the same machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise import io
from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.filing import filed
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.engine.room import room
from napari_fluorodenoise.io import Place, zarr
from napari_fluorodenoise.job import intermediate, manifest
from napari_fluorodenoise.job.folder import Folder, begun, ended, replaces
from napari_fluorodenoise.part import WHOLE, Part
from napari_fluorodenoise.physics.subtraction import subtract
from napari_fluorodenoise.video import Run, Video

if TYPE_CHECKING:
    from napari_fluorodenoise.physics.calibration import Calibration
    from napari_fluorodenoise.recipe import Recipe

__all__ = ["Done", "Job"]


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of a job: the run that made the output, the `frames` in it, and the `seconds` that it took in all.

    These are nan where a process of the job was killed, so that nobody counted its seconds.
    """

    run: Run
    frames: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to denoise, how, and where to.

    Of the sequence in `source` the `part` is denoised by `recipe`, with `seed` for what is random and the calibrated
    `detector` if it is given, and written to `target`, in DICOM by the `rescale` (slope, intercept). `mask` is the
    number of a frame of the part: the log-subtraction against it is written. All that the stages add goes into the
    folder `save_stages`.
    """

    source: Place
    target: Place
    recipe: Recipe
    part: Part = WHOLE
    mask: int | None = None
    detector: Calibration | None = None
    rescale: tuple[float, float] | None = None
    save_stages: Path | None = None
    seed: int = 0

    def run(
        self, *, resume: bool = False, overwrite: bool = False, start: Callable[[str], Progress] = lambda _: silent
    ) -> Done:
        """Do it, and say what came of it; what can be refused is, before any work, by a ValueError of one line.

        An interrupted job stays beside `target` and goes on with `resume`, if nothing changed. `overwrite` replaces
        what is there, and so does a job that is gone on with if it was to. `start` makes a progress call from the
        title of a part of the work, which may raise `Cancelled`.
        """
        video = self.part.of(io.read(self.source))
        name = self._checked(video, resume=resume, overwrite=overwrite)
        options: dict[str, Any] = {"resume": resume, "overwrite": overwrite, "stages": self.save_stages}
        with begun(self.target, self.manifest(), **options) as folder:
            run = self._run(folder, video, name, start) if not folder.complete else Run.of(video)
            folder.finish()
            return Done(run=run, frames=video.shape[0], seconds=folder.seconds)

    def _checked(self, video: Video, *, resume: bool, overwrite: bool) -> str:
        """The name of the result, once everything that can be refused before the work was looked at."""
        name = self.recipe.result(video)
        added = self.recipe.check(video)
        if ended(self.target, resume=resume):
            return name
        room((video.shape[1], video.shape[2]))
        dtype = added[name].dtype if self.mask is None else np.dtype(np.float32)
        may_replace = replaces(self.target, resume=resume, overwrite=overwrite)
        io.check_output(self.target, overwrite=may_replace, dtype=dtype, rescale=self.rescale)
        if self.save_stages is not None:
            intermediate.check(self.save_stages, overwrite=may_replace)
        return name

    def manifest(self) -> dict[str, Any]:
        """All that the output's pixels depend on, and where else something is written."""
        calibrated = None if self.detector is None else json.loads(self.detector.to_json())
        stages = None if self.save_stages is None else str(self.save_stages.absolute())
        options = {"mask": self.mask, "rescale": self.rescale, "seed": self.seed, "detector": calibrated}
        return {
            "input": manifest.of_sequence(self.source, but=self.target),
            **manifest.of_recipe(self.recipe),
            "versions": manifest.versions(),
            "part": asdict(self.part),
            "options": {**options, "save_stages": stages},
        }

    def _run(self, folder: Folder, video: Video, name: str, start: Callable[[str], Progress]) -> Run:
        """The run that was made, and its result put together in the folder."""
        rng, title = np.random.default_rng(self.seed), f"recipe {self.recipe.name}"
        with pieces.kept_in(folder.pieces):
            known = None if self.detector is None else self.detector.detector(video)
            run = self.recipe.run(Run({"frames": video}, detector=known), progress=start(title), rng=rng)
            clean = run.video(name) if self.mask is None else subtract(run.video(name), mask=self.mask)
            clean = replace(clean, metadata={**clean.metadata, "derivation": _derivation(self.recipe, self.mask)})
            self._write(folder, clean, start(f"writing {self.target.name}"))
            if self.save_stages is not None:
                intermediate.save(run, folder.anew(folder.stages), start=start)
        return run

    def _write(self, folder: Folder, clean: Video, progress: Progress) -> None:
        """Put `clean` together in the folder: as it is to be, or where its format asks for one writer, from frames."""
        is_zarr = io.FORMATS[self.target.suffix.lower()] == "zarr"
        path = folder.image if is_zarr else folder.work / "frames.zarr"
        frames = zarr.begin(path, clean)
        filed({"result": clean.data}, {"result": frames}, name="result", progress=progress)
        zarr.finish(path, clean)
        if not is_zarr:
            there = clean.with_data(io.read(path).data)
            folder.anew(folder.made.parent)
            io.write(folder.made, there, overwrite=True, rescale=self.rescale, progress=progress)


def _derivation(recipe: Recipe, mask: int | None) -> str:
    """What was done, for the one who finds the file later."""
    stages = json.dumps(json.loads(recipe.to_json())["stages"])
    subtracted = "" if mask is None else f", log-subtracted against frame {mask}"
    return f"napari-fluorodenoise {version('napari-fluorodenoise')}, recipe {recipe.name} {stages}{subtracted}"
