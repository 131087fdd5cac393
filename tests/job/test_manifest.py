"""What tells a job's input, recipe and makers from others."""

import os
import re

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


CHANGES = [
    (touched, "changed: it was written at"),
    (longer, r"changed: it has \d+ bytes and had \d+"),
    (other, "changed: its content is another"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_a_file_that_changed_is_told_in_words(tmp_path, change, said):
    file = tmp_path / "in.tif"
    file.write_bytes(b"frames" * 10)
    before = manifest.of_sequence(file)
    assert manifest.changes(before, manifest.of_sequence(file)) == []
    change(file)
    (told,) = manifest.changes({"input": before}, {"input": manifest.of_sequence(file)})
    assert re.search(f"in.tif {said}", told)


@pytest.mark.parametrize(("change", "said"), CHANGES[:2])
def test_a_folder_with_another_chunk_is_told(tmp_path, change, said):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"chunk")
    before = manifest.of_sequence(tmp_path)
    assert manifest.changes(before, manifest.of_sequence(tmp_path)) == []
    change(tmp_path / "b")
    (told,) = manifest.changes({"input": before}, {"input": manifest.of_sequence(tmp_path)})
    assert said.split(r"\d")[0] in told


def test_another_input_is_told_by_its_path(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"frames")
    told = [{"input": manifest.of_sequence(tmp_path / name)} for name in ("a", "b")]
    assert manifest.changes(*told) == [f"input is {tmp_path / 'b'} and was {tmp_path / 'a'}"]


@pytest.mark.parametrize(
    ("name", "is_input"),
    [
        (".DS_Store", False),
        (".out.ome.zarr.job/lock", False),
        ("out.ome.zarr/0/zarr.json", False),
        ("out.ome.zarr.json", False),
        (".zarray", True),
        ("0/.zattrs", True),
        ("out2.tif", True),
    ],
)
def test_neither_hidden_files_nor_the_output_are_input(tmp_path, name, is_input):
    (tmp_path / "1.png").write_bytes(b"frame")
    before = manifest.of_sequence(tmp_path, but=tmp_path / "out.ome.zarr")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"new")
    assert bool(manifest.changes(before, manifest.of_sequence(tmp_path, but=tmp_path / "out.ome.zarr"))) == is_input


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
    assert changed == f"{table} changed: its content is another"


def test_changes_name_what_came_and_went():
    said = manifest.changes({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [1, 3]}, "d": "x"})
    assert said == ["a is not there and was 1", "b.c is [1, 3] and was [1, 2]", 'd is "x" and was not there']


def test_versions_are_those_of_what_makes_the_pixels():
    assert {"napari-fluorodenoise", "numpy", "torch", "opencv-python-headless"} <= set(manifest.versions())
