"""A detector as JSON: measured once on a static or flat sequence, used for others of the same detector and mode.

What belongs to the detector is kept: the photon-transfer line, the noise's correlation, the point response, lag. What
belongs to a sequence is found on each one anew: the collimator's field and the level.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pydantic.dataclasses
from pydantic import TypeAdapter, ValidationError

from napari_fluorodenoise.physics.detector import Detector, surveyed
from napari_fluorodenoise.primitives.declaration import STRICT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.video import Video

__all__ = ["THOROUGH", "Calibration"]

FORMAT = "fluorodenoise-detector-1"
THOROUGH = 2**25
"""How many pixels of a calibration sequence are measured: what fits in memory, twice as many as of any other."""
PIXELS = 2**22
"""How much of a sequence is read to find its field and level."""
LARGEST, WIDEST = 1e15, 33
"""Bounds on a line's numbers and on a kernel's side: beyond them a file was not written by this program."""
ALIKE = 0.02
"""Relative difference of pixel sizes up to which they are the same."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Calibration:
    """A detector's noise and blur, and what they were measured on; `range` are the intensities that were seen.

    The floor of the variance is not that of the measured intensities: others may be darker.
    """

    format: str
    slope: float
    slope_error: float
    read_variance: float
    read_variance_error: float
    floor: float
    range: tuple[float, float]
    autocorrelation: list[list[float]]
    response: list[list[float]]
    temporal_correlation: float
    temporal_correlation_error: float | None
    frame_interval: float | None
    pixel_size: tuple[float, float] | None
    photometric: str
    intensity: str
    warnings: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"expected the format {FORMAT}, found {self.format}; measure the calibration again")
        if self.floor <= 0 or abs(self.slope) > LARGEST or abs(self.read_variance) > LARGEST:
            raise ValueError(
                f"expected a floor above 0 and a line of at most {LARGEST:g}; measure the calibration again"
            )
        if min(self.slope_error, self.read_variance_error) < 0 or abs(self.temporal_correlation) > 1:
            raise ValueError("expected errors of 0 or more and correlations up to 1; measure the calibration again")
        if self.range[0] > self.range[1]:
            raise ValueError(f"expected a range from low to high, found {self.range[0]:g} to {self.range[1]:g}")
        correlation, response = (_square(name, getattr(self, name)) for name in ("autocorrelation", "response"))
        middle = len(correlation) // 2
        if correlation[middle, middle] != 1 or np.abs(correlation).max() > 1 or not np.isclose(response.sum(), 1):
            raise ValueError("expected an autocorrelation of 1 in the middle and a response of sum 1; measure again")

    @classmethod
    def of(cls, detector: Detector, video: Video) -> Calibration:
        """What `detector`, measured on `video`, says of other sequences."""
        seen = detector.bins.mean if len(detector.bins.mean) else np.array([detector.level])
        error = detector.temporal_correlation_error
        return cls(
            format=FORMAT,
            slope=detector.slope,
            slope_error=detector.slope_error,
            read_variance=detector.read_variance,
            read_variance_error=detector.read_variance_error,
            floor=min(detector.floor, detector.read_variance) if detector.read_variance > 0 else detector.floor,
            range=(float(seen.min()), float(seen.max())),
            autocorrelation=detector.autocorrelation.tolist(),
            response=detector.response.tolist(),
            temporal_correlation=detector.temporal_correlation,
            temporal_correlation_error=error if np.isfinite(error) else None,
            frame_interval=detector.frame_interval,
            pixel_size=detector.pixel_size,
            photometric=video.photometric,
            intensity=video.intensity,
            warnings=detector.warnings,
        )

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """The calibration that `text` holds; raises ValueError of one line where it holds none."""
        try:
            return TypeAdapter(cls).validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "it"
            said = first["msg"].removeprefix("Value error, ")
            raise ValueError(f"expected a detector as --calibrate writes it, found in {where}: {said}") from None

    def to_json(self) -> str:
        """This calibration as JSON, which `from_json` reads back equal."""
        return json.dumps(asdict(self), indent=1)

    def detector(self, video: Video) -> Detector:
        """The detector of `video`: this one's noise and blur, with the field and the level of the sequence.

        Raises ValueError where the sequence cannot come from the same detector in the same mode.
        """
        from napari_fluorodenoise.physics.differences import groups

        _refuse_other(self, video)
        mean, field = surveyed(video, groups(video, pixels=PIXELS))
        level = float(np.median(mean[field]))
        error = self.temporal_correlation_error
        return Detector(
            slope=self.slope,
            read_variance=self.read_variance,
            floor=self.floor,
            level=level,
            autocorrelation=np.array(self.autocorrelation),
            response=np.array(self.response),
            field=field,
            slope_error=self.slope_error,
            read_variance_error=self.read_variance_error,
            temporal_correlation=self.temporal_correlation,
            temporal_correlation_error=np.inf if error is None else error,
            frame_interval=video.frame_interval,
            pixel_size=video.pixel_size,
            warnings=(*self.warnings, *_far(self.range, level)),
        )


def _square(name: str, rows: list[list[float]]) -> NDArray[np.float64]:
    if len(rows) % 2 == 0 or len(rows) > WIDEST or any(len(row) != len(rows) for row in rows):
        raise ValueError(f"expected {name} as a square of odd size up to {WIDEST}, found {len(rows)} rows")
    return np.array(rows)


def _refuse_other(calibration: Calibration, video: Video) -> None:
    """Raise ValueError where pixel size or scale tell that `video` is of another detector or mode."""
    ours, theirs = calibration.pixel_size, video.pixel_size
    if ours and theirs and not np.allclose(ours, theirs, rtol=ALIKE):
        raise ValueError(
            f"expected pixels of {ours[0]:.4g} x {ours[1]:.4g} mm as calibrated, "
            f"found {theirs[0]:.4g} x {theirs[1]:.4g} mm; calibrate in this zoom and binning"
        )
    for ours_is, theirs_is in (
        (calibration.photometric, video.photometric),
        (f"{calibration.intensity} intensities", f"{video.intensity} ones"),
    ):
        if ours_is.split()[0] != theirs_is.split()[0]:
            raise ValueError(f"expected {ours_is} as calibrated, found {theirs_is}; calibrate on such frames")


def _far(seen: tuple[float, float], level: float) -> tuple[str, ...]:
    """A sentence where the sequence is much darker or brighter than what was calibrated."""
    low, high = seen
    near = low / 2 <= level <= 2 * high if low > 0 else 2 * low - high <= level <= 2 * high - low
    if near:
        return ()
    return (
        f"the calibration saw intensities from {low:.5g} to {high:.5g}, this sequence has {level:.5g}: its noise is "
        "extrapolated",
    )
