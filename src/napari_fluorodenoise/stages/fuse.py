"""Fuse: the denoised parts put together again, in the dtype and units of the frames.

A foreground is first averaged with its neighbours along the motion, by a bilateral weight (arXiv 2208.14022, eq. 6-7):

    foreground(t) = sum over k of beta_k W(foreground(t + k)),
    beta_k ~ exp(-|W(foreground(t + k)) - foreground(t)| / rho)

where W moves a frame onto frame t and rho is in units of the noise that is left; the printed formula lacks the
absolute value. What was denoised without the detector's blur is blurred again, to compare with the frames.

It fails where a flow leads to something that looks alike but is not the same; rho bounds that error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le

from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.stages.stage import STRICT, Added, FittedStage, Stage
from napari_fluorodenoise.video import Image, Run, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FittedFuse", "Fuse"]

SPLIT, WHOLE, DECORRELATED = ("background", "foreground"), ("frames",), ("frames_decorrelated",)


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Fuse(Stage):
    """Put the denoised parts together, in the dtype and units of the frames."""

    neighbours: Annotated[int, Ge(0), Le(5)] = 2
    """Neighbours averaged into a foreground on either side, in frames."""
    rho: Annotated[float, Gt(0), Le(20)] = 2.0
    """Difference at which a neighbour counts 1/e, in standard deviations of the noise that is left."""

    def reads(self, run: Run) -> tuple[str, ...]:
        """The denoised videos of a split, of the whole frames, or of the decorrelated frames, whichever is there."""
        return tuple(f"{name}_{what}" for name in _parts(run) for what in ("denoised", "uncertainty"))

    def adds(self, run: Run) -> dict[str, Added]:
        """`fused`, like the frames, and `uncertainty`, the standard deviation of its error."""
        return {
            "fused": Added("tyx", run.video("frames").dtype, "as frames", stored=True),
            "uncertainty": Added("tyx", np.dtype(np.float32), "as frames"),
        }

    def fit(self, run: Run, *, progress: Progress = silent, rng: np.random.Generator | None = None) -> FittedFuse:
        """The parts that are there, and the range of the frames."""
        parts, frames = _parts(run), run.video("frames")
        blur = _blur(run, frames.shape[1:]) if parts == DECORRELATED else None
        limits = _limits(frames.dtype, frames.metadata.get("bits_stored"))
        return FittedFuse(parts, self.neighbours, self.rho, frames.dtype, limits, blur)


@dataclass(frozen=True, eq=False)
class FittedFuse(FittedStage):
    """How the parts go together; `limits` are those of the frames' stored values, None for floats."""

    parts: tuple[str, ...]
    neighbours: int
    rho: float
    dtype: np.dtype[Any]
    limits: tuple[int, int] | None
    blur: NDArray[np.float32] | None
    results: Mapping[str, Image | Table] = field(default_factory=dict)
    cuts: str = "t"

    @property
    def halo(self) -> tuple[int, int, int]:
        """The neighbours of a foreground."""
        return (self.neighbours if self.parts == SPLIT else 0, 0, 0)

    def apply(self, block: Mapping[str, NDArray[Any]], at: Block) -> Mapping[str, NDArray[Any]]:
        """`fused` in the frames' dtype and `uncertainty` float32, (t, y, x)."""
        values, error = self._split(block, at) if self.parts == SPLIT else self._whole(block, at)
        return {"fused": self._stored(values), "uncertainty": error}

    def _whole(self, block: Mapping[str, NDArray[Any]], at: Block) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from napari_fluorodenoise.primitives.spectra import filtered
        from napari_fluorodenoise.stages.decorrelate import PAD

        values, error = (block[f"{self.parts[0]}_{what}"][at.inner] for what in ("denoised", "uncertainty"))
        if self.blur is None:
            return values, error
        return filtered(values, self.blur, pad=PAD), np.maximum(filtered(error, self.blur, pad=PAD), 0)

    def _split(self, block: Mapping[str, NDArray[Any]], at: Block) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        values = block["background_denoised"][at.inner].astype(np.float32)
        variance = block["background_uncertainty"][at.inner] ** 2
        for index, t in enumerate(range(at.inner[0].start, at.inner[0].stop)):
            mean, error = self._bilateral(block["foreground_denoised"], block["foreground_uncertainty"], t)
            values[index] += mean
            variance[index] += error
        return values, np.sqrt(variance)

    def _bilateral(
        self, foreground: NDArray[np.float32], deviation: NDArray[np.float32], t: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The foreground of frame `t` averaged along the motion, and its error variance, (Y, X) both.

        Denoised neighbours were made from nearly the same frames, so their errors are taken to be the same: averaging
        them lowers nothing. Taken as independent, they promise half the error that simulated chests show.
        """
        from napari_fluorodenoise.motion.dis import dense_flow
        from napari_fluorodenoise.motion.warp import leads_inside, warped

        scale = np.maximum(deviation[t], np.finfo(np.float32).tiny)
        total, weight, error = foreground[t].copy(), np.ones_like(scale), deviation[t].copy()
        for k in range(max(t - self.neighbours, 0), min(t + self.neighbours + 1, len(foreground))):
            if k == t:
                continue
            flow = dense_flow(foreground[t] / scale, foreground[k] / scale)
            moved = warped(foreground[k], flow)
            beta = leads_inside(flow) * np.exp(-np.abs(moved - foreground[t]) / (self.rho * scale))
            total += beta * moved
            weight += beta
            error += beta * warped(deviation[k], flow)
        return total / weight, (error / weight) ** 2

    def _stored(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """`values` rounded and clipped to what the frames can hold."""
        if self.limits is None:
            return values.astype(self.dtype)
        low, high = self.limits
        return np.clip(np.rint(values.astype(np.float64)), low, high).astype(self.dtype)


def _parts(run: Run) -> tuple[str, ...]:
    for parts in (SPLIT, WHOLE, DECORRELATED):
        if all(f"{name}_denoised" in run for name in parts):
            return parts
    raise ValueError(f"expected denoised frames, or a denoised background and foreground, found {', '.join(run)}")


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
    from napari_fluorodenoise.primitives.spectra import transfer
    from napari_fluorodenoise.stages.decorrelate import PAD

    if "response" not in run:
        raise ValueError(f"expected the response that Decorrelate adds, found {', '.join(run)}; run Decorrelate again")
    response = np.asarray(run["response"].data)
    return np.asarray(transfer(response, (shape[0] + 2 * PAD, shape[1] + 2 * PAD)), np.float32)
