"""A sequence as a derived DICOM object, streamed: native pixels, explicit VR little endian, up to 4 GB.

The object keeps the class of its source, XA or RF, where that class allows its pixels and knows its timing; else it is
a multi-frame secondary capture. It belongs to the source's study, in a series of its own, and names the source image.
Every attribute about the patient is there but empty, for the archive that receives it to fill in. Signed values and
MONOCHROME1 are written as they are, though secondary captures are meant to be neither: readers cope.
"""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    XRayAngiographicImageStorage,
    XRayRadiofluoroscopicImageStorage,
    generate_uid,
)
from pydicom.valuerep import DSfloat

from napari_fluorodenoise.engine.progress import Progress, silent
from napari_fluorodenoise.io.dicom.reader import INTENSITIES, TECHNICAL
from napari_fluorodenoise.io.files import FileError, explained
from napari_fluorodenoise.io.frames import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.video import Video

__all__ = ["DTYPES", "write"]

DTYPES = ("uint8", "int8", "uint16", "int16")
"""What DICOM holds as it is; everything else needs a stated rescale."""

LIMIT = 2**32 - 2
"""Bytes of native pixels: their length is an even number of 32 bits."""

EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientOrientation", "ReferringPhysicianName"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "SeriesNumber", "Laterality", "Manufacturer"),
)
"""Attributes of type 2 (PS3.5 7.4.3): present, and empty where nobody knows them."""

EXPOSURE = ("KVP", "XRayTubeCurrent", "ExposureTime", "Exposure")
POSITIONER = ("PositionerMotion", "PositionerPrimaryAngle", "PositionerSecondaryAngle")
X_RAY = {
    XRayAngiographicImageStorage: (*EXPOSURE, *POSITIONER),
    XRayRadiofluoroscopicImageStorage: EXPOSURE,
}
"""The classes that have attributes of type 2 of their own (PS3.3 C.8.7)."""

INCREMENTS = {
    "PositionerMotion": ("PositionerPrimaryAngleIncrement", "PositionerSecondaryAngleIncrement"),
    "TableMotion": ("TableVerticalIncrement", "TableLateralIncrement", "TableLongitudinalIncrement"),
}
"""What else is of type 2 where the motion is DYNAMIC."""

Rescale = tuple[float, float]


def write(path: Path, video: Video, *, progress: Progress = silent, rescale: Rescale | None = None) -> None:
    """Write `video` to `path` as one derived multi-frame object.

    `rescale` (slope, intercept) says how values are stored: stored = round((value - intercept) / slope), uint16;
    without it, `video` has one of `DTYPES`. The slope is above 0. Raises `FileError` where values fall outside
    16 bits, and beyond 4 GB.
    """
    dtype = video.dtype if rescale is None else np.dtype(np.uint16)
    size = video.data.size * dtype.itemsize
    if size > LIMIT:
        raise FileError(f"{path}: expected at most 4 GB of pixels, found {size / 1e9:.1f}; write TIFF or OME-Zarr")
    with explained(path, "facts that DICOM can hold"):
        header = _header(video, dtype, rescale)
    with path.open("wb") as file:
        dcmwrite(file, header, enforce_file_format=True)
        file.write(pack("<HH2sHL", 0x7FE0, 0x0010, b"OW" if dtype.itemsize > 1 else b"OB", 0, size + size % 2))
        bits = 0
        for at, block in blocks(video, progress=progress):
            stored = _stored(block, rescale, dtype, where=f"{path}: frames {at.start} to {at.stop - 1}")
            bits = max(bits, _bits(stored))
            file.write(stored.astype(dtype.newbyteorder("<"), copy=False).tobytes())
        file.write(b"\0" * (size % 2))
        if bits > header.BitsStored:  # the source's bits do not hold these values; the header keeps its length
            header.BitsStored, header.HighBit = header.BitsAllocated, header.BitsAllocated - 1
            file.seek(0)
            dcmwrite(file, header, enforce_file_format=True)


def _stored(block: NDArray[Any], rescale: Rescale | None, dtype: np.dtype[Any], *, where: str) -> NDArray[Any]:
    """The block as DICOM stores it."""
    if rescale is None:
        return block
    values = np.round((block.astype(np.float64) - rescale[1]) / rescale[0])
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= np.iinfo(dtype).max):
        raise FileError(f"{where}: expected stored values of 0 to 65535, found {low:g} to {high:g}; change the rescale")
    return values.astype(dtype)


def _bits(stored: NDArray[Any]) -> int:
    """The bits that the values need, the sign's included."""
    low, high = int(stored.min()), int(stored.max())
    return max(high.bit_length(), (~low).bit_length()) + 1 if stored.dtype.kind == "i" else high.bit_length()


def _header(video: Video, dtype: np.dtype[Any], rescale: Rescale | None) -> Dataset:
    """Everything but the pixels: PS3.3 A.14 (XA), A.16 (RF) or A.8.3, A.8.4 (secondary capture)."""
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    kind = _class(video, dtype)
    for keyword in (*EMPTY, *X_RAY.get(kind, ())):
        setattr(header, keyword, None)
    for key, keyword in TECHNICAL.items():
        if key in video.metadata:
            setattr(header, keyword, _plain(video.metadata[key]))
    for motion, keywords in INCREMENTS.items():
        for keyword in keywords if header.get(motion) == "DYNAMIC" else ():
            setattr(header, keyword, None)
    header.SOPClassUID = kind
    _identify(header, video)
    _describe_pixels(header, video, dtype)
    _describe_time(header, video)
    _describe_values(header, video, rescale)
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return header


