"""A movie is seen in any order, keeps its rate, and shows the window in 8 bits."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from napari_fluorodenoise import io
from napari_fluorodenoise.io import movie
from napari_fluorodenoise.video import Video


def _ramp(frames=90, rows=48, columns=64):
    """Frames of a smooth ramp, each of its own brightness."""
    y, x = np.mgrid[:rows, :columns]
    return np.stack([60 + 3 * (t % 30) + y + x / 2 for t in range(frames)])


@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
@pytest.mark.parametrize("kept", [1, 128 << 20])
def test_frames_are_found_in_any_order(tmp_path, monkeypatch, suffix, kept):
    monkeypatch.setattr(movie, "KEPT", kept)
    monkeypatch.setattr(movie, "AHEAD", 8)
    ramp = _ramp()
    io.write(tmp_path / f"run{suffix}", Video(data=ramp.astype(np.uint8), frame_interval=0.04))
    video = io.read(tmp_path / f"run{suffix}")
    assert video.shape == ramp.shape
    assert (video.frame_interval, video.intensity) == (pytest.approx(0.04), "display")
    for index in (0, 89, 40, 41, 43, 3, 88, 2):
        assert np.mean(np.asarray(video.data[index])) == pytest.approx(ramp[index].mean(), abs=1.4)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_window_becomes_black_and_white(tmp_path, photometric):
    ramp = _ramp(3)
    video = Video(data=10 * ramp.astype(np.float32), photometric=photometric)
    io.write(tmp_path / "run.avi", video, window=(600.0, 1300.0))
    expected = np.clip((ramp - 60) * (255 / 70), 0, 255)
    if photometric == "MONOCHROME1":
        expected = 255 - expected
    assert np.abs(io.read(tmp_path / "run.avi").numpy() - expected).max() < 8


def test_without_a_window_nearly_all_values_are_shown_and_sizes_are_even(tmp_path):
    values = 1000 * _ramp(3, 31, 45)
    io.write(tmp_path / "run.mp4", Video(data=values))
    shown = io.read(tmp_path / "run.mp4")
    assert shown.shape == (3, 32, 46)
    assert (shown.numpy().min(), shown.numpy().max()) == (pytest.approx(0, abs=6), pytest.approx(255, abs=6))
    assert shown.frame_interval == pytest.approx(1 / movie.RATE)


def test_a_constant_sequence_can_be_written(tmp_path):
    io.write(tmp_path / "run.avi", Video(data=np.full((2, 16, 16), 7, np.uint16)))
    assert io.read(tmp_path / "run.avi").shape == (2, 16, 16)


def test_a_coloured_movie_is_refused(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "run.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (32, 32))
    for _ in range(3):
        writer.write(np.full((32, 32, 3), (250, 120, 10), np.uint8))
    writer.release()
    with pytest.raises(io.FileError, match="found colour; convert it to grey first"):
        io.read(tmp_path / "run.avi")


def test_real_movies_are_seen_in_any_order(data):
    for name in ("coronarias3d/LAO27CRA22-RCA.mp4", "xromm_pig/20061229susD_Trial01_cam1_reduced.avi"):
        capture = cv2.VideoCapture(str(data / name))
        frames = [capture.read()[1][..., 0] for _ in range(20)]
        video = io.read(data / name)
        for index in (19, 2, 11, 3):
            np.testing.assert_array_equal(video.data[index], frames[index])


def test_a_rewritten_movie_is_read_anew(tmp_path, sequence):
    dark = replace(sequence("uint8", (3, 16, 16)), photometric="MONOCHROME2")
    io.write(tmp_path / "run.avi", dark.with_data(np.zeros_like(dark.data)))
    assert io.read(tmp_path / "run.avi").numpy().max() < 5
    io.write(tmp_path / "run.avi", dark.with_data(np.full_like(dark.data, 200)), overwrite=True)
    assert io.read(tmp_path / "run.avi").numpy().min() > 190
