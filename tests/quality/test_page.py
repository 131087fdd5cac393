"""What the page on quality says is there."""

import re
from pathlib import Path

import pytest

from napari_fluorodenoise import quality

PAGE = (Path(__file__).parents[2] / "docs" / "quality.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", quality.__all__)
def test_every_measure_is_on_the_page(name):
    assert re.search(rf"`{name}`|import [^\n]*\b{name}\b", PAGE)
