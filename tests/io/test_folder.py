"""Folders of frames from anywhere: natural order, one kind, one size."""

import shutil

import cv2
import numpy as np
import pytest
import tifffile

from napari_fluorodenoise import io

FRAMES = np.stack([np.full((16, 20), 10 * t, np.uint8) for t in range(12)])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".PNG"])
def test_frames_come_in_natural_order(tmp_path, suffix):
    for index, frame in enumerate(FRAMES):
        path = tmp_path / f"frame_{index}{suffix}"
        tifffile.imwrite(path, frame) if suffix == ".tif" else cv2.imwrite(str(path), frame)
    (tmp_path / "README.txt").write_text("not a frame")
    video = io.read(tmp_path)
    assert video.shape == FRAMES.shape
    assert np.abs(video.numpy().astype(int) - FRAMES).max() <= 1
    assert video.intensity == "display"


def test_grey_saved_as_colour_is_grey(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.repeat(FRAMES[3][..., None], 4, axis=2))
    np.testing.assert_array_equal(io.read(tmp_path).numpy(), FRAMES[3:4])


def test_single_frames_of_dicom_keep_their_facts(tmp_path, dicom_file):
    (tmp_path / "frames").mkdir()
    for index in range(3):
        path = dicom_file(FRAMES[index : index + 1], PixelSpacing=["0.3", "0.2"], PixelIntensityRelationship="LOG")
        shutil.move(path, tmp_path / f"frames/IM{9 + index}.dcm")
    video = io.read(tmp_path / "frames")
    np.testing.assert_array_equal(video.numpy(), FRAMES[:3])
    assert (video.pixel_size, video.intensity) == ((0.3, 0.2), "log")


def test_several_kinds_are_one_clear_line(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), FRAMES[0])
    cv2.imwrite(str(tmp_path / "b.jpg"), FRAMES[0])
    with pytest.raises(io.FileError, match=r"found \.jpg and \.png together"):
        io.read(tmp_path)


def test_a_file_of_several_frames_is_no_frame(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", FRAMES)
    with pytest.raises(io.FileError, match=r"a\.tif: expected one grey frame"):
        io.read(tmp_path)


@pytest.mark.parametrize(("dtype", "suffix"), [("uint8", ".png"), ("uint16", ".png"), ("float32", ".tif")])
def test_frames_are_written_as_pictures_where_they_can_be(tmp_path, sequence, dtype, suffix):
    io.write(tmp_path / "run", sequence(dtype))
    assert {file.suffix for file in (tmp_path / "run").iterdir()} == {suffix, ".json"}
