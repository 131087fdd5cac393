"""CT volumes from files: a folder of DICOM slices, an enhanced (multi-frame) CT, or NIfTI.

Values are HU, the file's rescale applied. The voxels stay in the file's order; `Volume.directions` says where its axes
point in the patient (x left, y back, z head), in mm. Only geometry and values are read: no name, no date, no text.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.io.files import FileError, existing, explained
from napari_fluorodenoise.physics.projection import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

__all__ = ["read_volume"]

LEAST = 8
"""Slices that make a volume; fewer are a scout view or an unfinished copy."""
UNEVEN = 0.05
"""How far a slice may lie from where even spacing puts it, in slices: positions are written with few digits."""
AIR = -500
"""HU below which something of every CT lies; a mask or scaled values have nothing there. DICOM says itself."""
NIFTI = (".nii", ".nii.gz")


@dataclass(frozen=True, kw_only=True)
class _Slice:
    """One slice: `position` of its first voxel and `rows`, `columns` as unit vectors along which they run, in LPS mm.

    `spacing` (row, column) in mm; `series` names what it belongs to, and `load()` is its HU (Y, X) float32.
    """

    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    shape: tuple[int, int]
    series: str
    load: Callable[[], NDArray[np.float32]]


def read_volume(path: str | os.PathLike[str]) -> Volume:
    """The CT volume in a folder of DICOM slices of one series, in a multi-frame DICOM file, or in a NIfTI file.

    Raises `FileError`, one line, where slices are missing, doubled, few, unlike or of more than one series, and where
    the values are no HU; `ImportError` that says what to install for NIfTI.
    """
    source = existing(Path(path))
    try:
        return _volume(source)
    except FileError:
        raise
    except ValueError as error:  # what a Volume refuses to hold
        raise FileError(f"{source}: {error}") from error


def _volume(source: Path) -> Volume:
    if source.is_dir():
        return _stack([one for file in _files(source) for one in _slices(file)], path=source)
    if source.name.lower().endswith(NIFTI):
        return _nifti(source)
    with explained(source, "a file that may be read"), source.open("rb") as file:
        if file.read(132)[128:] == b"DICM":
            return _stack(list(_slices(source)), path=source)
    raise FileError(f"{source}: expected a folder of DICOM slices, a DICOM file or {' or '.join(NIFTI)}; found neither")


def _files(folder: Path) -> list[Path]:
    """The DICOM files in `folder`, known by their content: exported slices often have no suffix."""
    files = []
    for file in sorted(file for file in folder.iterdir() if file.is_file()):
        with explained(file, "a file that may be read"), file.open("rb") as opened:
            if opened.read(132)[128:] == b"DICM" and file.name.upper() != "DICOMDIR":
                files.append(file)
    if not files:
        raise FileError(f"{folder}: expected the DICOM slices of one CT series, found none; name the series' folder")
    return files


def _slices(path: Path) -> Iterator[_Slice]:
    """The slices in one DICOM file; nothing of their pixels is read yet."""
    import pydicom

    from napari_fluorodenoise.io import dicom

    frames = cache(lambda: dicom.read(path).data)
    with explained(path, "a CT image"):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        if header.get("Modality") != "CT" or "Rows" not in header:
            found = header.get("Modality", "no modality")
            raise FileError(f"{path}: expected a CT image, found {found}; put the CT series into a folder of its own")
        shape, series = (int(header.Rows), int(header.Columns)), str(header.get("SeriesInstanceUID", ""))
        for frame, groups in enumerate(_groups(header)):
            rescale = _numbers(groups, ("RescaleSlope", "RescaleIntercept"), 1, path=path)
            yield _Slice(
                position=_numbers(groups, "ImagePositionPatient", 3, path=path),
                orientation=_numbers(groups, "ImageOrientationPatient", 6, path=path),
                spacing=_numbers(groups, "PixelSpacing", 2, path=path),
                shape=shape,
                series=series,
                load=partial(_load, frames, frame, rescale, path),
            )


def _groups(header: Dataset) -> Iterator[list[Dataset]]:
    """Per frame, the datasets in which its facts stand: its own groups, the shared ones, and the header."""

    def items(groups: Any) -> list[Dataset]:
        return [item for group in groups for element in group if element.VR == "SQ" for item in element.value]

    shared = items(header.get("SharedFunctionalGroupsSequence") or [])
    for own in header.get("PerFrameFunctionalGroupsSequence") or [None]:
        yield [*(items([own]) if own is not None else []), *shared, header]


def _numbers(
    groups: Sequence[Dataset], keywords: str | tuple[str, ...], count: int, *, path: Path
) -> tuple[float, ...]:
    """The `count` numbers of each keyword, from the first dataset that has it."""
    found: list[float] = []
    for keyword in (keywords,) if isinstance(keywords, str) else keywords:
        value = next((group[keyword].value for group in groups if keyword in group), None)
        numbers = np.atleast_1d(np.asarray([] if value is None else value, float))
        if numbers.size != count or not np.isfinite(numbers).all():
            raise FileError(f"{path}: expected {keyword} of a CT image, found {value}; export the original slices")
        found.extend(numbers.tolist())
    return tuple(found)


def _load(frames: Callable[[], Any], frame: int, rescale: tuple[float, ...], path: Path) -> NDArray[np.float32]:
    """The HU (Y, X) of one frame."""
    with explained(path, "a CT image"):
        stored = np.asarray(frames()[frame])
    return np.asarray(stored * np.float32(rescale[0]) + np.float32(rescale[1]), np.float32)


def _stack(slices: list[_Slice], *, path: Path) -> Volume:
    """The volume of the slices in the order of their positions along the normal."""
    _check_alike(slices, path=path)
    columns, rows = np.reshape(slices[0].orientation, (2, 3))  # where the index of a column, of a row runs to
    slices = sorted(slices, key=lambda one: float(np.cross(columns, rows) @ one.position))
    positions = np.array([one.position for one in slices])
    step = _step(positions, np.cross(columns, rows), path=path)
    data = np.empty((len(slices), *slices[0].shape), np.float32)
    for k, one in enumerate(slices):
        data[k] = one.load()
    apart = float(np.linalg.norm(step))
    spacing = (apart, slices[0].spacing[0], slices[0].spacing[1])
    return Volume(data=data, spacing=spacing, directions=np.stack([step / apart, rows, columns]))


def _check_alike(slices: list[_Slice], *, path: Path) -> None:
    series = {one.series for one in slices}
    if len(series) > 1:
        found = f"{len(series)} series of {_counts([one.series for one in slices])} slices"
        raise FileError(f"{path}: expected one CT series, found {found}; put each into a folder of its own")
    if len(slices) < LEAST:
        raise FileError(f"{path}: expected at least {LEAST} slices, found {len(slices)}; name the whole series")
    first = slices[0]
    for name in ("shape", "spacing", "orientation"):
        for one in slices:
            if not np.allclose(getattr(one, name), getattr(first, name), rtol=0, atol=1e-3):
                found = f"{getattr(one, name)} beside {getattr(first, name)}"
                raise FileError(f"{path}: expected slices of one {name}, found {found}; name one series")


def _counts(names: list[str]) -> str:
    return " and ".join(str(names.count(name)) for name in dict.fromkeys(names))


def _step(positions: NDArray[np.float64], normal: NDArray[np.float64], *, path: Path) -> NDArray[np.float64]:
    """The way (x, y, z) in mm from each of the sorted slices to the next, which is the same for all."""
    gaps = np.diff(positions @ normal)
    usual = float(np.median(gaps))
    if usual <= 0 or gaps.min() < UNEVEN * usual:
        k = int(gaps.argmin())
        raise FileError(f"{path}: expected one slice at each place, found two at {_place(positions[k])}; name one scan")
    k = int(gaps.argmax())
    if gaps[k] > 1.5 * usual:
        found = f"a gap of {gaps[k]:.4g} mm after {_place(positions[k])}"
        raise FileError(f"{path}: expected slices {usual:.4g} mm apart, found {found}: copy the missing slices")
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    even = positions[0] + step * np.arange(len(positions))[:, None]
    if np.abs(positions - even).max() > UNEVEN * usual:
        found = f"{gaps.min():.4g} to {gaps.max():.4g} mm"
        raise FileError(f"{path}: expected slices evenly apart along a line, found {found}; reconstruct them evenly")
    return np.asarray(step)


def _place(position: NDArray[np.float64]) -> str:
    return f"({', '.join(f'{mm:.4g}' for mm in position)}) mm"


def _nifti(path: Path) -> Volume:
    """The volume in a NIfTI file, whose axes are x, y, z and whose world is RAS: x to the right, y to the front."""
    try:
        nibabel = import_module("nibabel")
    except ImportError:
        raise ImportError(f"{path}: NIfTI files are read by nibabel, which is not here: pip install nibabel") from None
    with explained(path, "a NIfTI volume"):
        image = nibabel.load(path)
        unit = image.header.get_xyzt_units()[0]
        data = np.asarray(image.dataobj, np.float32)
        while data.ndim > 3 and data.shape[-1] == 1:
            data = data[..., 0]
        steps = (np.diag([-1.0, -1.0, 1.0]) @ image.affine[:3, :3]).T[::-1]  # one row for z, y and x each, LPS
    if data.ndim != 3 or unit not in ("mm", "unknown"):
        raise FileError(f"{path}: expected one volume in mm, found shape {data.shape} in {unit}; pick one volume")
    if not data.min() < AIR:  # not a number included
        found = f"{data.min():g} to {data.max():g}"
        raise FileError(f"{path}: expected HU, of which air has -1000, found {found}; convert the original CT")
    z, y, x = (float(step) for step in np.linalg.norm(steps, axis=1))
    directions = steps / np.array([z, y, x])[:, None]
    return Volume(data=np.ascontiguousarray(data.T), spacing=(z, y, x), directions=directions)
