"""The data that walks through the stages: `Video`, `Image`, `Table`, and the `Run` that gathers them.

A `Video` is a grey sequence (T, Y, X), in memory or lazy, with what is known about its axes and intensities.
Row comes before column everywhere; positions and sizes say their unit. None of these classes knows an algorithm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

    from napari_fluorodenoise.denoisers.model import Model
    from napari_fluorodenoise.physics.detector import Detector

__all__ = ["Image", "Run", "Table", "Video"]

Intensity = Literal["linear", "log", "display"]
Photometric = Literal["MONOCHROME1", "MONOCHROME2"]

OF_VALUES = ("window", "bits_stored", "rescale")
"""Metadata that describe the stored values, and no others made from them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Video:
    """A grey sequence (T, Y, X) with its timing, spacing and meaning; immutable.

    `data` is a numpy or dask array of any real dtype. `frame_interval` in s and `pixel_size` (row, column) in mm are
    None where nobody knows them. `origin` (row, column), in pixels, is where pixel (0, 0) lies in the frames first
    read: a crop or a panorama keeps its place. `intensity` says whether the values are linear in detected X-rays,
    their logarithm, or made for display. `metadata` is an allow-list kept by the readers; never a patient's name.
    """

    data: NDArray[Any] | da.Array
    frame_interval: float | None = None
    pixel_size: tuple[float, float] | None = None
    origin: tuple[float, float] = (0.0, 0.0)
    intensity: Intensity = "linear"
    photometric: Photometric = "MONOCHROME2"
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.data.ndim != 3:
            raise ValueError(f"expected a grey sequence (T, Y, X), found {_shape(self.data)}; {_advice(self.data)}")
        if 0 in self.data.shape:
            raise ValueError(f"expected at least one frame of one pixel, found {_shape(self.data)}")
        if self.data.dtype.kind not in "buif":
            raise ValueError(f"expected integer or float pixels, found {self.data.dtype}; convert them first")
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X)."""
        frames, rows, columns = self.data.shape
        return int(frames), int(rows), int(columns)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the pixels."""
        return np.dtype(self.data.dtype)

    @property
    def is_lazy(self) -> bool:
        """True when the pixels are read only when asked for (dask)."""
        return not isinstance(self.data, np.ndarray)

    def with_data(self, data: NDArray[Any] | da.Array, *, origin: tuple[float, float] | None = None) -> Video:
        """The same sequence with other pixels; `origin` in pixels where the pixels lie elsewhere."""
        return replace(self, data=data, origin=self.origin if origin is None else origin)

    def of_other_values(self) -> Video:
        """The same sequence, without the metadata that describe its stored values."""
        return replace(self, metadata={key: value for key, value in self.metadata.items() if key not in OF_VALUES})

    def crop(self, *, frames: slice = slice(None), rows: slice = slice(None), columns: slice = slice(None)) -> Video:
        """The part of the sequence in the given ranges; its `origin` says where the part lies."""
        top, left = rows.indices(self.shape[1])[0], columns.indices(self.shape[2])[0]
        origin = (self.origin[0] + top, self.origin[1] + left)
        metadata = dict(self.metadata)
        if "frame_increments" in metadata:
            metadata["frame_increments"] = (0.0, *metadata["frame_increments"][frames][1:])
        if "overlays" in metadata:
            metadata["overlays"] = metadata["overlays"][:, rows, columns]
        if frames.indices(self.shape[0]) != (0, self.shape[0], 1):
            metadata.pop("mask_frames", None)  # they count from the first frame of the file
        return replace(self, data=self.data[frames, rows, columns], origin=origin, metadata=metadata)

    def numpy(self) -> NDArray[Any]:
        """The pixels as a numpy array (T, Y, X); reads everything when the video is lazy."""
        return np.asarray(self.data)


@dataclass(frozen=True, kw_only=True, eq=False)
class Image:
    """A picture (Y, X) of the whole sequence, such as the panorama; `pixel_size` in mm, `origin` in pixels."""

    data: NDArray[Any]
    pixel_size: tuple[float, float] | None = None
    origin: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Named columns, one row per frame: `data` (rows, columns) float64, `columns` with their units in brackets."""

    data: NDArray[np.float64]
    columns: tuple[str, ...]

    def __getitem__(self, column: str) -> NDArray[np.float64]:
        return self.data[:, self.columns.index(column)]


Item = Video | Image | Table


class Run(Mapping[str, Item]):
    """What is known of one sequence: an immutable mapping from names to videos, images and tables, and its detector.

    A run starts as {frames}. Every stage returns a new run with more names; nothing is overwritten. `models` are the
    networks that denoised its videos, by the name of what was denoised; empty where none did.
    """

    def __init__(
        self,
        items: Mapping[str, Item],
        *,
        detector: Detector | None = None,
        models: Mapping[str, Model] = MappingProxyType({}),
    ) -> None:
        self._items = MappingProxyType(dict(items))
        self.detector = detector
        self.models = MappingProxyType(dict(models))

    @classmethod
    def of(cls, source: Video | Run) -> Run:
        """A run that holds `source` as its frames; a run is returned as it is."""
        return source if isinstance(source, Run) else cls({"frames": source})

    def adding(self, items: Mapping[str, Item]) -> Run:
        """A new run that also holds `items`; raises ValueError where a name is taken."""
        taken = sorted(set(items) & set(self))
        if taken:
            raise ValueError(
                f"this run already holds {', '.join(taken)}; start from an earlier run, nothing is overwritten"
            )
        return Run({**self._items, **items}, detector=self.detector, models=self.models)

    def measured(self, detector: Detector) -> Run:
        """A new run that knows its detector."""
        return Run(self._items, detector=detector, models=self.models)

    def trained(self, models: Mapping[str, Model]) -> Run:
        """A new run that also has these `models`, by the name of the video that each denoises."""
        return Run(self._items, detector=self.detector, models={**self.models, **models})

    def video(self, name: str) -> Video:
        """The video called `name`; raises ValueError that lists the names there are."""
        item = self._items.get(name)
        if not isinstance(item, Video):
            raise ValueError(f"expected a video called {name!r}, found {', '.join(self) or 'nothing'}")
        return item

    def __getitem__(self, name: str) -> Item:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Run({', '.join(self)})"


def _shape(data: Any) -> str:
    return f"an array of shape {tuple(int(n) for n in data.shape)}"


def _advice(data: Any) -> str:
    if data.ndim == 4 and data.shape[-1] in (3, 4):
        return "this looks like colour: convert it to grey first"
    if data.ndim == 2:
        return "this is one frame: stack frames along a first axis"
    return "pick one sequence of three axes from it"
