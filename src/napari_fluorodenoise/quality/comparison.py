"""Results in a table: every one against a reference or by itself, always beside the noisy input and its plain mean.

Sequences are read a few frames at a time, so one of any length may be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.blocks import Block, Output, map_blocks, stream
from napari_fluorodenoise.engine.finite import refuse_infinite
from napari_fluorodenoise.engine.progress import Progress, portion, silent
from napari_fluorodenoise.quality.regions import cnr, entropy, reblur, snr
from napari_fluorodenoise.quality.similarity import SSIM_WINDOW, decibels, neighbours, ssim
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MEAN", "Comparison", "Row", "compare", "markdown", "mean_of_five", "temporal_mean"]

MEAN = 5
"""Frames of the plain temporal mean."""
SCALES = (0.5, 2.0)
"""A result's slope on the reference outside of which its values are taken to be in other units.

Noise in the result leaves the slope as it is, and a denoiser that loses half of all contrast is worth the warning too.
"""

Rectangle = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured of one sequence; None where it, or a frame of it, tells nothing. Units as in `HEADS`."""

    name: str
    psnr: float | None = None
    ssim: float | None = None
    gradient_rmse: float | None = None
    temporal_psnr: float | None = None
    entropy: float
    reblur: float | None
    snr: float | None = None
    cnr: float | None = None


HEADS: Mapping[str, tuple[str, str]] = {
    "psnr": ("PSNR, dB", ".2f"),
    "ssim": ("SSIM", ".4f"),
    "gradient_rmse": ("gradient RMSE", ".4g"),
    "temporal_psnr": ("temporal PSNR, dB", ".2f"),
    "entropy": ("entropy, bits", ".2f"),
    "reblur": ("reblur", ".3f"),
    "snr": ("SNR", ".2f"),
    "cnr": ("CNR", ".2f"),
}
"""The title and the format of each column."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`rows` in the order asked for, the `limits` (low, high) of all measures of range, and what to beware of.

    The data range of PSNR and SSIM is high - low; entropy counts 256 levels from low to high.
    """

    limits: tuple[float, float]
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]


def compare(
    videos: Mapping[str, Video],
    *,
    reference: Video | None = None,
    limits: tuple[float, float] | None = None,
    region: Rectangle | None = None,
    background: Rectangle | None = None,
    progress: Progress = silent,
) -> Comparison:
    """A row for each of the `videos`, by name: against the `reference` where there is one, and by itself.

    `limits` are by default those of the reference, or else of the first video. Entropy, reblur, and the SNR of
    `region` and its CNR to `background` are means over the frames. Raises ValueError of one line where shapes differ, a
    value is not finite, nothing varies, or a region lies outside; other units or dtypes give a warning.
    """
    _check(videos, limits)
    parts = len(videos) + 1
    if limits is None:
        named = "the reference" if reference is not None else next(iter(videos))
        first = next(iter(videos.values())) if reference is None else reference
        limits = _limits(first, name=named, progress=portion(progress, 0, 1 / parts))
    rows: list[Row] = []
    warnings: list[str] = []
    for index, (name, video) in enumerate(videos.items(), start=1):
        for where in (region, background):
            _check_region(where, video, name=name)
        alone = _Alone(limits=limits, region=region, background=background)
        against = None if reference is None else _Against.of(video, reference, name=name, limits=limits)
        _add(name, video, reference, alone, against, portion(progress, index / parts, (index + 1) / parts))
        measured: dict[str, Any] = {**alone.means(), **({} if against is None else against.scores())}
        rows.append(Row(name=name, **measured))
        warnings.extend([] if against is None else against.warnings())
    return Comparison(limits=limits, rows=tuple(rows), warnings=tuple(warnings))


def temporal_mean(video: Video) -> Video:
    """The mean of each frame and the two on either side, float32; lazy where `video` is. The first and last repeat."""
    made = map_blocks(_Mean(), {"frames": video.data}, outputs={"mean": Output(np.dtype(np.float32))})
    return video.of_other_values().with_data(made["mean"])


def mean_of_five(frames: NDArray[Any]) -> NDArray[np.float32]:
    """The mean (T, Y, X) float32 of each of the `frames` and the two on either side; the first and last repeat."""
    from scipy.ndimage import uniform_filter1d

    return np.asarray(uniform_filter1d(np.asarray(frames, np.float32), MEAN, axis=0, mode="nearest"))


