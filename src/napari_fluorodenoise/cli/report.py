"""`fluorodenoise report`: may a result be trusted? One page that says so, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.cli.errors import naming
from napari_fluorodenoise.io import place

__all__ = ["report"]

SUFFIXES = (".html", ".htm")


def report(
    source: Annotated[Any, typer.Argument(metavar="IN", parser=place, help="The sequence before, or its URL.")],
    target: Annotated[
        Any, typer.Argument(metavar="OUT", parser=place, help="The same sequence after, in the same units.")
    ],
    html: Annotated[Path, typer.Option(metavar="FILE.html", help="Where to write the page.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE.html where it exists.")] = False,
) -> None:
    """Check a result against the sequence it was made of, and write a page with verdicts, evidence and pictures."""
    from napari_fluorodenoise.io import FileError, read
    from napari_fluorodenoise.io.files import saving, vacant

    if html.suffix.lower() not in SUFFIXES:
        raise FileError(f"{html}: expected a name that ends in {SUFFIXES[0]}, found {html.suffix or 'none'}; rename it")
    vacant(html, overwrite=overwrite, folder=False)
    noisy, denoised = read(source), read(target)
    with naming(source), bars() as start:
        from napari_fluorodenoise.quality.report.page import dose, page
        from napari_fluorodenoise.quality.trust import trust

        found = trust(noisy, denoised, progress=start("checking"))
        text = page(found, noisy, denoised, names=(source.name, target.name))
        with saving(html) as part:
            part.write_text(text, encoding="utf-8")
    for check in found.checks:
        print(f"  {check.name:20} {check.verdict}")
    print(f"  {'Dose':20} {dose(found).partition('. ')[0]}")
    print(f"wrote {html}")
