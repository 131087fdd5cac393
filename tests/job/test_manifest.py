"""What tells a job's input, recipe and makers from others."""

import os

import pytest

from napari_fluorodenoise.job import manifest
from napari_fluorodenoise.recipe import Recipe


def touched(path):
    os.utime(path, ns=(1, 2))


def longer(path):
    path.write_bytes(path.read_bytes() + b"x")


def other(path):
    changed = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"y")
    os.utime(path, ns=(changed.st_atime_ns, changed.st_mtime_ns))


@pytest.mark.parametrize("change", [touched, longer, other])
def test_a_file_that_changed_is_told(tmp_path, change):
    file = tmp_path / "in.tif"
    file.write_bytes(b"frames" * 10)
    before = manifest.of_sequence(file)
    assert manifest.changes(before, manifest.of_sequence(file)) == []
    change(file)
    assert manifest.changes(before, manifest.of_sequence(file))


@pytest.mark.parametrize("change", [touched, longer])
def test_a_folder_with_another_chunk_is_told(tmp_path, change):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"chunk")
    before = manifest.of_sequence(tmp_path)
    assert manifest.changes(before, manifest.of_sequence(tmp_path)) == []
    change(tmp_path / "b")
    assert manifest.changes(before, manifest.of_sequence(tmp_path))


def test_a_recipe_is_told_by_its_settings_and_by_the_files_that_they_name(tmp_path):
    table = tmp_path / "offsets.csv"
    table.write_text("0,0")
    recipe = Recipe.named("sdd").set(f"stabilize.table={table}")
    before = manifest.of_recipe(recipe)
    assert "recipe.stages[1].decompose.rank is 2 and was 1" in manifest.changes(
        before, manifest.of_recipe(recipe.set("decompose.rank=2"))
    )
    table.write_text("1,0")
    (changed,) = manifest.changes(before, manifest.of_recipe(recipe))
    assert changed.startswith(f"files.{table} is ")


def test_changes_name_what_came_and_went():
    said = manifest.changes({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [1, 3]}, "d": "x"})
    assert said == ["a is not there and was 1", "b.c is [1, 3] and was [1, 2]", 'd is "x" and was not there']


def test_versions_are_those_of_what_makes_the_pixels():
    assert {"napari-fluorodenoise", "numpy", "torch", "opencv-python-headless"} <= set(manifest.versions())
