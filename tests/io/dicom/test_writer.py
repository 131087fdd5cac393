"""A written object is derived, refers to its source, names nobody, and reads back equal by pydicom alone."""

import numpy as np
import pydicom
import pytest
from pydicom.tag import Tag

from napari_fluorodenoise import io

XA = "1.2.840.10008.5.1.4.1.1.12.1"


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("shape", [(3, 6, 8), (3, 5, 7), (1, 5, 7)])
def test_pydicom_reads_it_back_equal(tmp_path, sequence, dtype, shape):
    video = sequence(dtype, shape)
    io.write(tmp_path / "run.dcm", video)
    header = pydicom.dcmread(tmp_path / "run.dcm")
    np.testing.assert_array_equal(header.pixel_array.reshape(shape), video.data)
    assert len(header.PixelData) % 2 == 0
    assert header.FrameTime == pytest.approx(1000 / 15)
    assert ("FrameIncrementPointer" in header) == (len(video.data) > 1)
    assert header.PixelSpacing == [0.2, 0.25]


def test_what_x_ray_classes_ask_for_is_there_though_unknown(tmp_path, sequence):
    source = {"sop_class_uid": XA, "sop_instance_uid": "1.2.3", "positioner_motion": "DYNAMIC"}
    io.write(tmp_path / "run.dcm", sequence("uint16", photometric="MONOCHROME2", metadata=source))
    header = pydicom.dcmread(tmp_path / "run.dcm")
    for keyword in ("KVP", "ExposureTime", "PositionerPrimaryAngle", "PositionerPrimaryAngleIncrement"):
        assert keyword in header
    assert header.FrameIncrementPointer == Tag("FrameTime")
    assert "RescaleSlope" not in header


def test_a_secondary_capture_says_that_its_values_are_to_be_shown_as_they_are(tmp_path, sequence):
    io.write(tmp_path / "run.dcm", sequence("uint16", photometric="MONOCHROME2"))
    header = pydicom.dcmread(tmp_path / "run.dcm")
    assert (header.PresentationLUTShape, header.RescaleSlope, header.RescaleIntercept) == ("IDENTITY", 1, 0)


def test_it_is_derived_from_its_source_and_names_nobody(tmp_path, dicom_file):
    frames = np.arange(4 * 6 * 7, dtype=np.uint16).reshape(4, 6, 7)
    source = dicom_file(frames, FrameTime="33", ImageType=["ORIGINAL", "PRIMARY", "SINGLE PLANE"], KVP="71.23456789")
    io.write(tmp_path / "out.dcm", io.read(source))
    before, after = pydicom.dcmread(source), pydicom.dcmread(tmp_path / "out.dcm")
    assert after.ImageType == ["DERIVED", "SECONDARY", "SINGLE PLANE"]
    assert after.DerivationDescription
    assert (after.SOPClassUID, after.StudyInstanceUID) == (XA, before.StudyInstanceUID)
    assert len({before.SOPInstanceUID, after.SOPInstanceUID, before.SeriesInstanceUID, after.SeriesInstanceUID}) == 4
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert after.SourceImageSequence[0].ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert after.SourceImageSequence[0].ReferencedSOPClassUID == before.SOPClassUID
    assert after.KVP == before.KVP
    assert not any((after.PatientName, after.PatientID, after.PatientBirthDate, after.get("InstitutionName")))
    assert all(keyword in after for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"))


@pytest.mark.parametrize(
    ("facts", "dtype", "kept"),
    [
        ({}, "uint16", True),
        ({}, "int16", False),
        ({"photometric": "MONOCHROME1"}, "uint16", False),
        ({"frame_interval": None}, "uint16", False),
    ],
)
def test_the_class_is_kept_where_it_allows_the_pixels(tmp_path, sequence, facts, dtype, kept):
    source = {"sop_class_uid": XA, "sop_instance_uid": "1.2.3"}
    io.write(tmp_path / "run.dcm", sequence(dtype, **{"photometric": "MONOCHROME2", "metadata": source, **facts}))
    assert (pydicom.dcmread(tmp_path / "run.dcm").SOPClassUID == XA) == kept


@pytest.mark.parametrize(("high", "bits"), [(4095, 12), (4096, 16)])
def test_the_source_bits_are_kept_unless_the_values_need_more(tmp_path, sequence, high, bits):
    video = sequence("uint16", metadata={"bits_stored": 12})
    video.data[-1, 0, 0] = high
    io.write(tmp_path / "run.dcm", video)
    assert pydicom.dcmread(tmp_path / "run.dcm").BitsStored == bits
    np.testing.assert_array_equal(io.read(tmp_path / "run.dcm").numpy(), video.data)


def test_uneven_times_window_and_rescale_survive(tmp_path, sequence):
    metadata = {
        "frame_increments": (0.0, 0.04, 0.04, 0.12, 0.04),
        "window": (10.0, 90.0),
        "rescale": (2.0, -5.0),
        "pixel_size_plane": "detector",
    }
    io.write(tmp_path / "run.dcm", sequence(metadata=metadata))
    again = io.read(tmp_path / "run.dcm")
    for key, value in metadata.items():
        assert again.metadata[key] == (value if isinstance(value, str) else pytest.approx(value))


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_other_values_need_a_stated_rescale(tmp_path, sequence, dtype):
    with pytest.raises(io.FileError, match=r"run\.dcm: expected one of uint8, .*state a rescale slope, intercept"):
        io.write(tmp_path / "run.dcm", sequence(dtype))
    assert not list(tmp_path.iterdir())


def test_a_stated_rescale_is_applied_and_recorded(tmp_path, sequence):
    video = sequence("float32")
    io.write(tmp_path / "run.dcm", video, rescale=(0.01, -400.0))
    header = pydicom.dcmread(tmp_path / "run.dcm")
    values = header.pixel_array * float(header.RescaleSlope) + float(header.RescaleIntercept)
    np.testing.assert_allclose(values, video.data, atol=0.0051)


@pytest.mark.parametrize("rescale", [(1.0, 0.0), (1e-6, -400.0), (0.0, 1.0), (float("nan"), 0.0)])
def test_a_rescale_that_does_not_fit_is_one_clear_line(tmp_path, sequence, rescale):
    with pytest.raises(io.FileError, match="expected") as raised:
        io.write(tmp_path / "run.dcm", sequence("float32"), rescale=rescale)
    assert str(tmp_path / "run.dcm") in str(raised.value)
    assert not list(tmp_path.iterdir())
