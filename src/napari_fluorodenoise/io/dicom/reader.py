"""A DICOM header as the facts of a sequence: timing, spacing, meaning, and an allow-list of technical values.

Nothing that names a patient, a person or a place is read into the metadata, nor any private or free text.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

from napari_fluorodenoise.io.dicom.pixels import decodable, indexed
from napari_fluorodenoise.io.files import FileError, explained
from napari_fluorodenoise.io.frames import lazy
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_fluorodenoise.video import Intensity

__all__ = ["read"]

TECHNICAL = {
    "modality": "Modality",
    "image_type": "ImageType",
    "sop_class_uid": "SOPClassUID",
    "sop_instance_uid": "SOPInstanceUID",
    "study_instance_uid": "StudyInstanceUID",
    "series_instance_uid": "SeriesInstanceUID",
    "bits_stored": "BitsStored",
    "lossy": "LossyImageCompression",
    "lossy_ratio": "LossyImageCompressionRatio",
    "lossy_method": "LossyImageCompressionMethod",
    "burned_in_annotation": "BurnedInAnnotation",
    "manufacturer": "Manufacturer",
    "manufacturer_model": "ManufacturerModelName",
    "radiation_setting": "RadiationSetting",
    "kvp_kV": "KVP",
    "tube_current_mA": "XRayTubeCurrent",
    "exposure_time_ms": "ExposureTime",
    "pulse_width_ms": "AveragePulseWidth",
    "exposure_mAs": "Exposure",
    "positioner_motion": "PositionerMotion",
    "positioner_primary_angle_deg": "PositionerPrimaryAngle",
    "positioner_secondary_angle_deg": "PositionerSecondaryAngle",
    "table_motion": "TableMotion",
    "source_to_detector_mm": "DistanceSourceToDetector",
    "source_to_patient_mm": "DistanceSourceToPatient",
    "magnification": "EstimatedRadiographicMagnificationFactor",
}
"""The allow-list: metadata key and DICOM keyword. Units stand in the key."""

ESSENTIAL = ("Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")
"""What pixels cannot be read without."""

LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)
"""Transfer syntaxes that always lose something; what is derived from such pixels must say so (PS3.3 C.7.6.1.1.5)."""

INTENSITIES: Mapping[str, Intensity] = {"LIN": "linear", "LOG": "log", "DISP": "display"}


def read(path: Path, *, overlays: bool = False) -> Video:
    """The grey sequence in the DICOM file at `path`: stored values, nothing rescaled or inverted, lazy by frame."""
    with explained(path, "a DICOM image"), path.open("rb") as file:
        header = _header(file, path=path)
        _refuse(header, path=path)
        pixels = indexed(file, header, path=path)
        interval, timing = _timing(header)
        size, spacing = _spacing(header)
        metadata = _technical(header) | _display(header) | timing | spacing
        if overlays:
            metadata["overlays"] = _overlays(header)
        return Video(
            data=lazy(pixels, path=path, shape=pixels.shape, dtype=pixels.dtype),
            frame_interval=interval,
            pixel_size=size,
            intensity=_intensity(header),
            photometric=header.PhotometricInterpretation,
            metadata=metadata,
        )


def _header(file: BinaryIO, *, path: Path) -> Dataset:
    """All of the open DICOM `file` that comes before its pixels, where it then stands.

    What an enhanced object says once for all frames stands beside the rest, as in the older objects.
    """
    try:
        header = pydicom.dcmread(file, stop_before_pixels=True)
    except InvalidDicomError:
        raise FileError(f"{path}: expected a DICOM file, found no DICOM preamble; export it again") from None
    for shared in header.get("SharedFunctionalGroupsSequence") or []:
        for group in (element.value for element in shared if element.VR == "SQ"):
            for element in (element for item in group for element in item if element.tag not in header):
                header.add(element)
    return header


def _refuse(header: Dataset, *, path: Path) -> None:
    """Raise `FileError` where the header does not describe a grey sequence of whole bytes that can be decoded."""
    if "Rows" not in header or "PhotometricInterpretation" not in header:
        raise FileError(
            f"{path}: expected a DICOM image, found a DICOM object without one, or cut short; name a whole image"
        )
    missing = [keyword for keyword in ESSENTIAL if keyword not in header]
    if missing:
        raise FileError(f"{path}: expected a DICOM image, found none of {', '.join(missing)} in it; export it again")
    _refuse_encoding(header, path=path)
    colour = header.PhotometricInterpretation
    if colour not in ("MONOCHROME1", "MONOCHROME2") or header.get("SamplesPerPixel", 1) != 1:
        raise FileError(f"{path}: expected a grey sequence, found colour ({colour}); convert it to grey first")
    if not header.Rows or not header.Columns:
        raise FileError(f"{path}: expected pixels, found {header.Rows} x {header.Columns} of them; export it again")
    if header.BitsAllocated not in (8, 16, 32):
        found = f"{header.BitsAllocated} bits"
        raise FileError(f"{path}: expected pixels of 8, 16 or 32 bits, found {found}; export it as a grey image")


def _refuse_encoding(header: Dataset, *, path: Path) -> None:
    """Raise `FileError` where no decoder is installed for one frame alone."""
    syntax = header.file_meta.TransferSyntaxUID
    if syntax.is_deflated:
        raise FileError(f"{path}: expected frames that can be read alone, found a deflated file; store it otherwise")
    # the only free decoders for 12 bits of this syntax are GPL
    if not decodable(syntax) or (syntax == JPEGExtended12Bit and header.BitsStored > 8):
        found = f"{header.BitsStored} bits in {syntax.name}"
        raise FileError(f"{path}: expected pixels that can be decoded, found {found}; store it as JPEG 2000 or native")


def _timing(header: Dataset) -> tuple[float | None, dict[str, Any]]:
    """(frame interval in s or None, metadata). PS3.3 C.7.6.5: the frame increment pointer says which one holds."""
    times = np.array(header.get("FrameTimeVector") or [], float)[1:] / 1000
    by_vector = header.get("FrameIncrementPointer") == Tag("FrameTimeVector") or not _number(header, "FrameTime")
    if by_vector and times.size and np.median(times) > 0:
        median = float(np.median(times))
        if np.allclose(times, median, rtol=0.01):
            return median, {}
        warning = (
            f"frames are {times.min():.4g} to {times.max():.4g} s apart; the median, {median:.4g} s, stands for all"
        )
        return median, {"frame_increments": (0.0, *times.tolist()), "warnings": (warning,)}
    if _number(header, "FrameTime"):
        return _number(header, "FrameTime") / 1000, {}
    rate = _number(header, "CineRate") or _number(header, "RecommendedDisplayFrameRate")
    return (1 / rate if rate else None), {}


def _spacing(header: Dataset) -> tuple[tuple[float, float] | None, dict[str, Any]]:
    """((row, column) spacing in mm or None, metadata). Without a calibration, the spacing is the detector's own."""
    for keyword, plane in (("PixelSpacing", "object"), ("ImagerPixelSpacing", "detector")):
        values = header.get(keyword)
        if values and len(values) == 2 and min(values) > 0:
            return (float(values[0]), float(values[1])), {"pixel_size_plane": plane}
    return None, {}


