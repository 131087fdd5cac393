"""The README's table is the one in docs/benchmarks.md, and that has every table of `fluorodenoise bench`."""

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLES = runpy.run_path(str(ROOT / "benchmarks" / "tables.py"))
PAGE = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

replaced, summary = TABLES["replaced"], TABLES["summary"]


def test_the_readme_shows_the_page_s_table():
    assert replaced(README, "summary", summary(PAGE)) == README, "run: python benchmarks/tables.py --readme"


@pytest.mark.parametrize("name", TABLES["TABLES"])
def test_every_table_is_in_the_page_as_in_its_file(name):
    made = json.loads((ROOT / "docs" / "bench" / f"{name}.json").read_text(encoding="utf-8"))
    part = PAGE.partition(f"<!-- bench {name} -->")[2].partition(f"<!-- end {name} -->")[0]
    rows = TABLES["table_lines"](part)[2:]
    assert len(rows) == len(made["rows"]) > 0
    assert made["title"] in part
    assert made["machine"] in part


def test_a_table_takes_the_place_of_the_one_before():
    page = "a\n<!-- bench x -->\nold\n<!-- end x -->\nb"
    assert replaced(page, "x", "new \\1\n") == "a\n<!-- bench x -->\nnew \\1\n<!-- end x -->\nb"
    for broken in ("nothing", page + page):
        with pytest.raises(ValueError, match="once in the page"):
            replaced(broken, "x", "new")
