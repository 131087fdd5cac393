"""Arrivals: told once, when complete."""

import os
from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise.io import write
from napari_fluorodenoise.job.watch import arrivals
from napari_fluorodenoise.physics.phantom import phantom


@pytest.fixture
def whole(tmp_path):
    write(tmp_path / "whole.tif", phantom(frames=3, shape=(32, 32), rng=0).noisy)
    return (tmp_path / "whole.tif").read_bytes()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def told(folder):
    """The names that arrive with the next look."""
    look = lambda: {path: Path(path.name) for path in sorted(folder.iterdir())}  # noqa: E731
    following = arrivals(look, every=1, rest=lambda seconds: None)
    return lambda: [path.name for path in next(following)]


def test_a_sequence_is_told_once_it_no_longer_grows(folder, told, whole):
    assert told() == []
    for part in (1000, 2000, len(whole)):
        (folder / "a.tif").write_bytes(whole[:part])
        assert told() == []
    assert told() == ["a.tif"]
    assert told() == []


def test_what_stops_before_it_is_complete_is_waited_for(folder, told, whole):
    (folder / "a.tif").write_bytes(whole[: len(whole) // 2])
    assert [told() for _ in range(4)] == [[]] * 4
    os.utime(folder / "a.tif", (1, 1))  # for longer than anybody waits
    assert [told() for _ in range(3)] == [[], ["a.tif"], []]


def test_what_changes_later_is_told_again(folder, told, whole):
    (folder / "a.tif").write_bytes(whole)
    assert [told() for _ in range(3)] == [[], ["a.tif"], []]
    os.utime(folder / "a.tif", (1, 1))
    assert [told() for _ in range(3)] == [[], ["a.tif"], []]


def test_a_folder_of_chunks_is_told_once_all_are_there(folder, told):
    write(folder / "a.ome.zarr", phantom(frames=3, shape=(32, 32), rng=0).noisy)
    chunk = folder / "a.ome.zarr" / "0" / "c" / "1" / "0" / "0"
    content = chunk.read_bytes()
    chunk.unlink()
    assert [told() for _ in range(3)] == [[]] * 3
    chunk.write_bytes(content)
    assert [told() for _ in range(3)] == [[], ["a.ome.zarr"], []]


def test_what_goes_meanwhile_is_no_error(folder, told, whole, monkeypatch):
    (folder / "a.tif").write_bytes(whole)
    monkeypatch.setattr("napari_fluorodenoise.job.watch.of_sequence", lambda _: (_ for _ in ()).throw(OSError("gone")))
    assert [told() for _ in range(3)] == [[]] * 3
    assert np.array(told()).size == 0
