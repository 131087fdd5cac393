"""Makes the tables of `fluorodenoise bench`, and puts them where they are read: `make bench`.

    python benchmarks/tables.py [befoi sdd scintillator pwm low-dose speed ...]
    python benchmarks/tables.py --readme

Each table replaces what stands between its marks in docs/benchmarks.md, and lies beside it as docs/bench/NAME.json; the
README's table is taken from that page. `--readme` makes none, and only does the last step.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

from napari_fluorodenoise.cli import main as fluorodenoise

ROOT = Path(__file__).parents[1]
PAGE, README, JSON = ROOT / "docs" / "benchmarks.md", ROOT / "README.md", ROOT / "docs" / "bench"
TABLES = {
    "sdd": ("--variance", ".001,.003,.005", "--steps", "60"),
    "scintillator": (),
    "befoi": (),
    "pwm": (),
    "low-dose": (),
    "speed": (),
}
"""The tables, in the page's order, and how they are made where it is not as `bench` does it by itself."""
SUMMARY = "befoi"
"""The table that the README shows."""
SHOWN = ("system", "PSNR dB", "SSIM", "CNR", "Reblur", "frames/s")
"""What of it, for its first case."""


def make(name: str) -> None:
    """Make the table `name`, and put it into the page."""
    JSON.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        markdown = Path(folder, f"{name}.md")
        written = ["--markdown", str(markdown), "--json", str(JSON / f"{name}.json"), "--overwrite"]
        if fluorodenoise(["bench", name, *TABLES[name], *written]):
            raise SystemExit(f"bench {name} failed")
        PAGE.write_text(replaced(PAGE.read_text("utf-8"), name, markdown.read_text("utf-8")), encoding="utf-8")


def replaced(page: str, name: str, text: str) -> str:
    """`page` with `text` between the marks of the table `name`; raises ValueError where they are not there once."""
    begin, end = f"<!-- bench {name} -->", f"<!-- end {name} -->"
    marked = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(marked.findall(page)) != 1:
        raise ValueError(f"expected {begin} and {end} once in the page, found them {len(marked.findall(page))} times")
    return marked.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", page)


def summary(page: str) -> str:
    """The README's table: some columns of the page's `SUMMARY`, for its first case."""
    _, _, part = page.partition(f"<!-- bench {SUMMARY} -->")
    part = part.partition(f"<!-- end {SUMMARY} -->")[0]
    titles, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table_lines(part)]
    chosen = [row for row in rows if row[0] == rows[0][0]]
    columns = [titles.index(title) for title in SHOWN]
    lines = [SHOWN, ["---"] * len(SHOWN), *([row[at] for at in columns] for row in chosen)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{rows[0][0]} ([all of it](docs/benchmarks.md)):\n\n{table}"


def table_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}; all without any")
    parser.add_argument("--readme", action="store_true", help="make no table; only take the README's from the page")
    options = parser.parse_args()
    for name in () if options.readme else options.tables or TABLES:
        make(name)
    readme = replaced(README.read_text("utf-8"), "summary", summary(PAGE.read_text("utf-8")))
    README.write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    main()
