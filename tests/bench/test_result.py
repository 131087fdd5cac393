"""A table as a value: what a reader and a program are given is what the rows said."""

import json
import math
import subprocess

import pytest

from napari_fluorodenoise.bench import result
from napari_fluorodenoise.bench.result import Column, Table, made

ROWS = (("a", 1.234, None), ("b", math.nan, 2.0), ("c", math.inf, 0.5))


def table(rows=lambda progress: iter(ROWS), **changes):
    told = {"title": "A title", "setting": "Made up.", "columns": (Column("name"), Column("x", ".1f"), Column("y"))}
    return Table(**{**told, "seed": 7, "rows": rows, "notes": ("Z is left out.",), **changes})


def test_markdown_has_a_line_for_each_row_in_the_columns_form():
    text = made(table()).markdown()
    assert "A title. Made up.\n\nZ is left out.\n\n| name | x | y |\n|---|---|---|\n" in text
    assert "| a | 1.2 |  |\n| b |  | 2.0 |\n| c | inf | 0.5 |\n\n" in text
    assert "seed 7" in text


def test_json_reads_back_with_no_value_lost():
    document = json.loads(made(table()).json())
    assert document["rows"] == [
        {"name": "a", "x": 1.234, "y": None},
        {"name": "b", "x": None, "y": 2.0},
        {"name": "c", "x": "inf", "y": 0.5},
    ]
    assert (document["title"], document["seed"], document["notes"]) == ("A title", 7, ["Z is left out."])
    assert document["versions"]["numpy"]
    assert "cores" in document["machine"]
    assert document["elapsed"] >= 0


def test_rows_are_shown_as_soon_as_they_are_known():
    seen, asked = [], []

    def rows(progress):
        for row in ROWS:
            asked.append(row)
            assert len(seen) == len(asked) - 1
            yield row

    assert made(table(rows=rows), each=seen.append).rows == tuple(seen) == ROWS


def test_a_row_that_does_not_fit_the_columns_is_refused():
    with pytest.raises(ValueError, match="zip"):
        table().line(("a", 1.0))


@pytest.mark.parametrize(("changes", "expected"), [("", "abc"), (" M file", "abc+")])
def test_the_commit_says_whether_files_differ_from_it(monkeypatch, changes, expected):
    root = result.Path(result.__file__).resolve().parents[3]
    said = {"--show-toplevel": f"{root}", "HEAD": "abc", "--porcelain": changes.strip()}
    monkeypatch.setattr(result, "_git", lambda folder, *words: said[words[-1]])
    assert made(table()).commit == expected


def test_no_commit_outside_the_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(result, "_git", lambda folder, *words: f"{tmp_path}")
    assert made(table()).commit is None

    def none(*words, **options):
        raise OSError("no git")

    monkeypatch.undo()
    monkeypatch.setattr(subprocess, "run", none)
    assert made(table()).commit is None
