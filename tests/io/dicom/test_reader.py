"""What a header becomes: timing, spacing, meaning, and nothing about the patient."""

import json
import re

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import MPEG4HP41, JPEGExtended12Bit

from napari_fluorodenoise import io
from napari_fluorodenoise.io import facts

FRAMES = np.arange(4 * 6 * 7, dtype=np.uint16).reshape(4, 6, 7)


@pytest.mark.parametrize(
    ("elements", "interval"),
    [
        ({"FrameTime": "40"}, 0.04),
        ({"FrameTimeVector": ["0", "40", "40", "40"]}, 0.04),
        ({"CineRate": "25", "RecommendedDisplayFrameRate": "10"}, 0.04),
        ({"RecommendedDisplayFrameRate": "10"}, 0.1),
        ({"FrameTime": "0"}, None),
        ({}, None),
    ],
)
def test_the_interval_is_found(dicom_file, elements, interval):
    video = io.read(dicom_file(FRAMES, **elements))
    assert video.frame_interval == (None if interval is None else pytest.approx(interval))
    assert "warnings" not in video.metadata


def test_uneven_times_are_kept_and_warned_about(dicom_file):
    pointer = {"FrameIncrementPointer": Tag("FrameTimeVector"), "FrameTime": "1"}
    video = io.read(dicom_file(FRAMES, FrameTimeVector=["0", "40", "40", "120"], **pointer))
    assert video.frame_interval == pytest.approx(0.04)
    assert video.metadata["frame_increments"] == pytest.approx((0, 0.04, 0.04, 0.12))
    assert "0.04 to 0.12 s" in video.metadata["warnings"][0]


@pytest.mark.parametrize(
    ("elements", "size", "plane"),
    [
        ({"PixelSpacing": ["0.2", "0.3"], "ImagerPixelSpacing": ["1", "1"]}, (0.2, 0.3), "object"),
        ({"ImagerPixelSpacing": ["0.4", "0.5"]}, (0.4, 0.5), "detector"),
        ({"PixelSpacing": ["0", "0"]}, None, None),
        ({}, None, None),
    ],
)
def test_the_spacing_and_its_plane_are_found(dicom_file, elements, size, plane):
    video = io.read(dicom_file(FRAMES, **elements))
    assert video.pixel_size == size
    assert video.metadata.get("pixel_size_plane") == plane


@pytest.mark.parametrize(
    ("dtype", "elements", "intensity"),
    [
        ("uint8", {}, "display"),
        ("uint16", {}, "linear"),
        ("uint8", {"PixelIntensityRelationship": "LIN"}, "linear"),
        ("uint16", {"PixelIntensityRelationship": "LOG"}, "log"),
        ("uint16", {"PixelIntensityRelationship": "DISP"}, "display"),
    ],
)
def test_the_meaning_of_the_values_is_found(dicom_file, dtype, elements, intensity):
    assert io.read(dicom_file(FRAMES.astype(dtype), **elements)).intensity == intensity


def test_values_stay_as_stored(dicom_file):
    rescale = {"RescaleSlope": "2", "RescaleIntercept": "-100"}
    window = {"WindowCenter": ["60.5", "1"], "WindowWidth": ["121", "2"]}
    video = io.read(dicom_file(FRAMES, PhotometricInterpretation="MONOCHROME1", **rescale, **window))
    np.testing.assert_array_equal(video.numpy(), FRAMES)
    assert video.photometric == "MONOCHROME1"
    assert video.metadata["rescale"] == (2.0, -100.0)
    assert video.metadata["window"] == (50.0, 110.0)  # rescaled, this is 0 to 120


def test_nothing_about_the_patient_is_in_the_metadata(dicom_file, tmp_path):
    path = dicom_file(FRAMES, DerivationDescription="by Roe for Doe", ImageComments="Doe", StationName="Elsewhere")
    for output in ("", "a.tif", "a.dcm", "a.npy"):
        video = io.read(path)
        if output:
            io.write(tmp_path / output, video)
            video = io.read(tmp_path / output)
        text = re.sub(r"\d+(\.\d+){4,}", "UID", json.dumps(facts.dumped(video)))  # random digits may spell anything
        assert not any(word in text for word in ("Doe", "Roe", "4711", "1970", "Elsewhere"))


