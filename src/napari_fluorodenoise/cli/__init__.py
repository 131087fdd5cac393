"""`fluorodenoise`: thin commands over the functions that scripts call."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from napari_fluorodenoise.cli.apply import apply
from napari_fluorodenoise.cli.batch import batch
from napari_fluorodenoise.cli.bench import bench
from napari_fluorodenoise.cli.compare import compare
from napari_fluorodenoise.cli.demo import demo
from napari_fluorodenoise.cli.denoise import denoise
from napari_fluorodenoise.cli.info import info
from napari_fluorodenoise.cli.recipes import check, recipe
from napari_fluorodenoise.cli.report import report
from napari_fluorodenoise.cli.simulate import simulate
from napari_fluorodenoise.cli.train import train

__all__ = ["main"]

UsageError: Any = typer.BadParameter.__bases__[0]
"""Click's, wherever typer takes it from: some versions depend on click, others carry their own copy."""
INTERRUPTED = 130
"""What a shell expects after Ctrl-C; typer returns it, click raises Abort instead."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a command line: 0, 2 with one clear line for bad input or usage, 130 when interrupted."""
    # Looking for pydantic's plugins reads the entry points of every installed package: a fifth of a short command.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        code = int(_app()(words, prog_name="fluorodenoise", standalone_mode=False) or 0)
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except InterruptedError as error:  # says what was kept
        return _refused(str(error), code=INTERRUPTED)
    except UsageError as error:
        return _refused(error.format_message())
    except (ValueError, OSError) as error:
        return _refused(str(error))
    return _refused("interrupted", code=code) if code == INTERRUPTED else code


def _app() -> typer.Typer:
    app = typer.Typer(
        help="Denoise X-ray fluoroscopy sequences without clean training data. For research, not for diagnosis.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # its help takes longer to import than to read
    )
    for command in (demo, info, denoise, train, apply, batch, compare, report, simulate, recipe, check):
        app.command()(command)
    app.add_typer(bench, name="bench")
    return app


def _refused(reason: str, *, code: int = 2) -> int:
    print("fluorodenoise:", " ".join(reason.split()), file=sys.stderr)
    return code
