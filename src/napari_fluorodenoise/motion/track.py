"""How far the view has moved: each frame is registered against a running picture of what was seen so far.

Per frame: the dense flow to the frame before, its mode over the pixels with texture (arXiv 2208.14022, section 2.1),
and a refinement of that one shift, by the votes of its tiles, against the picture of all that was seen. Refining
against the picture instead of the frame before keeps errors from adding up, as in incremental PCP-TI (G. Chau & P.
Rodriguez, ICIP 2017, doi 10.1109/ICIP.2017.8296407). The flow itself is not taken to the picture: in a long pause the
detector's own pattern grows strong in it and holds on to the frames.

Noise hides which anatomy moves by itself (heart, diaphragm), and what moves pulls the shift along. It shows in the
picture's unrest, gathered over many frames, so pixels count by the inverse of that. And once the whole sequence is
seen, every frame is found again in the picture of all the others.

A cut shows at a coarse scale, where neither noise nor the blur of a fast pan hides what two frames have in common: a
frame that is nothing like the one before is looked for further away and in the segments before; where it is nowhere to
be found, a new segment starts with it. A blank frame stays where the one before it was.

Pictures are band-passed, so that brightness and contrast inflow are no motion, and in units of the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.motion.band import COARSE, FINE, reduced
from napari_fluorodenoise.motion.dis import dense_flow
from napari_fluorodenoise.motion.mode import flow_mode
from napari_fluorodenoise.motion.phase import phase_shift
from napari_fluorodenoise.motion.picture import RunningPicture, View
from napari_fluorodenoise.motion.rests import panning, rested
from napari_fluorodenoise.motion.votes import votes
from napari_fluorodenoise.motion.warp import leads_inside, warped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.engine.scratch import Scratch
    from napari_fluorodenoise.motion import DenseFlow

__all__ = ["COARSER", "Place", "Tracker"]

GRID = 4
"""Every so many pixels the flow is read: dense inverse search knows no more."""
TEXTURELESS = 40
"""Percentage of the pixels that have too little texture to show a motion (minor eigenvalue, structure tensor)."""
TOLERANCES = (2.0, 1.0, 0.5, 0.3, 0.3)
"""How far in px the tiles may disagree, round by round: first a shift that most can accept, then the one they share."""
CONVERGED = 0.01
FARTHEST = 6.0
"""A refinement that leads further than this from its start, in px, has gone astray."""
UNREST = 9
"""Width in px over which the unrest is averaged: its own noise would else look like motion."""
COARSER = 4
"""Reduction of the frames in which cuts are looked for."""
ALIKE, SAME = 0.3, 0.6
"""Correlation with what was seen before, at the coarse scale: below the first a frame is not what follows, from the
second on it is what was found elsewhere. Real angiographies stay above 0.35 in their fastest pans; those of other
patients and views stay below 0.25 where the flow leads, and zooms by 1.3; at the best of all shifts, below 0.5."""
FEWEST = 100
"""Pixels at the coarse scale with which two views must overlap to be compared."""
BLANK = 3.0
"""Power of a frame at the coarse scale, in that of its noise, up to which it shows nothing."""
SHARED = 4 * np.pi * FINE**2
"""Pixels that share their noise after the band-pass."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where a frame lies: `offset` (row, column) px in its `segment`, and the `confidence` in it, 0 to 1.

    The confidence is the share of the picture's texture that the frame shows again, less its standard error.
    """

    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    segment: int = 0
    confidence: float = 1.0
    shows: bool = True
    """False for a frame that shows nothing of its segment: blank, or hidden."""


class Tracker:
    """Places of the frames it is shown, one after the other.

    `field` (Y, X) is True where frames are worth reading, `noise` and `coarse_noise` are the variances of the
    band-passed noise in frames and in their reductions by `COARSER`, and `flow` is the estimator that says how far a
    frame moved since the one before.
    """

    def __init__(
        self, *, field: NDArray[np.bool_], noise: float, coarse_noise: float, flow: DenseFlow = dense_flow
    ) -> None:
        self._field = _eroded(field)
        self._coarse_field = _eroded(reduced(field.astype(np.float32), COARSER) > 0.99)
        self._noise, self._coarse_noise, self._flow = noise, coarse_noise, flow
        self._pictures: list[RunningPicture] = []
        self._last: list[Place] = []  # the last place in every segment,
        self._views: list[NDArray[np.float32]] = []  # and the frame there at the coarse scale
        self._before = np.zeros(field.shape, np.float32)
        self._shape = (field.shape[0], field.shape[1])
        self._segment = 0

    def follow(self, frame: NDArray[np.float32], coarse: NDArray[np.float32]) -> Place:
        """The place of the next `frame` (Y, X), band-passed; `coarse` is the same at the coarse scale, band-passed.

        Offsets count from the first frame of their segment.
        """
        if self._is_blank(coarse):
            last = self._last[self._segment] if self._last else Place()
            return replace(last, confidence=0.0, shows=False)
        place = self._found(frame, coarse)
        if place.segment == len(self._pictures):
            self._pictures.append(RunningPicture(self._shape))
            self._last.append(place)
            self._views.append(coarse)
        self._pictures[place.segment].add(frame, place.offset, where=self._field)
        self._segment, self._last[place.segment], self._views[place.segment] = place.segment, place, coarse
        self._before = frame
        return place

    def settled(self, places: Sequence[Place], frames: Scratch, *, progress: Progress = silent) -> list[Place]:
        """The `places` of all `frames`, band-passed and followed before, with the view at rest where it rested.

        From here on, what is fixed to the detector is left out.
        """
        settled = list(places)
        own = [
            [t for t, place in enumerate(places) if place.segment == segment and place.shows]
            for segment in range(len(self._pictures))
        ]
        paths = [np.array([places[t].offset for t in times]) for times in own]
        pans = [t for times, path in zip(own, paths, strict=True) for t in np.array(times)[panning(path, self._field)]]
        self._field &= ~self._fixed(frames[t] for t in pans)
        for segment, (times, path) in enumerate(zip(own, paths, strict=True)):
            still = rested(path, _picked(frames, times, progress), field=self._field, noise=self._noise)
            self._pictures[segment] = RunningPicture(self._shape)
            for t, offset in zip(times, still, strict=True):
                settled[t] = replace(places[t], offset=offset)
                self._pictures[segment].add(frames[t], offset, where=self._field)
        return settled

    def _fixed(self, frames: Iterable[NDArray[np.float32]]) -> NDArray[np.bool_]:
        """Where (Y, X) `frames` of a panning view show more that stays than what changes: edges, markers, blemishes."""
        import cv2

        seen = RunningPicture(self._shape)
        for frame in frames:
            seen.add(frame, np.zeros(2), where=self._field)
        view = seen.view(np.zeros(2))
        stays, changes = (cv2.blur(values, (UNREST, UNREST)) for values in (view.mean**2, view.unrest))
        return np.asarray(stays > changes) & (view.count > 1)

    def refine(self, frame: NDArray[np.float32], place: Place) -> Place:
        """The place of a `frame` (Y, X), band-passed and followed before, found again in the picture of all the others.

        Its own noise must not hold it where it was, so it is taken out of the picture and put back at its new place.
        """
        if not place.shows:
            return place
        picture = self._pictures[place.segment]
        picture.remove(frame, place.offset, where=self._field)
        found = self._aligned(frame, place, TOLERANCES[1:])
        picture.add(frame, found.offset, where=self._field)
        return found

    def _found(self, frame: NDArray[np.float32], coarse: NDArray[np.float32]) -> Place:
        """The place of a frame: after the one before, or further away, or in another segment, or in a new one."""
        if not self._last:
            return Place()
        last, step = self._last[self._segment], self._step(frame)
        if _correlation(coarse, self._views[self._segment], step / COARSER, where=self._coarse_field) >= ALIKE:
            return self._aligned(frame, replace(last, offset=last.offset + step), TOLERANCES)
        for other in sorted(self._last, key=lambda known: known.segment != self._segment):
            view = self._views[other.segment]
            far = phase_shift(coarse * self._coarse_field, view * self._coarse_field)
            if _correlation(coarse, view, far, where=self._coarse_field) >= SAME:
                return self._aligned(frame, replace(other, offset=other.offset + COARSER * far), TOLERANCES)
        return Place(segment=len(self._last))

    def _is_blank(self, coarse: NDArray[np.float32]) -> bool:
        values = coarse[self._coarse_field]
        power = float((values**2).mean()) if values.size else 0.0
        return bool(power <= BLANK * self._coarse_noise + np.finfo(np.float32).eps)

    def _step(self, frame: NDArray[np.float32]) -> NDArray[np.float64]:
        """The mode of the flow to the frame before."""
        textured = _textured(frame, self._field)
        return flow_mode(self._flow(frame, self._before)[::GRID, ::GRID][textured])

    def _aligned(self, frame: NDArray[np.float32], start: Place, tolerances: tuple[float, ...]) -> Place:
        """The place near `start` at which the picture fits `frame` best."""
        picture, offset = self._pictures[start.segment], start.offset
        view = picture.view(offset)
        weights = _rest(view) * self._field
        mean = view.mean
        for tolerance in tolerances:
            step = np.clip(votes(frame, mean, weights=weights).agreed(tolerance=tolerance), -2, 2)
            offset = offset + step
            if np.abs(offset - start.offset).max() > FARTHEST:
                offset, mean = start.offset, view.mean
                break
            mean = picture.mean(offset)
            if tolerance == tolerances[-1] and np.abs(step).max() < CONVERGED:
                break
        return Place(offset, start.segment, self._confidence(frame, mean, view))

    def _confidence(self, frame: NDArray[np.float32], mean: NDArray[np.float32], view: View) -> float:
        """The share of the picture's texture that `frame` shows, by regression, less its standard error; in [0, 1]."""
        seen = self._field & (view.count > 0)
        values, picture = frame[seen], mean[seen]
        power = float(picture @ picture)
        texture = power - self._noise * float((1 / view.count[seen]).sum(dtype=np.float64))
        if texture <= 0:
            return 0.0
        error = np.sqrt(self._noise * SHARED * power)
        return float(np.clip((float(values @ picture) - error) / texture, 0, 1))


