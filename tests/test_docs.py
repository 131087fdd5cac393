"""What the README and the pages say is true: blocks run, commands exist, names and settings are the real ones."""

import dataclasses
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise.cli import main
from napari_fluorodenoise.io import FORMATS, write
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages import STAGES, stage_class
from napari_fluorodenoise.video import Run, Video

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands():
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith("fluorodenoise ")]


def test_python_blocks_run(tmp_path, monkeypatch):
    import napari
    from napari.components import ViewerModel

    monkeypatch.setattr(napari, "Viewer", ViewerModel)
    monkeypatch.chdir(tmp_path)
    write("run.dcm", phantom(frames=6, shape=(64, 64), rng=0).noisy)
    names = {}
    for block in blocks("python"):
        exec(block, names)
    assert (tmp_path / "clean.tif").exists()
    layers = names["viewer"].layers
    assert (layers[0].name, layers[-1].name) == ("run", "mine · fused")


@pytest.mark.parametrize("line", commands())
def test_command_lines_are_real(line, capsys):
    words = shlex.split(line, comments=True)[1:]
    assert main([*words, "--help"]) == 0  # help comes only after all words are understood
    assert f"fluorodenoise {words[0]}" in capsys.readouterr().out


def test_json_blocks_are_recipes():
    for block in blocks("json"):
        Recipe.from_json(block)


def test_make_targets_are_real():
    targets = re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.MULTILINE)
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


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page):
    for link in re.findall(r"\[[^\]]*\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists()


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.name)
def test_every_decision_says_status_context_choice_and_cost(page):
    text = page.read_text(encoding="utf-8")
    assert re.match(rf"# {int(page.name[:4])}\. ", text)
    assert re.findall(r"^(?:Status|## \w+)", text, re.MULTILINE) == ["Status", "## Context", "## Choice", "## Cost"]
