"""Fuse: the denoised parts put together again, in the dtype and units of the frames.

A foreground is first averaged with its neighbours along the motion, by a bilateral weight (arXiv 2208.14022, eq. 6-7):

    foreground(t) = sum over k of beta_k W(foreground(t + k)),
    beta_k ~ exp(-|W(foreground(t + k)) - foreground(t)| / rho)

where W moves a frame onto frame t and rho is in units of the noise that is left; the printed formula lacks the
absolute value. A neighbour has no weight where the flow is not to be relied on (`motion.warp.reliable`): it leads
outside, does not lead back, or tears; nor where it shows another view. What was denoised without the detector's blur
is blurred again, to compare with the frames.

It fails where a flow leads there and back to something that looks alike but is not the same; rho bounds that error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le

from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import Progress, checkpoint, silent
from napari_fluorodenoise.primitives.declaration import ADVANCED, STRICT, Unit
from napari_fluorodenoise.stages.stage import Added, FittedStage, Stage
from napari_fluorodenoise.video import Image, Run, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FittedFuse", "Fuse"]

TINY = np.finfo(np.float32).tiny
VISIBLE = 3.0
"""Standard deviations beyond which a foreground shows something that moves."""
ERRORS, STRIDE = 33, 4
"""Side in px of the squares over which a spread is averaged, two blocks of the Wiener filter, and their distance."""
SPLIT, WHOLE, DECORRELATED = ("background", "foreground"), ("frames",), ("frames_decorrelated",)
BOTH = (*SPLIT, *WHOLE)
SHARE = np.float32(1 / 3)
"""The split's weight beside the whole frames: of 0.3, 0.4 and 0.5 the one that gained on every sequence tried."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Fuse(Stage):
    """Put the denoised parts together, in the dtype and units of the frames."""

    neighbours: Annotated[int, Ge(0), Le(5), Unit("frames")] = 2
    """Neighbours averaged into a foreground on either side, in frames."""
    rho: Annotated[float, Gt(0), Le(20), Unit("noise"), ADVANCED] = 2.0
    """Difference at which a neighbour counts 1/e, in standard deviations of the noise that is left."""

    def reads(self, run: Run) -> tuple[str, ...]:
        """The denoised videos of a split and of the whole frames, of one of them, or of the decorrelated frames.

        The frames say how to store the result; of a split the offsets say which views they show; and what Decorrelate
        undid is done again.
        """
        parts = _parts(run)
        beside = ("offsets",) if parts in (SPLIT, BOTH) else ("whitening",) if parts == DECORRELATED else ()
        return (*_inputs(parts), "frames", *(name for name in beside if name in run))

    def adds(self, run: Run) -> dict[str, Added]:
        """`fused`, like the frames, and `uncertainty`, the standard deviation of its error."""
        return {
            "fused": Added("tyx", run.video("frames").dtype, "as frames", stored=True),
            "uncertainty": Added("tyx", np.dtype(np.float32), "as frames"),
        }

    def fit(self, run: Run, *, progress: Progress = silent, rng: np.random.Generator | None = None) -> FittedFuse:
        """The parts that are there, and the range of the frames."""
        from napari_fluorodenoise.motion.segments import places

        parts, frames = _parts(run), run.video("frames")
        blur = _blur(run, frames.shape[1:]) if parts == DECORRELATED else None
        limits = _limits(frames.dtype, frames.metadata.get("bits_stored"))
        segments, given = places(run)[1], _inputs(parts)
        return FittedFuse(parts, self.neighbours, self.rho, segments, frames.dtype, limits, blur, given)