def _class(video: Video, dtype: np.dtype[Any]) -> UID:
    source = video.metadata.get("sop_class_uid")
    timed = video.frame_interval is not None or len(video.data) == 1
    if source in X_RAY and dtype.kind == "u" and video.photometric == "MONOCHROME2" and timed:
        return UID(source)
    if dtype.itemsize == 1:
        return MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    return MultiFrameGrayscaleWordSecondaryCaptureImageStorage


def _identify(header: Dataset, video: Video) -> None:
    """What the object is and comes from."""
    known, now, us = video.metadata, datetime.now(), f"napari-fluorodenoise {version('napari-fluorodenoise')}"
    header.SOPInstanceUID, header.SeriesInstanceUID = generate_uid(), generate_uid()
    header.StudyInstanceUID = known.get("study_instance_uid") or generate_uid()
    header.Modality = known.get("modality", "OT")
    header.InstanceNumber = 1
    header.ContentDate, header.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    header.SoftwareVersions = us
    header.ImageType = ["DERIVED", "SECONDARY", *known.get("image_type", ())[2:3]]
    header.DerivationDescription = known.get("derivation", f"Processed by {us}")
    if header.SOPClassUID in X_RAY:
        header.RadiationSetting = known.get("radiation_setting", "SC")
    else:
        header.ConversionType = "WSD"
        header.BurnedInAnnotation = known.get("burned_in_annotation", "YES")  # until somebody has looked
    if "sop_instance_uid" in known and "sop_class_uid" in known:
        purpose = Dataset()
        purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
        purpose.CodeMeaning = "Source image for image processing operation"
        source = Dataset()
        source.ReferencedSOPClassUID = known["sop_class_uid"]
        source.ReferencedSOPInstanceUID = known["sop_instance_uid"]
        source.PurposeOfReferenceCodeSequence = [purpose]
        header.SourceImageSequence = [source]


def _describe_pixels(header: Dataset, video: Video, dtype: np.dtype[Any]) -> None:
    allocated = 8 * dtype.itemsize
    stated = int(video.metadata.get("bits_stored", allocated))
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = video.photometric
    frames, header.Rows, header.Columns = video.shape
    if frames > 1 or header.SOPClassUID not in X_RAY:  # an X-ray image of one frame is not multi-frame
        header.NumberOfFrames = frames
    header.BitsAllocated = allocated
    header.BitsStored = stated if dtype == video.dtype and 0 < stated <= allocated else allocated
    header.HighBit = header.BitsStored - 1
    header.PixelRepresentation = int(dtype.kind == "i")
    if video.pixel_size is not None:
        on_detector = video.metadata.get("pixel_size_plane") == "detector"
        setattr(header, "ImagerPixelSpacing" if on_detector else "PixelSpacing", _plain(video.pixel_size))


def _describe_time(header: Dataset, video: Video) -> None:
    """The frames' timing, and the pointer to the element that states it (PS3.3 C.7.6.5, C.7.6.6)."""
    times = video.metadata.get("frame_increments", ())
    if len(video.data) == 1:  # nothing to point at, where nothing follows
        if video.frame_interval is not None:
            header.FrameTime = _plain(1000 * video.frame_interval)
    elif video.frame_interval is None:
        header.PageNumberVector = list(range(1, len(video.data) + 1))
        header.FrameIncrementPointer = Tag("PageNumberVector")
    elif len(times) == len(video.data):
        header.FrameTimeVector = _plain(tuple(1000 * time for time in times))
        header.FrameIncrementPointer = Tag("FrameTimeVector")
    else:
        header.FrameTime = _plain(1000 * video.frame_interval)
        header.FrameIncrementPointer = Tag("FrameTime")


def _describe_values(header: Dataset, video: Video, rescale: Rescale | None) -> None:
    """What the values mean and which of them to show."""
    relationships = {intensity: code for code, intensity in INTENSITIES.items()}
    header.PixelIntensityRelationship = relationships[video.intensity]
    slope, intercept = rescale or video.metadata.get("rescale", (1.0, 0.0))
    must = header.SOPClassUID not in X_RAY and video.photometric == "MONOCHROME2"  # PS3.3 C.8.6.3
    if must or (slope, intercept) != (1, 0):
        header.RescaleSlope, header.RescaleIntercept, header.RescaleType = _plain(slope), _plain(intercept), "US"
    if must:
        header.PresentationLUTShape = "IDENTITY"
    if "window" in video.metadata:
        low, high = video.metadata["window"]
        if rescale is None:  # the window is in stored values, DICOM's in rescaled ones
            low, high = low * slope + intercept, high * slope + intercept
        header.WindowWidth = _plain(high - low + 1.0)
        header.WindowCenter = _plain((low + high + 1.0) / 2)


def _plain(value: Any) -> Any:
    """The value as DICOM writes it: floats as decimal strings of at most 16 characters."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return DSfloat(value, auto_format=True) if isinstance(value, float) else value
