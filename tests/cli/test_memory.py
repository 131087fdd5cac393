"""`info` and `check` say what a recipe takes beside what is free, and warn where it is too little."""

import re

import pytest

from napari_fluorodenoise.engine import room
from napari_fluorodenoise.io import write
from napari_fluorodenoise.physics.phantom import phantom

TAKES = r"about \d+ s, \d+\.\d GB of memory of {free} GB that are free"


@pytest.fixture
def words(run, monkeypatch):
    write("in.tif", phantom(frames=8, shape=(64, 64), rng=1).noisy)

    def words(command, *, free):
        monkeypatch.setattr(room, "free", lambda: free)
        return run(*command.split())

    return words


def test_info_tells_time_memory_and_what_is_free(words):
    code, out, err = words("info in.tif", free=7.5e9)
    assert (code, err) == (0, "")
    assert re.search(rf"^  fast +{TAKES.format(free='7.5')}, [\d.]+ frames/s$", out, re.MULTILINE)
    assert "  warning " not in out


def test_info_warns_where_memory_is_short(words):
    code, out, _ = words("info in.tif", free=5e7)
    assert code == 0
    assert re.search(r"^  warning +it takes 0\.\d GB of memory, and 0\.1 GB are free", out, re.MULTILINE)


@pytest.mark.parametrize("recipe", ["fast", "sdd"])
def test_check_tells_time_memory_and_what_is_free(words, recipe):
    code, out, err = words(f"check {recipe} in.tif", free=7.5e9)
    assert (code, err) == (0, "")
    assert re.fullmatch(f"it takes {TAKES.format(free='7.5')}", out.splitlines()[-1])


def test_check_warns_where_memory_is_short(words):
    code, _, err = words("check fast in.tif", free=5e7)
    assert code == 0
    assert re.fullmatch(r"fluorodenoise: it takes 0\.\d GB of memory, and 0\.1 GB are free: .*\n", err)


def test_check_of_a_recipe_alone_tells_none(run):
    code, out, err = run("check", "fast")
    assert (code, err) == (0, "")
    assert "GB" not in out