@dataclass(frozen=True, eq=False)
class FittedFuse(FittedStage):
    """How the parts go together; `segments` (T,) number the frames' views, `limits` are of stored values or None."""

    parts: tuple[str, ...]
    neighbours: int
    rho: float
    segments: NDArray[np.float64]
    dtype: np.dtype[Any]
    limits: tuple[int, int] | None
    blur: NDArray[np.float32] | None
    inputs: tuple[str, ...] = ()
    results: Mapping[str, Image | Table] = field(default_factory=dict)
    cuts: str = "t"

    @property
    def halo(self) -> tuple[int, int, int]:
        """The neighbours of a foreground."""
        return (self.neighbours if self.parts in (SPLIT, BOTH) else 0, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """`fused` in the frames' dtype and `uncertainty` float32, (t, y, x)."""
        if self.parts == BOTH:
            values, error = self._weighed(block, at)
        else:
            values, error = self._split(block, at) if self.parts == SPLIT else self._whole(block, at)
        return {"fused": self._stored(values), "uncertainty": error}

    def _whole(self, block: Mapping[str, NDArray[Any]], at: Block) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from napari_fluorodenoise.primitives.spectra import filtered
        from napari_fluorodenoise.stages.decorrelate import PAD

        values, error = (block[f"{self.parts[0]}_{what}"][at.inner] for what in ("denoised", "uncertainty"))
        if self.blur is None:
            return values, error
        return filtered(values, self.blur, pad=PAD), np.maximum(filtered(error, self.blur, pad=PAD), 0)

    def _weighed(self, block: Mapping[str, NDArray[Any]], at: Block) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The mean of the split and of the whole frames, and its error.

        The two err differently, where things move and where they stay, so their mean is better than either. Its squared
        error is the mean of theirs less the spread (A. Krogh & J. Vedelsby, NIPS 1994, eq. 5); what noise makes of the
        spread is bounded.
        """
        split, split_error = self._split(block, at)
        whole, whole_error = (block[f"frames_{what}"][at.inner] for what in ("denoised", "uncertainty"))
        apart = split - whole
        mean = (1 - SHARE) * whole_error**2 + SHARE * split_error**2
        left = np.maximum(mean - SHARE * (1 - SHARE) * apart**2, mean / 4)
        return whole + SHARE * apart, np.sqrt(left)

    def _split(self, block: Mapping[str, NDArray[Any]], at: Block) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        values = block["background_denoised"][at.inner].astype(np.float32)
        variance = block["background_uncertainty"][at.inner] ** 2
        foreground, deviation = block["foreground_denoised"], block["foreground_uncertainty"]
        flows = _Flows([_visible(*frame) for frame in zip(foreground, deviation, strict=True)])
        for index, t in enumerate(range(at.inner[0].start, at.inner[0].stop)):
            checkpoint()
            near = self._neighbours(t, self.segments[at.outer[0]])
            mean, error = _averaged(foreground, deviation, t, near, flows=flows, rho=self.rho)
            values[index] += mean
            variance[index] += error
        return values, np.sqrt(variance)

    def _neighbours(self, t: int, segments: NDArray[np.float64]) -> list[int]:
        """The frames near frame `t` of a block that show the same view; `segments` (t,) are the block's."""
        near = range(max(t - self.neighbours, 0), min(t + self.neighbours + 1, len(segments)))
        return [k for k in near if k != t and segments[k] == segments[t]]

    def _stored(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """`values` rounded and clipped to what the frames can hold."""
        if self.limits is None:
            return values.astype(self.dtype)
        low, high = self.limits
        return np.clip(np.rint(values.astype(np.float64)), low, high).astype(self.dtype)


class _Flows:
    """The flows between the frames of a block, each computed once and kept for as long as a later frame may need it."""

    def __init__(self, pictures: Sequence[NDArray[np.float32]]) -> None:
        self._pictures = pictures
        self._flows: dict[tuple[int, int], NDArray[np.float32]] = {}

    def between(self, t: int, k: int) -> NDArray[np.float32]:
        """The displacement (y, x, 2) px from picture `t` to picture `k`; it depends on these two alone."""
        from napari_fluorodenoise.motion.dis import dense_flow

        if (t, k) not in self._flows:
            self._flows[t, k] = dense_flow(self._pictures[t], self._pictures[k])
        return self._flows[t, k]

    def forget(self, t: int) -> None:
        """Drop what no frame after `t` needs."""
        self._flows = {pair: flow for pair, flow in self._flows.items() if max(pair) > t}


def _visible(values: NDArray[np.float32], deviation: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of a foreground (y, x) exceeds its noise: the flow of what is left of noise is wild."""
    scaled = values / np.maximum(deviation, TINY)
    return np.asarray(scaled - np.clip(scaled, -VISIBLE, VISIBLE), np.float32)


def _averaged(
    foreground: NDArray[np.float32],
    deviations: NDArray[np.float32],
    t: int,
    neighbours: Sequence[int],
    *,
    flows: _Flows,
    rho: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Frame `t` of `foreground` (t, y, x) averaged with its `neighbours` along the motion, and its error variance.

    Of a mean's error, what its frames have wrong in common stays, and the rest averages out.
    """
    from napari_fluorodenoise.motion.warp import reliable, warped

    values, deviation = foreground[t], deviations[t]
    scale = np.float32(rho) * np.maximum(deviation, TINY)
    weight, power, error = np.ones_like(values), np.ones_like(values), deviation**2
    change, spread = np.zeros_like(values), np.zeros_like(values)
    for k in neighbours:
        there, back = flows.between(t, k), flows.between(k, t)
        difference = warped(foreground[k], there) - values
        beta = np.exp(-np.abs(difference) / scale) * reliable(there, back)
        weight += beta
        power += beta**2
        error += beta * warped(deviations[k], there) ** 2
        change += beta * difference
        spread += beta * difference**2
    flows.forget(t)
    change /= weight
    error /= weight
    gain = 1 - power / weight**2  # for independent errors
    return values + change, error * (1 - _own(spread / weight - change**2, error * gain) * gain)


def _own(spread: NDArray[np.float32], independent: NDArray[np.float32]) -> float:
    """The share of a frame's error variance that its neighbours do not have in common with it.

    With weights that sum to 1, a mean's squared error is the mean of the squared errors less the spread around the
    mean, whatever the weights (A. Krogh & J. Vedelsby, NIPS 1994, eq. 5). So the `spread` (y, x) that is found, as a
    share of what `independent` (y, x) errors would have, tells what averages out. It is a median:
    where a motion is misjudged, frames differ by more than their errors.
    """
    import cv2

    found, most = (cv2.blur(part, (ERRORS, ERRORS))[::STRIDE, ::STRIDE] for part in (spread, independent))
    averaged = most > 0
    return float(np.clip(np.median(found[averaged] / most[averaged]), 0, 1)) if averaged.any() else 0.0


def _parts(run: Run) -> tuple[str, ...]:
    for parts in (BOTH, SPLIT, WHOLE, DECORRELATED):
        if all(f"{name}_denoised" in run for name in parts):
            return parts
    raise ValueError(f"expected denoised frames, or a denoised background and foreground, found {', '.join(run)}")


def _inputs(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}_{what}" for name in parts for what in ("denoised", "uncertainty"))


def _limits(dtype: np.dtype[Any], bits: int | None) -> tuple[int, int] | None:
    """The smallest and largest stored value, or None for floats."""
    if dtype.kind == "f":
        return None
    if dtype.kind == "b":
        return 0, 1
    info = np.iinfo(dtype)
    if bits is None or bits >= info.bits:
        return int(info.min), int(info.max)
    return (0, 2**bits - 1) if dtype.kind == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _blur(run: Run, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The transfer function of what Decorrelate undid, for padded frames of `shape` (Y, X)."""
    from napari_fluorodenoise.stages.decorrelate import blurring

    if "whitening" not in run:
        raise ValueError(f"expected the whitening that Decorrelate adds, found {', '.join(run)}; run Decorrelate again")
    return blurring(np.asarray(run["whitening"].data), shape)
