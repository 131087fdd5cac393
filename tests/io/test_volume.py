import sys

import nibabel
import numpy as np
import pytest
from pydicom import Dataset, Sequence, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

from napari_fluorodenoise.io import FileError
from napari_fluorodenoise.io.volume import read_volume

HU = np.random.default_rng(5).integers(-1000, 1500, (10, 7, 9)).astype(np.float32)
SPACING = (2.5, 0.7, 0.8)
AXIAL = (1, 0, 0, 0, 1, 0)
SERIES = generate_uid()


def ct(**elements):
    """A CT header with a patient in it."""
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, generate_uid()
    header.SeriesInstanceUID, header.Modality = SERIES, "CT"
    header.PatientName, header.PatientID = "Doe^Jane", "4711"
    header.Rows, header.Columns = HU.shape[1:]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
    header.RescaleSlope, header.RescaleIntercept = 0.5, -1024
    header.PixelSpacing, header.ImageOrientationPatient = list(SPACING[1:]), list(AXIAL)
    for keyword, value in elements.items():
        setattr(header, keyword, value)
    return header


def save(header, path, hu):
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.PixelData = np.round((hu + 1024) / 0.5).astype("<u2").tobytes()
    header["PixelData"].VR = "OW"
    dcmwrite(path, header, enforce_file_format=True)


@pytest.fixture
def series(tmp_path):
    """The folder of a series whose slices' names do not say their order; `change(k)` gives elements or None to skip."""

    def make(change=lambda k: {}, folder="ct"):
        path = tmp_path / folder
        path.mkdir()
        for k in range(len(HU)):
            changed = change(k)
            if changed is not None:
                position = [-3.0, 4.0, -50 + SPACING[0] * k]
                save(
                    ct(**{"ImagePositionPatient": position, "InstanceNumber": k, **changed}),
                    path / f"{7 * k % 10}",
                    HU[k],
                )
        return path

    return make


def test_slices_become_a_volume_in_the_order_of_their_places(series):
    path = series()
    (path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    (path / "notes.txt").write_text("not a slice")
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data, HU)
    assert volume.data.dtype == np.float32
    assert volume.spacing == pytest.approx(SPACING)
    np.testing.assert_allclose(volume.directions, [[0, 0, 1], [0, 1, 0], [1, 0, 0]], atol=1e-9)
    assert not any("Doe" in str(value) for value in vars(volume).values())


@pytest.mark.parametrize(
    ("orientation", "way", "expected"),
    [
        ((0, 1, 0, 0, 0, -1), (-1, 0, 0), "sagittal"),
        ((1, 0, 0, 0, 0, -1), (0, 1, 0), "coronal"),
        ((1, 0, 0, 0, 0.9, 0.435889894), (0, 0, 1), "gantry"),
    ],
)
def test_the_directions_say_where_the_axes_point(series, orientation, way, expected):
    places = {k: [float(SPACING[0] * k * axis) for axis in way] for k in range(len(HU))}
    path = series(lambda k: {"ImagePositionPatient": places[k], "ImageOrientationPatient": list(orientation)})
    volume = read_volume(path)
    np.testing.assert_allclose(volume.directions, [way, orientation[3:], orientation[:3]], atol=1e-6)
    assert volume.spacing == pytest.approx(SPACING)
    np.testing.assert_array_equal(volume.data, HU)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda k: None if k == 4 else {}, r"slices 2\.5 mm apart, found a gap of 5 mm after \(-3, 4, -42\.5\) mm"),
        (lambda k: {"ImagePositionPatient": [0, 0, max(k, 1)]}, "one slice at each place, found two at"),
        (lambda k: {"ImagePositionPatient": [0, 0, 1.1 * k if k > 4 else k]}, "evenly apart along a line"),
        (lambda k: {"ImagePositionPatient": [0, (k == 3) * 1.0, k]}, "evenly apart along a line"),
        (lambda k: {"SeriesInstanceUID": generate_uid()} if k < 1 else {}, "one CT series, found 2 series of 1 and 9"),
        (lambda k: {} if k < 7 else None, "at least 8 slices, found 7"),
        (lambda k: {"PixelSpacing": [0.7, 0.8 + (k == 2)]}, "slices of one spacing, found"),
        (lambda k: {"ImageOrientationPatient": list(AXIAL) if k else [1, 0, 0, 0, 0, -1]}, "slices of one orientation"),
        (lambda k: {"Rows": 9 - k % 2, "Columns": 7}, "slices of one shape"),
        (lambda k: {"Modality": "MR"}, "expected a CT image, found MR"),
        (lambda k: {"RescaleSlope": None}, "expected RescaleSlope of a CT image"),
        (lambda k: {"ImagePositionPatient": None}, "expected ImagePositionPatient of a CT image, found None"),
    ],
)
def test_what_is_no_even_series_is_refused_in_one_line(series, change, message):
    with pytest.raises(FileError, match=message) as found:
        read_volume(series(change))
    assert "\n" not in str(found.value)


