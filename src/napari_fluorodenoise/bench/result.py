"""A table as a value: what was compared, on which machine, with which versions, and what came out.

A `Table` says what its rows will be; its rows come one by one, each as soon as it is known. A `Result` is a table that
was made: it is what is kept as Markdown for a reader and as JSON for a program.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

from napari_fluorodenoise.engine.progress import Progress, silent

__all__ = ["Column", "Result", "Row", "Table", "made"]

Row: TypeAlias = "tuple[str | float | None, ...]"
"""A value for each column; None where there is none."""
PACKAGES = (
    "napari-fluorodenoise", "numpy", "scipy", "scikit-image", "opencv-python-headless", "dask", "torch", "bm3d", "bm4d",
)  # fmt: skip
"""The packages that take part, where they are installed."""


@dataclass(frozen=True)
class Column:
    """A column's title, with the unit, and how Markdown writes its numbers, as a format specification."""

    title: str
    form: str = ""

    def text(self, value: str | float | None) -> str:
        """`value` as Markdown shows it: nothing for None and NaN."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        return value if isinstance(value, str) else format(value, self.form)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table before it is made: `rows` makes them one by one, telling its progress; `notes` say what is left out."""

    title: str
    setting: str
    columns: tuple[Column, ...]
    seed: int
    rows: Callable[[Progress], Iterator[Row]]
    notes: tuple[str, ...] = ()

    def head(self) -> str:
        """All that stands above the first row, as Markdown; each note is a paragraph of its own."""
        titles = " | ".join(column.title for column in self.columns)
        text = "\n\n".join((f"{self.title}. {self.setting}", *self.notes))
        return f"{text}\n\n| {titles} |\n|{'---|' * len(self.columns)}"

    def line(self, row: Row) -> str:
        """A row as Markdown; raises ValueError where it has not one value per column."""
        return f"| {' | '.join(c.text(value) for c, value in zip(self.columns, row, strict=True))} |"


@dataclass(frozen=True, kw_only=True)
class Result:
    """A table that was made, with its `rows`, and where: `commit` is None outside a checkout, `elapsed` in s."""

    table: Table
    rows: tuple[Row, ...]
    machine: str
    versions: Mapping[str, str]
    commit: str | None
    elapsed: float

    def markdown(self) -> str:
        """The table for a reader, with what it was made on below it."""
        lines = "\n".join(self.table.line(row) for row in self.rows)
        return f"{self.table.head()}\n{lines}\n\n{self.footnote()}\n"

    def footnote(self) -> str:
        """On what the table was made, in one line."""
        packages = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        place = "" if self.commit is None else f", commit {self.commit}"
        return f"{self.machine}, {packages}{place}; seed {self.table.seed}, {self.elapsed:.0f} s in all."

    def json(self) -> str:
        """The same for a program: rows as {column: value}; NaN is null, an infinity the text of it."""
        titles = [column.title for column in self.table.columns]
        document = {
            "title": self.table.title,
            "setting": self.table.setting,
            "notes": self.table.notes,
            "seed": self.table.seed,
            "machine": self.machine,
            "versions": dict(self.versions),
            "commit": self.commit,
            "elapsed": round(self.elapsed, 3),
            "columns": titles,
            "rows": [dict(zip(titles, map(_plain, row), strict=True)) for row in self.rows],
        }
        return json.dumps(document, indent=1, allow_nan=False) + "\n"


def made(table: Table, *, progress: Progress = silent, each: Callable[[Row], None] = lambda row: None) -> Result:
    """The `table` with its rows; each of them is also given to `each` as soon as it is known."""
    began, rows = time.perf_counter(), []
    for row in table.rows(progress):
        rows.append(row)
        each(row)
    return Result(
        table=table,
        rows=tuple(rows),
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        versions=_versions(),
        commit=_commit(),
        elapsed=time.perf_counter() - began,
    )


def _plain(value: str | float | None) -> str | float | None:
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """The commit of the checkout that this file lies in, with a + where files differ from it; None where there is none.

    A package installed below somebody else's checkout is not part of that.
    """
    root = Path(__file__).resolve().parents[3]
    top, commit, changes = (
        _git(root, *words)
        for words in (("rev-parse", "--show-toplevel"), ("rev-parse", "HEAD"), ("status", "--porcelain"))
    )
    if not top or not commit or Path(top).resolve() != root:
        return None
    return f"{commit}+" if changes else commit


def _git(folder: Path, *words: str) -> str | None:
    """What git says, without the line's end; None where there is no git, or it fails."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
