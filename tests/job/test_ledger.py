"""The table of a batch: a row for each output, whole at any time."""

import csv
from concurrent.futures import ThreadPoolExecutor

import pytest

from napari_fluorodenoise.job.ledger import COLUMNS, Ledger


def test_rows_are_kept_and_replaced(tmp_path):
    ledger = Ledger(tmp_path / "batch.csv")
    assert ledger["a"] == {}
    ledger.put({"output": "a", "state": "failed", "error": 'expected "x", found\ny'})
    ledger.put({"output": "b", "state": "done"})
    ledger.put({"output": "a", "state": "done"})
    again = Ledger(tmp_path / "batch.csv")
    assert (again["a"]["state"], again["a"]["error"], again["b"]["state"]) == ("done", "", "done")
    with (tmp_path / "batch.csv").open(newline="") as file:
        assert csv.DictReader(file).fieldnames == list(COLUMNS)


def test_rows_from_several_threads_are_all_there(tmp_path):
    ledger = Ledger(tmp_path / "batch.csv")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: ledger.put({"output": str(n)}), range(40)))
    assert {row for row in map(str, range(40)) if Ledger(tmp_path / "batch.csv")[row]} == set(map(str, range(40)))


def test_another_table_is_not_overwritten(tmp_path):
    (tmp_path / "batch.csv").write_text("patient,dose\n1,2\n")
    with pytest.raises(ValueError, match="expected the table of a batch, found other columns; move it away"):
        Ledger(tmp_path / "batch.csv")