def _picked(frames: Scratch, times: Sequence[int], progress: Progress) -> Callable[[int], NDArray[np.float32]]:
    """The frames at some `times`, by their place among them; each one read is a moment to stop."""

    def picked(index: int) -> NDArray[np.float32]:
        progress(0.0, "looking for rest")
        return frames[times[index]]

    return picked


def _eroded(field: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`field` without its rim, as far as the band-pass smears what lies beyond it into it."""
    import cv2

    side = 2 * int(2 * COARSE) + 1
    rim = np.ones((side, side), np.uint8)
    return np.asarray(cv2.erode(field.astype(np.uint8), rim, borderType=cv2.BORDER_REPLICATE), bool)


def _correlation(
    frame: NDArray[np.float32], before: NDArray[np.float32], shift: NDArray[np.float64], *, where: NDArray[np.bool_]
) -> float:
    """The correlation of frame(x) with before(x + shift), both (Y, X) around 0, `where` both are usable."""
    displacement = np.broadcast_to(shift.astype(np.float32), (*frame.shape, 2))
    usable = where & leads_inside(displacement) & (warped(where.astype(np.float32), displacement) > 0.5)
    if np.count_nonzero(usable) < FEWEST:
        return 0.0
    one, other = frame[usable], warped(before, displacement)[usable]
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale else 0.0


def _rest(view: View) -> NDArray[np.float32]:
    """How much each pixel counts, in [0, 1]: less where the picture varied more than it does elsewhere."""
    import cv2

    known = view.count > 0
    unrest = cv2.blur(view.unrest, (UNREST, UNREST))
    some = unrest[::4, ::4][known[::4, ::4]]
    usual = float(np.median(some)) if some.size else 0.0
    if usual == 0:
        return known.astype(np.float32)
    ratio = usual / np.clip(unrest, usual, 10 * usual, out=unrest)
    return np.asarray(known * np.square(np.square(ratio)), np.float32)


def _textured(frame: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[Any]:
    """Of every `GRID`th pixel, those `usable` around which the structure tensor's smaller eigenvalue is not small."""
    import cv2

    strength = cv2.cornerMinEigenVal(frame, blockSize=9, ksize=3)[::GRID, ::GRID]
    usable = usable[::GRID, ::GRID]
    if not usable.any():
        return usable
    textured: NDArray[np.bool_] = usable & (strength > np.percentile(strength[usable], TEXTURELESS))
    return textured
