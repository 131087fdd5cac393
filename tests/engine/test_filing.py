"""Blocks in files: filed once, read back and checked where a run is begun again."""

import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.engine import filing, pieces
from napari_fluorodenoise.engine.filing import filed
from napari_fluorodenoise.engine.room import Room

FRAMES = np.random.default_rng(0).integers(1, 4000, (150, 128, 100)).astype(np.uint16)


class Files:
    """Frames in .npy files of a folder, by range."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def __setitem__(self, frames, block):
        np.save(self.folder / f"{frames.start}.npy", block)

    def __getitem__(self, frames):
        return np.load(self.folder / f"{frames.start}.npy")


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / "files")


@pytest.fixture
def twice(tmp_path):
    """A lazy array of twice the frames, and the numbers of the frames that were computed, by chunk."""
    log = tmp_path / "computed"
    log.mkdir()

    def double(block, block_id):
        with (log / str(block_id[0])).open("a") as file:
            file.write("x")
        return block * 2

    return da.from_array(FRAMES, chunks=(1, -1, -1)).map_blocks(double, dtype=np.uint16), log


def counts(log):
    return {int(path.name): len(path.read_text()) for path in log.iterdir()}


def whole(files):
    order = sorted(files.folder.iterdir(), key=lambda path: int(path.stem))
    return np.concatenate([np.load(path) for path in order])


def test_all_blocks_are_filed_with_and_without_a_folder(twice, files, tmp_path):
    array, log = twice
    for folder in (None, tmp_path / "kept"):
        with pieces.kept_in(folder):
            filed({"double": array}, {"double": files}, name="double")
        np.testing.assert_array_equal(whole(files), FRAMES * 2)
    assert set(counts(log).values()) == {2}


def test_what_was_filed_is_not_computed_again(twice, files, tmp_path):
    array, log = twice

    def cut(fraction, message, training=None):
        if fraction > 0.4:
            raise KeyboardInterrupt

    with pieces.kept_in(tmp_path / "kept"):
        with pytest.raises(KeyboardInterrupt):
            filed({"double": array}, {"double": files}, name="double", progress=cut)
        marked = {int(path.name) for path in (tmp_path / "kept" / "double.blocks").iterdir() if path.name.isdigit()}
        assert marked
        assert len(set(counts(log))) < len(FRAMES)
        filed({"double": array}, {"double": files}, name="double")
    assert set(counts(log)) == set(range(len(FRAMES)))
    assert {counts(log)[start] for start in marked} == {1}
    np.testing.assert_array_equal(whole(files), FRAMES * 2)


@pytest.mark.parametrize("harm", ["torn", "lost", "other"])
def test_a_block_that_does_not_match_its_mark_is_computed_again(twice, files, tmp_path, harm):
    array, log = twice
    with pieces.kept_in(tmp_path / "kept"):
        filed({"double": array}, {"double": files}, name="double")
        victim = sorted(files.folder.iterdir())[1]
        if harm == "lost":
            victim.unlink()
        elif harm == "torn":
            victim.write_bytes(victim.read_bytes()[:1000])
        else:
            np.save(victim, np.load(victim) + 1)
        filed({"double": array}, {"double": files}, name="double")
    np.testing.assert_array_equal(whole(files), FRAMES * 2)
    again = {frame for frame, times in counts(log).items() if times == 2}
    assert 0 < len(again) < len(FRAMES)


def test_a_plan_is_read_once_whatever_the_threads(twice, files, tmp_path, monkeypatch):
    """What workers compute from may hold a network."""
    read = []
    monkeypatch.setattr(pieces, "shown", lambda plan: read.append(plan) or plan)
    monkeypatch.setattr(filing, "room", lambda frame: Room(4, 4))
    with pieces.kept_in(tmp_path / "kept"):
        filed({"double": twice[0]}, {"double": files}, name="double")
    assert len(read) == 1


def test_blocks_stay_as_they_were_when_memory_grows_scarce(twice, files, tmp_path, monkeypatch):
    with pieces.kept_in(tmp_path / "kept"):
        filed({"double": twice[0]}, {"double": files}, name="double")
        before = {path.name for path in files.folder.iterdir()}
        monkeypatch.setattr("napari_fluorodenoise.engine.room.free", lambda: 30_000_000)
        filed({"double": twice[0]}, {"double": files}, name="double")
    assert {path.name for path in files.folder.iterdir()} == before
    assert set(counts(twice[1]).values()) == {1}


def test_progress_reaches_the_end(twice, files, tmp_path):
    said = []
    with pieces.kept_in(tmp_path / "kept"):
        report = lambda fraction, message: said.append((fraction, message))  # noqa: E731
        filed({"double": twice[0]}, {"double": files}, name="double", progress=report)
    assert said[-1] == (1.0, "frame 150 of 150")
    assert [fraction for fraction, _ in said] == sorted(fraction for fraction, _ in said)
