"""Stabilize: where every frame of a panning sequence lies, and the panorama of all that was seen.

Dense flow to the frame before, the mode of the flow field (arXiv 2208.14022, section 2.1), and a refinement of that one
shift against all that was seen. The frames themselves are not touched: resampling correlates their noise, so later
stages read the original frames and warp only what they compare; `stabilized` is a view of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Le

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.blocks import Block, spans, stream
from napari_fluorodenoise.engine.finite import refuse_infinite
from napari_fluorodenoise.engine.progress import Progress, portion, silent
from napari_fluorodenoise.engine.scratch import Scratch
from napari_fluorodenoise.motion import Estimator, estimator
from napari_fluorodenoise.motion.segments import beside, steadied
from napari_fluorodenoise.physics.detector import Detector, detector_of
from napari_fluorodenoise.primitives.declaration import A_FILE, ADVANCED, STRICT, Unit
from napari_fluorodenoise.stages.stage import Added, FittedStage, Stage
from napari_fluorodenoise.video import Image, Run, Table, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.motion import DenseFlow
    from napari_fluorodenoise.motion.canvas import Canvas
    from napari_fluorodenoise.motion.track import Place, Tracker

__all__ = ["OFFSETS", "FittedStabilize", "Stabilize"]

OFFSETS = ("row [px]", "column [px]", "segment", "confidence")
"""The columns of the table `offsets`: where a frame's pixel (0, 0) lies in frame 0, and how sure that is, 0 to 1."""
ROUNDS = 2
"""How often every frame is found again in the picture of all the others."""
STANDS = 0.5
"""Offsets of a segment that all lie within this many px of their median are rest: its frames are not resampled."""
STRETCH = 512
"""Frames after which a pass over them keeps what it knows: what an interruption costs."""
VIEWS = 15
"""Frames, evenly spaced, whose median starts the panorama: enough to be rid of what only passes by."""
GAIN_STEP = 4
"""Every so many pixels tell how bright a frame is: it is one number."""
CLIP = 2.0
"""Deviations beyond this many noise standard deviations do not count any further in the panorama's mean."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Stabilize(Stage):
    """Where each frame lies: offsets (T, 4), the panorama, and the frames on its canvas.

    Assumes that most of the textured picture moves as one; a sequence in which less than a third does (a close-up of
    a beating heart) is followed by its largest part. A jump to a view that shows nothing of those before starts a new
    segment, which lies beside them on the canvas.
    """

    estimator: Annotated[Estimator, ADVANCED] = "dis"
    """The flow to the frame before: `dis` is fast, `ilk` and `tvl1` are scikit-image's, `phase` is for large steps."""
    largest: Annotated[int, Ge(64), Le(4096), Unit("px"), ADVANCED] = 512
    """Frames whose longer side exceeds this many pixels are measured at a reduced size: faster, and less accurate."""
    table: Annotated[Path | None, A_FILE, ADVANCED] = None
    """A CSV file with the offsets, as written with the stages and edited since; they are then not measured."""

    def reads(self, run: Run) -> tuple[str, ...]:
        """The frames."""
        return ("frames",)

    def adds(self, run: Run) -> dict[str, Added]:
        """The frames on the canvas (0 where nothing was seen), the offsets, and the panorama."""
        return {
            "stabilized": Added("tyx", np.dtype(np.float32), "as frames"),
            "offsets": Added("table", np.dtype(np.float64), "px"),
            "panorama": Added("yx", np.dtype(np.float32), "as frames"),
        }

    def fit(self, run: Run, *, progress: Progress = silent, rng: np.random.Generator | None = None) -> FittedStabilize:
        """The offsets and the panorama of the run's frames, which are read twice, a few of them once more."""
        from napari_fluorodenoise.motion.canvas import Canvas

        frames = run.video("frames")
        detector = detector_of(run)
        part = portion(progress, 0.0, 0.7)
        offsets = self._measured(frames, detector, part) if self.table is None else _read(self.table, frames)
        canvas = Canvas.around(offsets[:, :2], frame=frames.shape[1:])
        panorama = _panorama(frames, canvas, detector, portion(progress, 0.7, 1.0))
        origin = (frames.origin[0] + canvas.origin[0], frames.origin[1] + canvas.origin[1])
        image = Image(data=panorama, pixel_size=frames.pixel_size, origin=origin)
        table = Table(data=offsets, columns=OFFSETS)
        return FittedStabilize(canvas, origin, results={"offsets": table, "panorama": image})

    def _measured(self, frames: Video, detector: Detector, progress: Progress) -> NDArray[np.float64]:
        """The table (T, 4), measured on frames that are reduced until they are no larger than `largest`."""
        factor = -(-max(frames.shape[1:]) // self.largest)
        if min(frames.shape[1:]) < 2 * factor:
            rows, columns = frames.shape[1:]
            least = f"expected frames of at least {2 * factor} rows and columns to follow"
            raise ValueError(f"{least}, found {rows} x {columns} pixels; stabilize larger ones")
        places = _followed(frames, detector, factor, estimator(self.estimator), progress)
        segments = np.array([place.segment for place in places])
        offsets = steadied(factor * np.array([place.offset for place in places]), segments, within=STANDS)
        offsets = beside(offsets, segments, frame=frames.shape[1:])
        return np.column_stack([offsets, segments, [place.confidence for place in places]])


@dataclass(frozen=True, eq=False)
class FittedStabilize(FittedStage):
    """The canvas, and the results that are known after the fit."""

    canvas_of: Canvas
    origin: tuple[float, float]
    results: Mapping[str, Image | Table]
    cuts: str = "t"
    halo: tuple[int, int, int] = (0, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """The block's frames on the canvas, float32, 0 where nothing was seen."""
        times = range(at.core[0].start, at.core[0].stop)
        frames = block["frames"][at.inner[0]]
        return {"stabilized": np.stack([self.canvas_of.place(f, t)[0] for f, t in zip(frames, times, strict=True)])}

    def canvas(self, name: str) -> tuple[tuple[int, int], tuple[float, float]] | None:
        """The canvas, for the only video there is."""
        return self.canvas_of.shape, self.origin


def _followed(frames: Video, detector: Detector, factor: int, flow: DenseFlow, progress: Progress) -> list[Place]:
    """The places of all frames, in px of the reduced ones."""
    from napari_fluorodenoise.motion.band import band_noise, reduced
    from napari_fluorodenoise.motion.track import COARSER, Tracker

    noise, coarse_noise = (band_noise(detector.autocorrelation, factor=factor * coarser) for coarser in (1, COARSER))
    field = reduced(detector.field.astype(np.float32), factor) > 0.99
    tracker = Tracker(field=field, noise=noise, coarse_noise=coarse_noise, flow=flow)
    shown, count = Scratch("shown"), frames.shape[0]
    places: list[Place] = []
    for at, part in _stretches(count, portion(progress, 0.0, 0.6)):
        call = partial(_follow, frames, at, detector, factor, tracker, shown)
        tracker, found = pieces.once(f"followed {at.start}", call, progress=part)
        places += found
    tracker, places = pieces.once("settled", partial(_settled, tracker, places, shown))
    for number in range(ROUNDS):
        share = (0.6 + 0.4 * (number + done) / ROUNDS for done in (0, 1))
        for at, part in _stretches(count, portion(progress, *share)):
            call = partial(_refined, tracker, places[at], at.start, shown)
            tracker, places[at] = pieces.once(f"refined {number} {at.start}", call, progress=part)
    return places


def _follow(
    frames: Video, at: slice, detector: Detector, factor: int, tracker: Tracker, shown: Scratch, progress: Progress
) -> tuple[Tracker, list[Place]]:
    """The tracker after the frames `at`, and their places; band-passed they are in `shown`."""
    from napari_fluorodenoise.motion.band import band_passed, reduced
    from napari_fluorodenoise.motion.track import COARSER

    places = []
    for t, frame in _in_order(frames, at, progress):
        image = reduced(detector.stabilize(frame), factor)
        shown[t] = picture = band_passed(image)
        places.append(tracker.follow(picture, band_passed(reduced(image, COARSER))))
    return tracker, places


def _settled(tracker: Tracker, places: list[Place], shown: Scratch, progress: Progress) -> tuple[Tracker, list[Place]]:
    """The tracker that has seen all frames, and where it now says that they lie."""
    places = tracker.settled(places, shown, progress=progress)
    return tracker, places


def _refined(
    tracker: Tracker, places: list[Place], first: int, shown: Scratch, progress: Progress
) -> tuple[Tracker, list[Place]]:
    """The tracker after a second look at the frames from `first` on, and their places."""
    found = []
    for done, place in enumerate(places):
        progress(done / len(places), "looking at all frames again")
        found.append(tracker.refine(shown[first + done], place))
    return tracker, found


def _stretches(count: int, progress: Progress) -> Iterator[tuple[slice, Progress]]:
    """The ranges of frames of which a pass of all `count` is made, each with its part of the progress."""
    for at in spans(count, frames=STRETCH):
        yield at, portion(progress, at.start / count, at.stop / count)


def _read(path: Path, frames: Video) -> NDArray[np.float64]:
    """The table (T, 4) in a CSV file: row and column, and segment and confidence where they are there."""
    from napari_fluorodenoise.io.table import read_table

    table = read_table(path)
    if len(table.data) != frames.shape[0] or table.columns[:2] != OFFSETS[:2]:
        wanted = f"expected {frames.shape[0]} rows with the columns {', '.join(OFFSETS[:2])}"
        found = f"{len(table.data)} rows with {', '.join(table.columns)}"
        raise ValueError(f"{path}: {wanted}, found {found}; give the table of these frames")
    given = {name: table[name] for name in table.columns}
    return np.column_stack([given.get(name, np.full(len(table.data), name == OFFSETS[3])) for name in OFFSETS])


def _in_order(frames: Video, at: slice, progress: Progress) -> Iterator[tuple[int, NDArray[Any]]]:
    """The frames `at`, one by one, with their numbers."""
    for part, block in stream({"frames": frames.data[at]}, progress=progress):
        first = at.start + part.start
        refuse_infinite(block["frames"], name="frames", first=first)
        yield from enumerate(block["frames"], first)


def _panorama(frames: Video, canvas: Canvas, detector: Detector, progress: Progress) -> NDArray[np.float32]:
    """The robust mean (Yc, Xc) of the aligned frames: a median of some, then the mean clipped around it; no NaN.

    Every frame is first brought to the brightness that the panorama has under it. What the collimator always hid is 0.
    """
    from napari_fluorodenoise.physics.collimator import without_penumbra
    from napari_fluorodenoise.primitives.robust import known_median

    inside = without_penumbra(detector.field)
    spaced = np.unique(np.linspace(0, frames.shape[0] - 1, VIEWS).astype(int))
    placed = [canvas.place(np.asarray(frames.data[t]), int(t), inside=inside) for t in spaced]
    mean = known_median(np.stack([p for p, _ in placed]), np.stack([k for _, k in placed]))
    count = np.any([k for _, k in placed], axis=0).astype(np.float32)
    for at, part in _stretches(frames.shape[0], progress):
        call = partial(_included, frames, at, canvas, inside, mean, count, detector)
        mean, count = pieces.once(f"panorama {at.start}", call, progress=part)
    return mean


def _included(
    frames: Video,
    at: slice,
    canvas: Canvas,
    inside: NDArray[np.bool_],
    mean: NDArray[np.float32],
    count: NDArray[np.float32],
    detector: Detector,
    progress: Progress,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`mean` and `count` (Yc, Xc), changed in place, after the frames `at` as well."""
    for t, frame in _in_order(frames, at, progress):
        under, known = canvas.under(t), canvas.laid_mask(inside, t)
        _include(canvas.laid(frame, t), known, mean[under], count[under], detector)
    return mean, count


def _include(
    image: NDArray[np.float32],
    known: NDArray[np.bool_],
    mean: NDArray[np.float32],
    count: NDArray[np.float32],
    detector: Detector,
) -> None:
    """Take an `image` into the `mean` of `count` others, (y, x) all, in place, where it is `known`."""
    common = (known & (count > 0))[::GAIN_STEP, ::GAIN_STEP]
    seen, shown = (picture[::GAIN_STEP, ::GAIN_STEP][common] for picture in (mean, image))
    gain = float(shown @ seen) / max(float(seen @ seen), 1e-12)
    count += known
    step = image / np.float32(gain or 1.0)
    step -= mean
    limit = CLIP * np.sqrt(detector.variance(mean)).astype(np.float32)
    np.clip(step, -limit, limit, out=step, where=count > 1)
    step *= known
    step /= np.maximum(count, 1)
    mean += step
