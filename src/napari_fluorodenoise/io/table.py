"""Tables as CSV: one line of column names, then one row per frame. Spreadsheets read and write them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from napari_fluorodenoise.io.files import existing, explained
from napari_fluorodenoise.video import Table

__all__ = ["read_table", "write_table"]


def read_table(path: Path) -> Table:
    """The table in the CSV file at `path`; raises `FileError` where it holds none, or anything but numbers."""
    with explained(existing(path), "a line of column names, then rows of as many numbers"):
        with path.open(newline="", encoding="utf-8-sig") as file:
            names, *rows = (row for row in csv.reader(file) if row)
        values = np.array([[float(cell) for cell in row] for row in rows], np.float64).reshape(len(rows), len(names))
        if not np.isfinite(values).all():
            raise ValueError("a number that is not finite")
    return Table(data=values, columns=tuple(name.strip() for name in names))


def write_table(path: Path, table: Table) -> None:
    """Write `table` to `path`, with all digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        writer.writerows(table.data.tolist())
