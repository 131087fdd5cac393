"""What the page on quality says is there."""

from pathlib import Path

import pytest

from napari_fluorodenoise import quality

PAGE = (Path(__file__).parents[2] / "docs" / "quality.md").read_text(encoding="utf-8")
ROOMS = ("similarity", "regions", "method_noise", "transfer", "events", "wires", "observer", "halves")


@pytest.mark.parametrize("name", quality.__all__)
def test_every_measure_is_on_the_page(name):
    if getattr(quality, name).__module__.rpartition(".")[2] in ROOMS:
        assert f"`{name}`" in PAGE
