"""Blocks fit into what is free: frames give way first, then workers; a container's limit counts."""

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluorodenoise.engine import room as module
from napari_fluorodenoise.engine.room import FEWEST, LONGEST, SHARE, Room, crew, fitting, free, room


@pytest.fixture
def left(monkeypatch):
    """A function that says how many bytes are free."""
    return lambda size: monkeypatch.setattr(module, "free", lambda: size)


@given(side=st.integers(1, 6000), size=st.integers(0, 2**40))
def test_blocks_fit_or_are_of_one_frame_on_one_worker(side, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "free", lambda: size)
        found = fitting((side, side))
    assert 1 <= found.frames <= LONGEST and 1 <= found.workers <= crew()
    assert found.takes(side**2) <= SHARE * size or found == Room(1, 1)
    assert found.frames == 1 or found.workers == crew()  # frames give way first


def test_blocks_of_small_frames_are_longer(left, monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 16)
    left(2**50)
    assert [fitting((side, side)).frames for side in (64, 128, 256, 512, 2048)] == [16, 16, FEWEST, FEWEST, FEWEST]


def test_what_does_not_fit_says_what_is_needed_and_free(left):
    left(2e9)
    assert room((512, 512)) == fitting((512, 512))
    with pytest.raises(ValueError, match=r"expected 14.4 GB of free memory for a frame of 9000 x 9000 .* found 2 GB"):
        room((9000, 9000))


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


@pytest.fixture
def groups(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GROUPS", tmp_path)
    monkeypatch.setattr(module, "OWN", tmp_path / "own")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 10_000}))
    return tmp_path


def test_without_limits_all_that_the_system_has_is_free(groups):
    assert free() == 10_000
    (groups / "own").write_text("0::/a\n")
    write(groups / "a", memory__max="max", memory__current=500)
    assert free() == 10_000


@pytest.mark.parametrize(("own", "above", "left"), [(3000, 9000, 2700), (9000, 3000, 1000), (100, "max", 0)])
def test_the_least_limit_from_the_own_group_up_counts(groups, own, above, left):
    (groups / "own").write_text("1:cpu:/other\n0::/a/b\n")
    write(groups / "a", memory__max=above, memory__current=2000)
    write(groups / "a" / "b", memory__max=own, memory__current=500, memory__stat="anon 300\ninactive_file 200")
    assert free() == left


def test_limits_of_the_first_version_count_too(groups):
    (groups / "own").write_text("4:memory:/a\n0::/\n")
    write(groups / "memory" / "a", memory__limit_in_bytes=4000, memory__usage_in_bytes=1500)
    assert free() == 2500


def test_a_group_seen_from_inside_a_container_counts(groups):
    (groups / "own").write_text("0::/where/it/is/outside\n")
    write(groups, memory__max=1000, memory__current=400)
    assert free() == 600
