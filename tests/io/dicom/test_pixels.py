"""Every transfer syntax, frames found without reading the file, and bits that do not belong to the pixels."""

import cv2
import gdcm
import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.pixels import get_encoder

from napari_fluorodenoise import io
from napari_fluorodenoise.io.dicom import pixels

ENCODED = [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless]


@pytest.fixture(params=["uint8", "uint16", "int16"])
def frames(request):
    t, y, x = np.mgrid[:4, :36, :33]
    values = 70 + 20 * t + 2 * y + x + np.random.default_rng(1).integers(0, 5, t.shape)
    return (values - (200 if request.param == "int16" else 0)).astype(request.param)


def _encode(frames, syntax):
    encoder = get_encoder(syntax)
    options = {
        "rows": frames.shape[1],
        "columns": frames.shape[2],
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 8 * frames.itemsize,
        "bits_stored": 8 * frames.itemsize,
        "pixel_representation": int(frames.dtype.kind == "i"),
        "number_of_frames": 1,
    }
    return [encoder.encode(frame, **options) for frame in frames]


def _is_read_equal(path, frames, *, tolerance=0):
    video = io.read(path)
    assert (video.shape, video.dtype) == (frames.shape, frames.dtype)
    for index in (2, 0, 3, 1):  # any order
        difference = np.asarray(video.data[index]).astype(int) - frames[index]
        assert np.abs(difference).max() <= tolerance


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
def test_native_frames(dicom_file, frames, syntax):
    _is_read_equal(dicom_file(frames, syntax=syntax), frames)


@pytest.mark.filterwarnings("ignore:.*Explicit VR Big Endian.*")
def test_big_endian_frames(dicom_file, frames):
    header = pydicom.dcmread(dicom_file(frames))
    header.PixelData = frames.astype(frames.dtype.newbyteorder(">")).tobytes()
    header.file_meta.TransferSyntaxUID = uid.ExplicitVRBigEndian
    pydicom.dcmwrite(header.filename, header, little_endian=False, implicit_vr=False)
    _is_read_equal(header.filename, frames)


@pytest.mark.parametrize("has_table", [True, False])
@pytest.mark.parametrize("syntax", ENCODED)
def test_lossless_encoded_frames(dicom_file, frames, syntax, has_table):
    encoded = _encode(frames, syntax)
    _is_read_equal(dicom_file(frames, encoded=(encoded, {"has_bot": has_table}), syntax=syntax), frames)


@pytest.mark.parametrize("has_table", [True, False])
@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("count", [1, 4])
def test_a_jpeg_in_several_fragments(dicom_file, has_table, fragments, count):
    y, x = np.mgrid[:64, :80]
    frames = np.stack([2 * y + x // 2 + 9 * t for t in range(count)]).astype(np.uint8)
    encoded = [cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes() for frame in frames]
    layout = {"has_bot": has_table, "fragments_per_frame": fragments}
    path = dicom_file(frames, encoded=(encoded, layout), syntax=uid.JPEGBaseline8Bit)
    video = io.read(path)
    assert video.shape == frames.shape
    assert np.abs(video.numpy().astype(int) - frames).max() <= 4


@pytest.mark.parametrize("kind", ["JPEGLosslessProcess14", "JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000"])
def test_frames_encoded_by_gdcm(dicom_file, frames, kind):
    path = dicom_file(frames)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, kind)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    _is_read_equal(path, frames, tolerance=2 if kind == "JPEG2000" else 0)


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_bits_above_those_stored_are_not_pixels(dicom_file, dtype):
    values = np.arange(-60, 60).reshape(2, 6, 10) + (60 if dtype == "uint16" else 0)
    dirty = (values & 0x0FFF | 0x5000).astype(np.uint16).view(dtype)  # an overlay in the upper bits
    path = dicom_file(dirty, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(io.read(path).numpy(), values)


def test_building_a_video_decodes_nothing_and_a_frame_only_itself(dicom_file, monkeypatch):
    frames = np.random.default_rng(0).integers(0, 4000, (300, 16, 16)).astype(np.uint16)
    path = dicom_file(frames, encoded=(_encode(frames, uid.RLELossless), {"has_bot": False}), syntax=uid.RLELossless)
    decoded = []
    load = pixels.Pixels.__call__

    def counting(self, index):
        decoded.append(index)
        return load(self, index)

    monkeypatch.setattr(pixels.Pixels, "__call__", counting)
    video = io.read(path)
    assert (video.shape, decoded) == ((300, 16, 16), [])
    np.testing.assert_array_equal(video.data[217], frames[217])
    assert decoded == [217]


def test_fewer_frames_than_announced_are_one_clear_line(dicom_file, frames):
    encoded = _encode(frames, uid.RLELossless)[:3]
    path = dicom_file(frames, encoded=(encoded, {"has_bot": False}), syntax=uid.RLELossless)
    with pytest.raises(io.FileError, match=r"expected 4 frames, found [0-3]: the file is cut short"):
        io.read(path)


def test_a_damaged_frame_is_one_clear_line_when_it_is_read(dicom_file, frames):
    encoded = _encode(frames, uid.JPEG2000Lossless)
    encoded[1] = b"\0" * len(encoded[1])
    path = dicom_file(frames, encoded=(encoded, {}), syntax=uid.JPEG2000Lossless)
    video = io.read(path)
    np.testing.assert_array_equal(video.data[0], frames[0])
    with pytest.raises(io.FileError, match="frame 1") as raised:
        video.data[1].compute()
    assert "\n" not in str(raised.value)
