"""Small sequences, and DICOM files made by pydicom alone, so that our reader is not tested against our writer."""

import os
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage, generate_uid

from napari_fluorodenoise.video import Video

FACTS = {
    "frame_interval": 1 / 15,
    "pixel_size": (0.2, 0.25),
    "intensity": "log",
    "photometric": "MONOCHROME1",
}


@pytest.fixture
def sequence():
    def make(dtype="uint16", shape=(5, 31, 40), **facts):
        rng = np.random.default_rng(7)
        values = rng.normal(size=shape) * 50 if np.dtype(dtype).kind == "f" else rng.integers(0, 120, shape)
        return Video(data=values.astype(dtype), **{**FACTS, **facts})

    return make


@pytest.fixture
def dicom_file(tmp_path):
    def make(frames, *, name="run.dcm", encoded=None, syntax=ExplicitVRLittleEndian, **elements):
        path = tmp_path / name
        header = dicom_header(frames, elements)
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = syntax
        if encoded is None:
            header.PixelData = frames.astype(frames.dtype.newbyteorder("<")).tobytes() + b"\0" * (frames.nbytes % 2)
        else:
            header.PixelData = encapsulate(encoded[0], **encoded[1])
        header["PixelData"].VR = "OB" if encoded or frames.itemsize == 1 else "OW"
        dcmwrite(path, header, enforce_file_format=True)
        return path

    return make


def dicom_header(frames, elements):
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = XRayAngiographicImageStorage, generate_uid()
    header.StudyInstanceUID, header.SeriesInstanceUID = generate_uid(), generate_uid()
    header.PatientName, header.PatientID, header.PatientBirthDate = "Doe^Jane", "4711", "19700101"
    header.InstitutionName, header.OperatorsName, header.StudyDescription = "St Elsewhere", "Roe^Rick", "Jane Doe"
    header.Modality = "XA"
    header.NumberOfFrames, header.Rows, header.Columns = frames.shape[:3]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 8 * frames.itemsize
    header.HighBit = header.BitsStored - 1
    header.PixelRepresentation = int(frames.dtype.kind == "i")
    for keyword, value in elements.items():
        setattr(header, keyword, value)
    return header


@pytest.fixture
def data():
    folder = Path(os.environ.get("FLUORODENOISE_DATA", Path(__file__).parents[2] / "../shared/data"))
    if not folder.is_dir():
        pytest.skip("real sequences are not here")
    return folder
