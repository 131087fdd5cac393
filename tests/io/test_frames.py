"""A lazy sequence loads the frame that is asked for and nothing else; colour is not grey."""

from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise.io.files import FileError
from napari_fluorodenoise.io.frames import grey, lazy, sequence

PATH = Path("run.avi")


def test_only_the_frames_asked_for_are_loaded():
    loaded = []

    def load(index):
        loaded.append(index)
        return np.full((4, 5), index, np.uint16)

    frames = lazy(load, path=PATH, shape=(300, 4, 5), dtype=np.uint16)
    assert loaded == []
    assert (frames.chunks[0], frames.dtype) == ((1,) * 300, np.uint16)
    assert frames[217, 1:3].compute().tolist() == [[217] * 5] * 2
    assert loaded == [217]


@pytest.mark.parametrize("frame", [np.zeros((4, 6), np.uint16), np.zeros((4, 5), np.uint8)])
def test_a_frame_that_differs_is_refused(frame):
    frames = lazy(lambda index: frame, path=PATH, shape=(2, 4, 5), dtype=np.uint16)
    with pytest.raises(FileError, match="expected frame 1 to be 4 x 5 uint16"):
        frames[1].compute()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_equal_channels_are_exactly_grey(dtype):
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (16, 20)).astype(dtype)
    np.testing.assert_array_equal(grey(np.repeat(image[..., None], 3, axis=2), path=PATH), image)
    np.testing.assert_array_equal(grey(image, path=PATH), image)


def test_what_compression_does_to_grey_is_grey_and_colour_is_not():
    rng = np.random.default_rng(0)
    image = rng.integers(20, 230, (32, 32, 1)) + rng.integers(-6, 7, (32, 32, 3))
    assert grey(image.astype(np.uint8), path=PATH).shape == (32, 32)
    image[..., 2] = 0
    with pytest.raises(FileError, match="found colour"):
        grey(image.astype(np.uint8), path=PATH)


@pytest.mark.parametrize(
    ("axes", "shape", "keep"),
    [
        ("tyx", (5, 8, 9), [0, 1, 2]),
        ("tczyx", (5, 1, 1, 8, 9), [0, 3, 4]),
        ("tczyx", (1, 1, 6, 8, 9), [2, 3, 4]),
        ("tyx", (1, 8, 9), [0, 1, 2]),
        ("yx", (8, 9), [0, 1]),
        ("tyx", (5, 1, 1), [0, 1, 2]),
    ],
)
def test_the_axes_of_one_sequence_are_found(axes, shape, keep):
    assert sequence(list(axes), shape, path=PATH) == keep


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("tzyx", (2, 3, 8, 9)),
        ("cyx", (3, 8, 9)),
        ("tyxs", (5, 8, 9, 3)),
        ("tyx", (0, 8, 9)),
        ("tx", (4, 9)),
        ("txy", (5, 8, 9)),
        ("yxt", (8, 9, 5)),
    ],
)
def test_other_axes_are_refused(axes, shape):
    with pytest.raises(FileError, match="expected one grey sequence"):
        sequence(list(axes), shape, path=PATH)
