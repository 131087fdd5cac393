"""What a network sees of a video, and the way back: noise of unit variance, or a logarithm.

    z = there(intensities),  intensities = back(z),  steepness = d back / dz

Intensities go through the variance-stabilising root. A foreground, a difference, is divided by the noise of the
background under it. Decorrelated frames, some of which are negative, may go through a logarithm
(`primitives.logarithm`), bent at the noise of intensity 0: then the noise's variance falls with the intensity.
Law: back(there(y)) = y, but for what the root's unbiased way back adds, since it is for values without noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.primitives.logarithm import logarithm, power

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.noise import Noise
    from napari_fluorodenoise.physics.detector import Detector
    from napari_fluorodenoise.video import Run

    Values = NDArray[np.float32]

__all__ = ["Domain", "Logarithm", "Root", "Seen", "Signed", "Subject", "seen"]


@dataclass(frozen=True, eq=False)
class Root:
    """Stabilised intensities, whose noise has the variance `share`."""

    detector: Detector
    share: float = 1.0

    def there(self, frames: NDArray[Any], below: NDArray[Any] | None = None) -> Values:
        """What a network sees of `frames` (any shape), float32."""
        return self.detector.stabilize(frames) / np.float32(np.sqrt(self.share))

    def back(self, values: Values, below: NDArray[Any] | None = None) -> Values:
        """Intensities, float32, of `values` without noise."""
        return self.detector.unstabilize(values * np.float32(np.sqrt(self.share)))

    def steepness(self, clean: Values, below: NDArray[Any] | None = None) -> Values:
        """Intensities per unit of `values` at the intensities `clean`, float32."""
        return np.sqrt(self.share * self.detector.variance(clean)).astype(np.float32)

    def noise(self, values: Values) -> Values:
        """The noise variance of `values` (any shape), float32: 1."""
        return np.ones_like(values)

    def even(self, values: Values) -> Values:
        """`values` with noise of unit variance."""
        return values


@dataclass(frozen=True, eq=False)
class Signed:
    """Differences from a background, in standard deviations of its noise."""

    detector: Detector

    def there(self, frames: NDArray[Any], below: NDArray[Any] | None = None) -> Values:
        """What a network sees of `frames` (any shape) that lie on the background `below` (alike), float32."""
        return np.asarray(frames / self.steepness(frames, below), np.float32)

    def back(self, values: Values, below: NDArray[Any] | None = None) -> Values:
        """Differences, float32."""
        return np.asarray(values * self.steepness(values, below), np.float32)

    def steepness(self, clean: NDArray[Any], below: NDArray[Any] | None = None) -> Values:
        """The noise's standard deviation on the background `below`, float32."""
        return np.asarray(np.sqrt(self.detector.variance(np.asarray(below))), np.float32)

    def noise(self, values: Values) -> Values:
        """The noise variance of `values` (any shape), float32: 1."""
        return np.ones_like(values)

    def even(self, values: Values) -> Values:
        """`values` with noise of unit variance."""
        return values


@dataclass(frozen=True, eq=False)
class Logarithm:
    """A logarithm with the bend at the noise of intensity 0, of quanta at least one."""

    detector: Detector
    bend: float = field(init=False)

    def __post_init__(self) -> None:
        dark = float(self.detector.variance(np.zeros(1))[0]) + 3 / 8 * self.detector.slope**2
        object.__setattr__(self, "bend", float(np.sqrt(dark)))

    def there(self, frames: NDArray[Any], below: NDArray[Any] | None = None) -> Values:
        """What a network sees of `frames` (any shape), float32."""
        return logarithm(frames, bend=self.bend)

    def back(self, values: Values, below: NDArray[Any] | None = None) -> Values:
        """Intensities, float32."""
        return power(values, bend=self.bend)

    def steepness(self, clean: Values, below: NDArray[Any] | None = None) -> Values:
        """Intensities per unit of the logarithm at the intensities `clean`, float32."""
        return np.asarray(np.hypot(clean, np.float32(self.bend)), np.float32)

    def noise(self, values: Values) -> Values:
        """The noise variance of `values` (any shape), float32."""
        clean = self.back(values)
        return np.asarray(self.detector.variance(clean) / self.steepness(clean) ** 2, np.float32)

    def even(self, values: Values) -> Values:
        """`values` with noise of unit variance."""
        return self.detector.stabilize(self.back(values))


Domain = Root | Signed | Logarithm


@dataclass(frozen=True, eq=False)
class Seen:
    """A video as a network sees it: an array (T, Y, X) float32 that reads what is asked for, and no more.

    `below` is the background that a foreground lies on; `times` are the frames there are, where not all may be seen.
    """

    domain: Domain
    data: NDArray[Any] | da.Array
    below: NDArray[Any] | da.Array | None = None
    times: Sequence[int] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X)."""
        count, rows, columns = self.data.shape
        return (int(count) if self.times is None else len(self.times)), int(rows), int(columns)

    @property
    def ndim(self) -> int:
        """Three axes."""
        return 3

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what it gives."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, at: Any) -> Values:
        first, *rest = at if isinstance(at, tuple) else (at,)
        where = (first if self.times is None else np.asarray(self.times)[first].tolist(), *rest)
        below = None if self.below is None else np.asarray(self.below[where])
        return self.domain.there(np.asarray(self.data[where]), below)


@dataclass(frozen=True, eq=False)
class Subject:
    """A video to learn from, as a network sees it, with its noise; its `truth` (T, Y, X) where it is known."""

    frames: Seen
    noise: Noise
    truth: Seen | None = None


def seen(run: Run, name: str, *, noise: Noise, bent: bool) -> Seen:
    """The video `name` of `run` as a network sees it; `bent` takes decorrelated frames through the logarithm."""
    data = run.video(name).data
    if noise.signed:
        return Seen(Signed(noise.detector), data, run.video("background").data)
    if bent and name == "frames_decorrelated":
        return Seen(Logarithm(noise.detector), data)
    return Seen(Root(noise.detector, noise.share), data)
