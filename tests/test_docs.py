"""What the README and the pages say is true: blocks run, commands exist, names and settings are the real ones."""

import dataclasses
import re
import shlex
from pathlib import Path

import napari
import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManifest

from napari_fluorodenoise.cli import main
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.io import FORMATS, write
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages import STAGES, stage_class
from napari_fluorodenoise.video import Run, Video
from napari_fluorodenoise.widgets.layers import KEY
from napari_fluorodenoise.widgets.running.order import Order
from napari_fluorodenoise.widgets.show import open_in

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "napari.md").read_text(encoding="utf-8")


def blocks(language, page=README):
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def commands():
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith("fluorodenoise ")]


@pytest.fixture
def windowless(tmp_path, monkeypatch):
    """A folder with a run in it, where napari's viewers have no window."""
    monkeypatch.setattr(napari, "Viewer", ViewerModel)
    monkeypatch.chdir(tmp_path)
    write("run.dcm", phantom(frames=6, shape=(64, 64), rng=0).noisy)
    return tmp_path


@pytest.mark.parametrize(
    ("page", "layers", "written"),
    [(README, ("run", "mine · fused"), "clean.tif"), (GUIDE, ("run", "by script · fused"), "fused.tif")],
    ids=["README", "napari"],
)
def test_python_blocks_run(page, layers, written, windowless, npe2pm):
    npe2pm.register(PluginManifest.from_distribution("napari-fluorodenoise"))
    names = {}
    for block in blocks("python", page):
        exec(block, names)
    assert (windowless / written).exists()
    shown = names["viewer"].layers
    assert (shown[0].name, shown[-1].name) == layers


def test_every_dock_and_command_is_in_the_guide():
    manifest = PluginManifest.from_distribution("napari-fluorodenoise").contributions
    titles = {command.id: command.title for command in manifest.commands}
    commands = {entry.command for entries in manifest.menus.values() for entry in entries}
    docks = {widget.command: widget.display_name for widget in manifest.widgets}
    for title in (*docks.values(), *(titles[command] for command in commands - set(docks))):
        assert title in GUIDE
    for writer in manifest.writers:
        assert f"*{writer.display_name}*" in GUIDE


def test_what_a_result_remembers_is_in_the_guide():
    viewer = ViewerModel()
    (source,) = open_in(viewer, Run.of(phantom(frames=6, shape=(64, 64), rng=0).noisy), name="run")
    order = Order.of(Recipe.named("fast"), source, viewer.layers)
    (_, attributes, _), *_ = order(silent)
    for key in attributes["metadata"][KEY]:
        assert f"`{key}`" in GUIDE


def test_pictures_are_shown_and_small():
    for picture in (ROOT / "docs" / "images").glob("*.png"):
        shown = [page for page in PAGES if f"images/{picture.name})" in page.read_text(encoding="utf-8")]
        assert shown, picture.name
        assert picture.stat().st_size < 300_000


@pytest.mark.parametrize("line", commands())
def test_command_lines_are_real(line, capsys):
    words = shlex.split(line, comments=True)[1:]
    assert main([*words, "--help"]) == 0  # help comes only after all words are understood
    assert f"fluorodenoise {words[0]}" in capsys.readouterr().out


def test_json_blocks_are_recipes():
    for block in blocks("json"):
        Recipe.from_json(block)


def test_make_targets_are_real():
    targets = re.findall(r"^make ([\w-]+)", "\n".join(blocks("sh")), re.MULTILINE)
    targets += re.findall(r"`make ([\w-]+)`", README)
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_recipe_and_suffix_is_in_the_readme():
    table = README.partition("## Recipes")[2]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(Recipe.names())
    for suffix in set(FORMATS) - {"", ".dicom", ".tiff"}:
        assert f"`{suffix}`" in README


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_has_a_page_with_its_names_and_settings(name):
    page = (ROOT / "docs" / "stages" / f"{name}.md").read_text(encoding="utf-8")
    video = Video(data=np.broadcast_to(np.uint16(0), (2, 1, 1)))
    run = Run(dict.fromkeys(("frames", "frames_denoised"), video))
    stage = stage_class(name)()
    added = [key.replace("frames_", "<name>_") for key in stage.adds(Run.of(video) if name != "fuse" else run)]
    for word in (*added, *(field.name for field in dataclasses.fields(stage))):
        assert f"`{word}`" in page
    assert "## When it fails" in page
    assert "doi.org" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for link in re.findall(r"\[[^\]]*\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists()


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.name)
def test_every_decision_says_status_context_choice_and_cost(page):
    text = page.read_text(encoding="utf-8")
    assert re.match(rf"# {int(page.name[:4])}\. ", text)
    assert re.findall(r"^(?:Status|## \w+)", text, re.MULTILINE) == ["Status", "## Context", "## Choice", "## Cost"]
