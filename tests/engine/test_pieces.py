"""Pieces of work: done once for all times where they are kept, and as if nothing were there elsewhere."""

import os
from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.progress import Cancelled, checkpoint
from napari_fluorodenoise.engine.scratch import Scratch


@pytest.fixture
def calls():
    return []


@pytest.fixture
def drawing(calls):
    """A call that notes that it was made and draws a number."""

    def draw(rng):
        def call(progress):
            calls.append("draw")
            return rng.random()

        return call

    return draw


def test_without_a_folder_a_piece_is_only_called(drawing, calls):
    rng = np.random.default_rng(0)
    numbers = [pieces.once("one", drawing(rng), rng=rng) for _ in range(2)]
    assert numbers == list(np.random.default_rng(0).random(2))
    assert len(calls) == 2


def test_a_kept_piece_is_called_once_and_leaves_the_generator_as_it_did(drawing, calls, tmp_path):
    after = []
    for _ in range(2):
        rng = np.random.default_rng(0)
        with pieces.kept_in(tmp_path):
            first = pieces.once("one", drawing(rng), rng=rng)
            after.append((first, rng.random()))
    assert after == [tuple(np.random.default_rng(0).random(2))] * 2
    assert len(calls) == 1


def test_a_kept_piece_leaves_as_many_children_of_the_generator_behind(tmp_path):
    children = []
    for _ in range(2):
        rng = np.random.default_rng(0)
        with pieces.kept_in(tmp_path):
            pieces.once("one", lambda progress, rng=rng: rng.spawn(3)[2].random(), rng=rng)
        children.append(rng.spawn(1)[0].random())
    assert children == [np.random.default_rng(0).spawn(4)[3].random()] * 2


def test_a_piece_that_fails_is_called_again_and_finds_what_its_parts_gave(calls, tmp_path):
    def whole(progress):
        part = pieces.once("part", lambda progress: calls.append("part") or 5)
        calls.append("whole")
        if calls.count("whole") == 1:
            raise OSError("the power is cut")
        return part + 1

    with pieces.kept_in(tmp_path):
        with pytest.raises(OSError, match="power"):
            pieces.once("whole", whole)
        assert pieces.once("whole", whole) == 6
    assert calls == ["part", "whole", "whole"]


def test_parts_with_one_name_in_different_places_are_different(tmp_path):
    with pieces.kept_in(tmp_path):
        for place in ("a", "b"):
            with pieces.part_of(place):
                assert pieces.once("fit", lambda progress, place=place: place) == place
    with pieces.part_of("nowhere"):
        assert pieces.folder() is None


def test_each_keeps_every_call_apart_and_in_order(calls, tmp_path):
    def numbered(n):
        def call():
            calls.append(n)
            return n

        return call

    for folder in (None, tmp_path, tmp_path):
        with pieces.kept_in(folder):
            assert list(pieces.each("number", [numbered(n) for n in range(5)])) == list(range(5))
    assert sorted(calls) == sorted([*range(5)] * 2)


def test_scratch_outlives_its_process_in_a_kept_piece(tmp_path):
    def fill(progress):
        scratch = Scratch("frames")
        scratch[3] = np.arange(4)
        return scratch

    for _ in range(2):
        with pieces.kept_in(tmp_path):
            scratch = pieces.once("fill", fill)
        np.testing.assert_array_equal(scratch[3], np.arange(4))
    del scratch
    assert (tmp_path / "fill" / "frames").is_dir()


def test_no_piece_is_done_before_what_it_wrote_is_on_the_disk(tmp_path, monkeypatch):
    """Also what a piece within another wrote into the folder of that other one."""
    events, opened = [], {}
    real_open, real_replace = os.open, Path.replace

    def noted_open(path, *arguments):
        file = real_open(path, *arguments)
        opened[file] = Path(path).name
        return file

    def noted_replace(self, target):
        events.append(target.name)
        return real_replace(self, target)

    monkeypatch.setattr("os.open", noted_open)
    monkeypatch.setattr("os.fsync", lambda file: events.append(opened.pop(file, None)))
    monkeypatch.setattr(Path, "replace", noted_replace)

    def outer(progress):
        scratch = Scratch("frames")
        pieces.once("inner", lambda progress: scratch.__setitem__(3, np.zeros(2)))
        scratch[4] = np.zeros(2)

    with pieces.kept_in(tmp_path):
        pieces.once("outer", outer)
    told = [event for event in events if event is not None]
    assert told == ["3.npy", "frames", "inner.done", "4.npy", "frames", "outer.done"]


def test_what_is_gone_again_is_no_error_to_who_forces_it_to_the_disk(tmp_path):
    (tmp_path / "there").touch()
    pieces.synced([tmp_path / "there", tmp_path / "gone", tmp_path / "nowhere" / "gone"])


def test_a_report_may_stop_calls_that_are_under_way(tmp_path):
    def stop():
        raise Cancelled

    def forever():
        while True:
            checkpoint()

    with pieces.kept_in(tmp_path), pytest.raises(Cancelled):
        list(pieces.each("number", [forever], report=stop))
    assert not list(tmp_path.glob("*.done"))


def test_replaced_leaves_nothing_half_written(tmp_path, monkeypatch):
    file = tmp_path / "file"
    pieces.replaced(file, b"old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        pieces.replaced(file, b"new")
    assert file.read_bytes() == b"old"


def test_a_file_that_another_machine_wrote_may_show_late(tmp_path, monkeypatch):
    file = tmp_path / "late"
    monkeypatch.setattr("time.sleep", lambda _: file.touch())
    assert pieces.shown(file) == file
    assert file.exists()
    monkeypatch.setattr(pieces, "LATE", 0.0)
    with pytest.raises(FileNotFoundError, match=r"expected .*other on .*, found no such file; workers need the folder"):
        pieces.shown(tmp_path / "other")
