"""OME-Zarr (https://ngff.openmicroscopy.org): written as version 0.5, one frame to a chunk; 0.4 is read too.

Axes are t, y, x in seconds and millimetres; where nobody knows a scale its unit is left out. A crop's origin is its
translation. In object storage (`io.remote`) every chunk is an object, which is read when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.io import facts
from napari_fluorodenoise.io.files import FileError, explained
from napari_fluorodenoise.io.frames import assumed_intensity, blocks, sequence
from napari_fluorodenoise.io.remote import READ_ONLY, Place, Remote, exists, is_image, reaching, store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.video import Video

__all__ = ["DTYPES", "Frames", "begin", "finish", "read", "write"]

DTYPES = None

UNITS = {
    "second": 1.0,
    "millisecond": 1e-3,
    "microsecond": 1e-6,
    "minute": 60.0,
    "millimeter": 1.0,
    "micrometer": 1e-3,
    "nanometer": 1e-6,
    "centimeter": 10.0,
    "meter": 1e3,
}
"""How many seconds or millimetres a unit is."""


def read(path: Place, *, overlays: bool = False) -> Video:
    """The sequence in the OME-Zarr group, at its finest level, or in the bare Zarr array at `path`."""
    import dask.array as da
    import zarr

    with explained(path, "an OME-Zarr group or a Zarr array"), reaching(path):
        if isinstance(path, Remote) and not is_image(path):
            raise FileError(f"{path}: expected an OME-Zarr group or a Zarr array, found none there; check the name")
        node = zarr.open(_store(path, read_only=True), mode="r")
        attributes = dict(node.attrs)
        image = (attributes.get("ome") or attributes).get("multiscales", [{}])[0]
        array = node if isinstance(node, zarr.Array) else node[image["datasets"][0]["path"]]
        axes = [axis["name"] for axis in image["axes"]] if image else [*"?" * (array.ndim - 3), *"tyx"[-array.ndim :]]
        known = attributes.get(facts.KEY)
        if known:
            array = _whole(array, path)
        described = facts.loaded(known) if known else _described(image, axes, array.dtype)
        keep = sequence(axes, array.shape, path=path)
        # a chunk that holds several frames is decoded whole, so it stays one piece
        chunks = [min(array.chunks[axis], n) if axis == keep[0] else n for axis, n in enumerate(array.shape)]
    data = da.from_array(_Explained(array, path), chunks=chunks, asarray=False)
    data = data.squeeze(tuple(axis for axis in range(array.ndim) if axis not in keep))
    return described.video(data if len(keep) == 3 else data[np.newaxis])


def write(path: Place, video: Video, *, progress: Progress = silent) -> None:
    """Write `video` as an OME-Zarr 0.5 image of one level at `path`."""
    frames = begin(path, video)
    for at, block in blocks(video, progress=progress):
        frames[at] = block
    finish(path, video)


def begin(path: Place, video: Video) -> Frames:
    """The frames of an OME-Zarr image like `video` at `path`, to be written in any order and by any process.

    One that was begun before is gone on with. It is complete after `finish`.
    """
    import zarr

    with reaching(path):
        if _begun(path / "0" / "zarr.json"):
            return Frames(zarr.open_group(_store(path), mode="r+")["0"], path)
        group = zarr.open_group(_store(path), mode="a", zarr_format=3)
        array = group.create_array(
            "0",
            shape=video.shape,
            chunks=(1, *video.shape[1:]),
            dtype=video.dtype,
            compressors=zarr.codecs.BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
            dimension_names=["t", "y", "x"],
            config={"write_empty_chunks": True},
        )
    return Frames(array, path)


def finish(path: Place, video: Video) -> None:
    """Say what the frames at `path` are: those of `video`. What an interrupted process left half written goes."""
    import zarr

    for torn in path.rglob("*.partial") if isinstance(path, Path) else ():
        torn.unlink()
    described = {"version": "0.5", "multiscales": [_multiscale(video)]}
    with reaching(path):
        group = zarr.open_group(_store(path), mode="r+")
        group.attrs.update({"ome": described, facts.KEY: facts.dumped(video)})


class Frames:
    """The frames (T, Y, X) of an image that is being written; each is there whole, or not at all."""

    def __init__(self, array: Any, path: Place) -> None:
        self._array, self._path = array, path

    def __setitem__(self, frames: slice, block: NDArray[Any]) -> None:
        with reaching(self._path):
            self._array[frames] = block

    def __getitem__(self, frames: slice) -> NDArray[Any]:
        """The frames in a range; raises LookupError for blank ones, as which Zarr shows what is not there."""
        block = np.asarray(self._array[frames])
        if not block.any(axis=(1, 2)).all():
            raise LookupError("a frame is blank, or was lost")
        return block


def _whole(array: Any, path: Place) -> Any:
    """`array`, one of ours, that lacks no chunk: Zarr would show a lost one as zeros.

    In storage one that is lost later raises when it is read, and on a web server, which does not list, every one.
    """
    import zarr

    if not (isinstance(path, Remote) and path.protocol in READ_ONLY) and array.nchunks_initialized < array.nchunks:
        whole = f"{array.nchunks} chunks, found {array.nchunks_initialized}"
        raise FileError(f"{path}: expected {whole}: the copy is not complete; copy it again")
    if isinstance(path, Remote):
        return zarr.open_array(store(path, read_only=True, whole=True), path=array.path, zarr_format=3)
    return array


class _Explained:
    """A Zarr array whose failures to read are `FileError`s."""

    def __init__(self, array: Any, path: Place) -> None:
        self.array, self.path = array, path
        self.shape, self.ndim, self.dtype = array.shape, array.ndim, array.dtype.newbyteorder("=")

    def __getitem__(self, key: Any) -> NDArray[Any]:
        with explained(self.path, "a chunk to be readable"), reaching(self.path):
            try:
                return np.asarray(self.array[key], self.dtype)
            except FileNotFoundError as error:
                raise FileError(
                    f"{self.path}: expected all chunks, found one missing ({error}); copy it again"
                ) from error


def _store(path: Place, *, read_only: bool = False) -> Any:
    """What zarr opens for `path`."""
    return store(path, read_only=read_only) if isinstance(path, Remote) else path


def _begun(marker: Place) -> bool:
    return exists(marker) if isinstance(marker, Remote) else marker.exists()


def _described(image: Mapping[str, Any], axes: Sequence[str], dtype: np.dtype[Any]) -> facts.Facts:
    """The facts that a foreign file's multiscales metadata state; a scale without a unit says nothing."""
    steps: dict[str, float] = {}
    transforms = image["datasets"][0].get("coordinateTransformations", []) if image else []
    for transform in (*transforms, *image.get("coordinateTransformations", ())):
        if transform["type"] == "scale":
            for axis, scale in zip(image["axes"], transform["scale"], strict=True):
                if axis.get("unit") in UNITS:
                    steps[axis["name"]] = steps.get(axis["name"], UNITS[axis["unit"]]) * scale
    size = (steps["y"], steps["x"]) if "y" in steps and "x" in steps else None
    intensity = assumed_intensity(dtype)
    return facts.Facts(frame_interval=steps.get("t"), pixel_size=size, intensity=intensity, metadata={})


def _multiscale(video: Video) -> dict[str, Any]:
    """The multiscales entry of `video`: https://ngff.openmicroscopy.org/0.5/#multiscale-md."""
    pixel = video.pixel_size or (1.0, 1.0)
    units = ("second" if video.frame_interval else None, *(["millimeter" if video.pixel_size else None] * 2))
    axes: list[dict[str, str]] = [{"name": n, "type": k} for n, k in (("t", "time"), ("y", "space"), ("x", "space"))]
    for axis, unit in zip(axes, units, strict=True):
        axis.update({"unit": unit} if unit else {})
    transforms: list[dict[str, Any]] = [{"type": "scale", "scale": [video.frame_interval or 1.0, *pixel]}]
    if any(video.origin):
        moved = [origin * size for origin, size in zip(video.origin, pixel, strict=True)]
        transforms.append({"type": "translation", "translation": [0.0, *moved]})
    return {"name": "image", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": transforms}]}
