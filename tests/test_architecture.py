"""What holds the house together: imports run downwards, importing is free, functions and files stay small."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
HEAVY = {
    "torch",
    "napari",
    "qtpy",
    "PyQt6",
    "PySide6",
    "magicgui",
    "dask",
    "cv2",
    "scipy",
    "skimage",
    "zarr",
    "pydicom",
}


def imported_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after running `code`."""
    program = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


def command(*words: str) -> str:
    return f"from napari_fluorodenoise.cli import main\nassert main({list(words)!r}) == 0"


def test_imports_run_downwards_only():
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS


def test_importing_the_package_is_free():
    assert not imported_by("import napari_fluorodenoise") & {*HEAVY, "numpy", "pydantic"}


@pytest.mark.parametrize(
    "code",
    [
        "from napari_fluorodenoise import Decompose, Decorrelate, Denoise, Fuse, Recipe, Run, Stabilize, Video",
        "from napari_fluorodenoise import denoise, phantom, read, write",
        command("--help"),
        command("recipe"),
        command("recipe", "sdd"),
        command("bench", "sdd", "--help"),
    ],
)
def test_declaring_and_listing_loads_nothing_heavy(code):
    assert not imported_by(code) & HEAVY


@pytest.mark.parametrize("module", ["layers", "manifest", "preferences", "show", "waiting", "writing"])
def test_reading_writing_and_showing_layers_needs_no_qt(module):
    assert not imported_by(f"import napari_fluorodenoise.widgets.{module}") & {"qtpy", "PyQt6", "PySide6"}


def test_every_public_name_can_be_had():
    program = "import napari_fluorodenoise as fd\nfor name in set(fd.__all__) - {'open_in'}: getattr(fd, name)"
    assert "PyQt6" not in imported_by(program)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src" / "napari_fluorodenoise")))
def test_functions_and_files_stay_small(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 40, f"{node.name} has more than 40 lines"