def test_a_folder_without_slices_and_other_files_are_refused(tmp_path):
    (tmp_path / "readme.txt").write_text("nothing here")
    np.save(tmp_path / "volume.npy", HU)
    with pytest.raises(FileError, match="slices of one CT series, found none"):
        read_volume(tmp_path)
    with pytest.raises(FileError, match="found neither"):
        read_volume(tmp_path / "volume.npy")
    with pytest.raises(FileError, match="found none there"):
        read_volume(tmp_path / "missing")


def test_a_damaged_slice_says_its_name(series):
    path = series()
    (path / "3").write_bytes((path / "3").read_bytes()[:-40])
    with pytest.raises(FileError, match=r"ct.3: expected 1 frames, found 0: the file is cut short"):
        read_volume(path)


def group(**elements):
    """A functional group of one item per keyword's sequence."""
    groups = Dataset()
    for sequence, values in elements.items():
        item = Dataset()
        for keyword, value in values.items():
            setattr(item, keyword, value)
        setattr(groups, sequence, Sequence([item]))
    return groups


def test_a_multi_frame_ct_is_a_volume(tmp_path):
    header = ct(SOPClassUID=EnhancedCTImageStorage, NumberOfFrames=len(HU))
    for keyword in ("RescaleSlope", "RescaleIntercept", "PixelSpacing", "ImageOrientationPatient"):
        delattr(header, keyword)
    header.SharedFunctionalGroupsSequence = Sequence(
        [
            group(
                PixelMeasuresSequence={"PixelSpacing": list(SPACING[1:])},
                PlaneOrientationSequence={"ImageOrientationPatient": list(AXIAL)},
                PixelValueTransformationSequence={"RescaleSlope": 0.5, "RescaleIntercept": -1024},
            )
        ]
    )
    header.PerFrameFunctionalGroupsSequence = Sequence(
        [group(PlanePositionSequence={"ImagePositionPatient": [0, 0, -SPACING[0] * k]}) for k in range(len(HU))]
    )
    save(header, tmp_path / "enhanced.dcm", HU)
    volume = read_volume(tmp_path / "enhanced.dcm")
    np.testing.assert_array_equal(volume.data, HU[::-1])  # its frames run to the feet, the volume to the head
    assert volume.spacing == pytest.approx(SPACING)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_becomes_the_same_volume(series, tmp_path, suffix):
    to_world = np.diag([-SPACING[2], -SPACING[1], SPACING[0], 1.0])  # RAS: columns to the left, rows to the back
    path = tmp_path / f"ct{suffix}"
    nibabel.save(nibabel.Nifti1Image(HU.T, to_world), path)
    volume, expected = read_volume(path), read_volume(series())
    np.testing.assert_array_equal(volume.data, expected.data)
    np.testing.assert_allclose(volume.steps, expected.steps, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((4, 5, 6, 2), np.float32), r"one volume in mm, found shape \(4, 5, 6, 2\)"),
        (np.ones((4, 5, 6), np.float32), "expected HU, of which air has -1000, found 1 to 1"),
        (np.full((4, 5, 6), np.nan, np.float32), "expected HU"),
    ],
)
def test_other_nifti_files_are_refused(tmp_path, values, message):
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "other.nii")
    with pytest.raises(FileError, match=message):
        read_volume(tmp_path / "other.nii")


def test_without_nibabel_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nibabel", None)
    (tmp_path / "ct.nii.gz").write_bytes(b"something")
    with pytest.raises(ImportError, match="pip install nibabel"):
        read_volume(tmp_path / "ct.nii.gz")