def test_technical_values_are_kept_as_plain_python(dicom_file):
    mask = Dataset()
    mask.MaskOperation, mask.MaskFrameNumbers = "AVG_SUB", [1, 2]
    video = io.read(dicom_file(FRAMES, KVP="70.5", ExposureTime="8", MaskSubtractionSequence=[mask], BitsStored=12))
    assert video.metadata["kvp_kV"] == 70.5
    assert video.metadata["exposure_time_ms"] == 8
    assert video.metadata["mask_frames"] == (1, 2)
    assert video.metadata["bits_stored"] == 12
    assert {type(value) for value in video.metadata.values()} <= {str, int, float, tuple}


def test_overlay_planes_are_read_only_when_asked_for(dicom_file):
    path = dicom_file(FRAMES)
    header = pydicom.dcmread(path)
    plane = np.zeros((3, 8), np.uint8)
    plane[0, 0] = plane[2, 3] = 1
    header.add_new((0x6000, 0x0010), "US", 3)
    header.add_new((0x6000, 0x0011), "US", 8)
    header.add_new((0x6000, 0x0040), "CS", "G")
    header.add_new((0x6000, 0x0050), "SS", [2, 3])
    header.add_new((0x6000, 0x0100), "US", 1)
    header.add_new((0x6000, 0x0102), "US", 0)
    header.add_new((0x6000, 0x3000), "OW", np.packbits(plane, bitorder="little").tobytes() + b"\0")
    pydicom.dcmwrite(path, header)
    assert "overlays" not in io.read(path).metadata
    overlays = io.read(path, overlays=True).metadata["overlays"]
    assert (overlays.shape, overlays.dtype) == ((1, 6, 7), bool)
    assert np.argwhere(overlays[0]).tolist() == [[1, 2], [3, 5]]


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        ({"PhotometricInterpretation": "YBR_FULL_422", "SamplesPerPixel": 3, "PlanarConfiguration": 0}, "colour"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour"),
        ({"Rows": 0}, "0 x 7"),
        ({"BitsAllocated": 1}, "1 bits"),
        ({"NumberOfFrames": 5}, "found 4"),
    ],
)
def test_what_is_no_grey_sequence_is_one_clear_line(dicom_file, elements, found):
    with pytest.raises(io.FileError, match=found) as raised:
        io.read(dicom_file(FRAMES, **elements))
    assert "expected" in str(raised.value)


@pytest.mark.parametrize(("syntax", "bits"), [(JPEGExtended12Bit, 12), (MPEG4HP41, 8)])
def test_what_nothing_here_decodes_is_refused_at_once(dicom_file, syntax, bits):
    path = dicom_file(FRAMES, encoded=([b"\0\0"] * len(FRAMES), {}), syntax=syntax, BitsStored=bits)
    with pytest.raises(io.FileError, match=f"that can be decoded, found {bits} bits in {syntax.name[:4]}"):
        io.read(path)


def lacking(path, keyword):
    """The file at `path`, without the element called `keyword`."""
    header = pydicom.dcmread(path)
    delattr(header, keyword)
    pydicom.dcmwrite(path, header)
    return path


def test_a_header_that_lacks_something_says_what(dicom_file):
    path = lacking(dicom_file(FRAMES), "BitsStored")
    with pytest.raises(io.FileError, match="found none of BitsStored"):
        io.read(path)


def test_an_object_without_pixels_is_one_clear_line(dicom_file):
    path = lacking(dicom_file(FRAMES), "PixelData")
    with pytest.raises(io.FileError, match="no pixels"):
        io.read(path)
    with pytest.raises(io.FileError, match="without one"):
        io.read(lacking(path, "Rows"))


def test_what_an_enhanced_object_says_for_all_frames_is_found(dicom_file):
    measures, properties, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [0.2, 0.25]
    properties.PixelIntensityRelationship = "LOG"
    shared.PixelMeasuresSequence, shared.FramePixelDataPropertiesSequence = [measures], [properties]
    video = io.read(dicom_file(np.zeros((3, 8, 9), np.uint16), SharedFunctionalGroupsSequence=[shared]))
    assert (video.pixel_size, video.intensity) == ((0.2, 0.25), "log")


def test_a_window_of_one_value_is_no_window(dicom_file):
    video = io.read(dicom_file(np.zeros((3, 8, 9), np.uint16), WindowCenter=500, WindowWidth=1))
    assert "window" not in video.metadata
