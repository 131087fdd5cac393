"""What is known of a sequence besides its pixels, as the JSON block that TIFF, OME-Zarr, .npy and folders carry."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Gt
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from napari_fluorodenoise.video import Intensity, Photometric, Video

if TYPE_CHECKING:
    from pathlib import Path

    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["KEY", "Facts", "beside", "dumped", "loaded"]

KEY = "fluorodenoise"
"""The name of the block in every format."""

Positive = Annotated[float, Gt(0)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Facts:
    """All fields of a `Video` but its pixels; units as there."""

    frame_interval: Positive | None = None
    pixel_size: tuple[Positive, Positive] | None = None
    origin: tuple[float, float] = (0.0, 0.0)
    intensity: Intensity = "linear"
    photometric: Photometric = "MONOCHROME2"
    metadata: dict[str, Any]

    def video(self, data: NDArray[Any] | da.Array) -> Video:
        """The sequence that has these facts and the pixels `data` (T, Y, X)."""
        return Video(data=data, **{field.name: getattr(self, field.name) for field in fields(self)})


def dumped(video: Video) -> dict[str, Any]:
    """The facts of `video` as JSON data; overlay planes are left out, since they may carry names."""
    block = {field.name: getattr(video, field.name) for field in fields(Facts)}
    block["metadata"] = {key: value for key, value in video.metadata.items() if key != "overlays"}
    plain: dict[str, Any] = json.loads(json.dumps(block, default=_plain))
    return plain


def loaded(block: dict[str, Any]) -> Facts:
    """The facts in a block that `dumped` made; raises ValueError where it is damaged."""
    return Facts(**{**block, "metadata": _frozen(block.get("metadata", {}))})


def beside(path: Path) -> Facts | None:
    """The facts in the JSON file at `path`, or None where there is no such file; raises ValueError if damaged."""
    return loaded(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"expected metadata that JSON can hold, found {type(value).__name__}")


def _frozen(value: Any) -> Any:
    """The value with tuples for JSON's lists: metadata never changes."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