def _intensity(header: Dataset) -> Intensity:
    assumed: Intensity = "display" if header.BitsStored <= 8 else "linear"
    return INTENSITIES.get(header.get("PixelIntensityRelationship", ""), assumed)


def _technical(header: Dataset) -> dict[str, Any]:
    found = {key: _plain(header.get(keyword)) for key, keyword in TECHNICAL.items()}
    masks = [
        frame
        for item in header.get("MaskSubtractionSequence") or []
        if item.get("MaskOperation", "NONE") != "NONE"
        for frame in np.atleast_1d(item.get("MaskFrameNumbers") or []).tolist()
    ]
    if header.file_meta.TransferSyntaxUID in LOSSY:
        found["lossy"] = "01"
    found["mask_frames"] = tuple(masks)  # counted from 1, as in the file
    return {key: value for key, value in found.items() if value not in (None, "", ())}


def _display(header: Dataset) -> dict[str, Any]:
    """The rescale (slope, intercept) to physical values, and the window (low, high) in stored values."""
    slope, intercept = _number(header, "RescaleSlope") or 1.0, _number(header, "RescaleIntercept")
    found: dict[str, Any] = {} if (slope, intercept) == (1, 0) else {"rescale": (slope, intercept)}
    width = _number(header, "WindowWidth")
    if width > 1:
        # PS3.3 C.11.2.1.2.1: the linear function reaches its ends half a value early
        centre = _number(header, "WindowCenter") - 0.5
        ends = (centre - (width - 1) / 2, centre + (width - 1) / 2)
        low, high = sorted((end - intercept) / slope for end in ends)
        found["window"] = (low, high)
    return found


def _overlays(header: Dataset) -> NDArray[np.bool_]:
    """The overlay planes (n, Y, X) bool, each where it lies on the frames; a plane of many frames as their union."""
    rows, columns = int(header.Rows), int(header.Columns)
    groups = [group for group in range(0x6000, 0x6020, 2) if (group, 0x3000) in header]
    planes: NDArray[np.bool_] = np.zeros((len(groups), rows, columns), bool)
    for plane, group in zip(planes, groups, strict=True):
        drawn: NDArray[np.bool_] = np.asarray(header.overlay_array(group), bool)
        if drawn.ndim == 3:
            drawn = np.logical_or.reduce(drawn)
        top, left = (int(n) - 1 for n in header[group, 0x0050].value)
        part = drawn[max(-top, 0) : rows - top, max(-left, 0) : columns - left]
        top, left = max(top, 0), max(left, 0)
        plane[top : top + part.shape[0], left : left + part.shape[1]] = part
    return planes


def _number(header: Dataset, keyword: str) -> float:
    """The first value of an element, 0 where there is none."""
    value = header.get(keyword)
    if isinstance(value, MultiValue):
        value = value[0] if value else None
    return float(value or 0)


def _plain(value: Any) -> Any:
    """A DICOM value as Python's own str, int, float or a tuple of them."""
    if isinstance(value, MultiValue):
        return tuple(_plain(item) for item in value)
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return None if value is None else str(value)