def markdown(comparison: Comparison) -> str:
    """The rows as a Markdown table, without columns that nobody has."""
    used = [name for name in HEADS if any(getattr(row, name) is not None for row in comparison.rows)]
    heads = ["sequence", *(HEADS[name][0] for name in used)]
    lines = [heads, ["---"] * len(heads)]
    lines += [[row.name.replace("|", r"\|"), *(_cell(row, name) for name in used)] for row in comparison.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(row: Row, name: str) -> str:
    value = getattr(row, name)
    return "" if value is None else format(value, HEADS[name][1])


@dataclass(frozen=True)
class _Mean:
    """The temporal mean as a fitted stage."""

    cuts: str = "t"
    halo: tuple[int, int, int] = (MEAN // 2, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        return {"mean": mean_of_five(block["frames"])[at.inner]}


@dataclass
class _Alone:
    """Sums over frames of what needs no reference."""

    limits: tuple[float, float]
    region: Rectangle | None
    background: Rectangle | None
    found: dict[str, list[float]] = field(default_factory=dict)

    def add(self, frame: NDArray[Any]) -> None:
        values = {"entropy": entropy(frame, limits=self.limits), "reblur": reblur(frame)}
        if self.region is not None:
            values["snr"] = snr(frame[self.region])
            if self.background is not None:
                values["cnr"] = cnr(frame[self.region], background=frame[self.background])
        for name, value in values.items():
            self.found.setdefault(name, []).append(value)

    def means(self) -> dict[str, float | None]:
        means = {name: float(np.mean(values)) for name, values in self.found.items()}
        return {name: None if np.isnan(mean) else mean for name, mean in means.items()}


@dataclass
class _Against:
    """Sums over frames of what is compared with the reference."""

    name: str
    span: float
    dtypes: tuple[np.dtype[Any], np.dtype[Any]]
    frames: int = 0
    squares: float = 0.0
    gradients: float = 0.0
    changes: float = 0.0
    similarity: float = 0.0
    moments: NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))
    last: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, video: Video, reference: Video, *, name: str, limits: tuple[float, float]) -> _Against:
        """The sums before the first frame; raises ValueError where the shapes differ."""
        if video.shape != reference.shape:
            shapes = f"{reference.shape} (T, Y, X) as the reference has, found {video.shape}"
            raise ValueError(f"{name}: expected {shapes}; crop both to the same frames, rows and columns")
        return cls(name, limits[1] - limits[0], (video.dtype, reference.dtype))

    def add(self, frame: NDArray[Any], true: NDArray[Any]) -> None:
        one, other = np.asarray(frame, np.float32), np.asarray(true, np.float32)
        error = one - other
        self.frames += 1
        self.squares += float(np.square(error).mean())
        self.gradients += neighbours(error)
        self.changes += 0.0 if self.last is None else float(np.square(error - self.last).mean())
        if min(one.shape) >= SSIM_WINDOW:
            self.similarity += ssim(one[None], truth=other[None], data_range=self.span)
        else:
            self.similarity = float("nan")
        x, y = other.astype(np.float64), one.astype(np.float64)
        self.moments += (x.mean(), y.mean(), (x * x).mean(), (x * y).mean())
        self.last = error

    def scores(self) -> dict[str, float | None]:
        n = self.frames
        changes = decibels(self.changes / (n - 1), data_range=self.span) if n > 1 else None
        return {
            "psnr": decibels(self.squares / n, data_range=self.span),
            "ssim": None if np.isnan(self.similarity) else self.similarity / n,
            "gradient_rmse": float(np.sqrt(self.gradients / n)),
            "temporal_psnr": changes,
        }

    def warnings(self) -> Iterator[str]:
        """What makes the numbers less than they seem, a line each."""
        one, other = self.dtypes
        # whole numbers of other sizes are often scaled to fill them; floats hold any units, which the slope below tells
        if one != other and one.kind in "ui" and other.kind in "ui":
            yield f"{self.name} is {one} and the reference {other}: values are compared as they are, without scaling"
        x, y, xx, xy = self.moments / self.frames
        slope = (xy - x * y) / (xx - x * x) if xx > x * x else 1.0
        if not SCALES[0] < slope < SCALES[1]:
            yield (
                f"{self.name} rises by {slope:.3g} where the reference rises by 1: are both in the same units? PSNR "
                "and SSIM mean little otherwise"
            )
        if abs(y - x) > self.span:
            yield f"the mean of {self.name} is {y:.4g} and that of the reference {x:.4g}: more than its range apart"
        if self.frames == 1:
            yield f"{self.name} has one frame: what flickers or lags cannot be told"
        if np.isnan(self.similarity):
            yield f"{self.name} is smaller than the window of SSIM ({SSIM_WINDOW} pixels), which is left out"


def _add(
    name: str, video: Video, reference: Video | None, alone: _Alone, against: _Against | None, progress: Progress
) -> None:
    """Add every frame of `video` to the sums."""
    arrays = {"frames": video.data} if reference is None else {"frames": video.data, "reference": reference.data}
    titles = {"frames": name, "reference": "the reference"}
    for at, block in stream(arrays, progress=progress):
        for part, frames in block.items():
            refuse_infinite(frames, name=titles[part], first=at.start)
        for index, frame in enumerate(block["frames"]):
            alone.add(frame)
            if against is not None:
                against.add(frame, block["reference"][index])


def _limits(video: Video, *, name: str, progress: Progress) -> tuple[float, float]:
    """The least and the largest value of `video`; raises ValueError where it has no range."""
    low, high = float("inf"), float("-inf")
    for at, block in stream({name: video.data}, progress=progress):
        refuse_infinite(block[name], name=name, first=at.start)
        low, high = min(low, float(block[name].min())), max(high, float(block[name].max()))
    if not high > low:
        raise ValueError(f"expected values that vary in {name}, found {low:g} everywhere; state the limits")
    return low, high


def _check(videos: Mapping[str, Video], limits: tuple[float, float] | None) -> None:
    if not videos:
        raise ValueError("expected at least one sequence to compare, found none")
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(f"expected limits (low, high), the lower one first, found {limits}")


def _check_region(region: Rectangle | None, video: Video, *, name: str) -> None:
    if region is None:
        return
    for part, length, axis in zip(region, video.shape[1:], ("rows", "columns"), strict=True):
        if not 0 <= part.start < part.stop <= length:
            raise ValueError(f"{name}: expected {axis} of a region within 0:{length}, found {part.start}:{part.stop}")
