"""An .npy is mapped frame by frame, with or without facts beside it."""

import numpy as np
import pytest

from napari_fluorodenoise import io


@pytest.mark.parametrize(("dtype", "intensity"), [("u1", "display"), (">u2", "linear"), ("<f4", "linear")])
def test_a_bare_array_is_a_sequence(tmp_path, dtype, intensity):
    frames = np.arange(60).reshape(3, 4, 5).astype(dtype)
    np.save(tmp_path / "run.npy", np.asfortranarray(frames))
    video = io.read(tmp_path / "run.npy")
    np.testing.assert_array_equal(video.numpy(), frames)
    assert video.dtype.isnative
    assert (video.frame_interval, video.pixel_size, video.intensity) == (None, None, intensity)


def test_one_frame_is_a_sequence_of_one(tmp_path):
    np.save(tmp_path / "run.npy", np.ones((4, 5), np.float32))
    assert io.read(tmp_path / "run.npy").shape == (1, 4, 5)
