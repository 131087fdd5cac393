"""What became of every sequence of a batch, as a CSV file that is whole at any time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock

from napari_fluorodenoise.engine.pieces import replaced

__all__ = ["COLUMNS", "Ledger"]

COLUMNS = (
    "input",
    "output",
    "state",
    "when",
    "frames",
    "rows",
    "columns",
    "seconds",
    "frames per second",
    "recipe",
    "seed",
    "version",
    "level",
    "noise at level",
    "slope",
    "read variance",
    "verdict",
    "removed",
    "invented",
    "lag",
    "texture",
    "bias",
    "dose",
    "warnings",
    "error",
    "made from",
)
"""The output is named by its place below the table's folder; state is done or failed; the noise is a standard deviation
at the median intensity, slope and read variance are the line of its variance; the verdicts are the trust report's, dose
the factor it tells; error says why it failed, or why a result that is there could not be made again; the last, of
results only, is a checksum of input, recipe and versions."""

Row = Mapping[str, str]


class Ledger:
    """The rows in the file at `path`, one for each output; rows may be put from several threads."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, Lock()
        self._rows: dict[str, Row] = {row["output"]: row for row in _read(path)}

    def __getitem__(self, output: str) -> Row:
        """The row of an output, empty where there is none."""
        return self._rows.get(output, {})

    def put(self, row: Row) -> None:
        """Add a row, or replace that of the same output, and write the file."""
        with self._lock:
            self._rows[row["output"]] = row
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(self._rows.values())
            replaced(self.path, text.getvalue().encode())


def _read(path: Path) -> Iterator[Row]:
    """The rows at `path`; none where there is no file. Raises ValueError for another table."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path}: expected the table of a batch, found other columns; move it away")
        yield from rows
