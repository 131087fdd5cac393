import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic.dataclasses import dataclass
from superqt import QCollapsible

from napari_fluorodenoise.primitives.declaration import A_FILE, ADVANCED, HIDDEN, STRICT, Unit
from napari_fluorodenoise.widgets.form import Form


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Everything:
    rank: Annotated[int, Ge(1), Le(5)] = 2
    """Rank of the
    background."""
    threshold: Annotated[float, Gt(0), Lt(2)] = 0.0035
    """Threshold in counts."""
    free: float = 1.5
    large: int = 100_000
    method: Literal["fast", "exact"] = "exact"
    blind: bool = True
    of: tuple[str, ...] = ("background", "foreground")
    size: tuple[int, int] = (3, 5)
    limit: float | None = None
    name: str = "frames"
    reach: Annotated[int, Ge(0), Unit("px"), ADVANCED] = 4
    model: Annotated[str | None, A_FILE] = None
    table: Annotated[Path | None, A_FILE] = None
    taught: Annotated[tuple[int, ...], HIDDEN] = ()


@pytest.fixture
def form(qapp):
    return Form(Everything)


def test_untouched_form_is_the_declaration_itself(form):
    assert form.value() == Everything()


def test_fields_are_labelled_bounded_and_explained_by_the_declaration(form):
    assert list(form.fields) == [
        "rank", "threshold", "free", "large", "method", "blind", "of", "size", "limit", "name", "reach",
        "model", "table",
    ]  # fmt: skip
    rank = form.fields["rank"]
    assert (rank.min, rank.max, rank.value, rank.tooltip) == (1, 5, 2, "Rank of the background.")
    assert form.fields["method"].choices == ("fast", "exact")
    assert (form.fields["threshold"].min, form.fields["threshold"].max) == (1e-4, 2 - 1e-4)


@pytest.mark.parametrize(
    ("name", "entered", "read"),
    [
        ("rank", 4, 4),
        ("threshold", 0.0001, 0.0001),
        ("method", "fast", "fast"),
        ("blind", False, False),
        ("of", " frames ,background,", ("frames", "background")),
        ("of", "", ()),
        ("size", "7, 9", (7, 9)),
        ("limit", "2.5", 2.5),
        ("limit", "", None),
        ("name", "background", "background"),
        ("model", "/models/mine.safetensors", str(Path("/models/mine.safetensors"))),
        ("table", "/offsets.csv", Path("/offsets.csv")),
        ("table", None, None),
    ],
)
def test_what_is_entered_is_what_the_stage_gets(form, name, entered, read):
    form.fields[name].value = entered
    value = getattr(form.value(), name)
    assert math.isclose(value, read) if isinstance(read, float) else value == read


def test_units_stand_beside_the_names_and_what_few_change_is_folded_away(form):
    assert form.fields["reach"].label == "reach [px]"
    fold = form.findChild(QCollapsible)
    assert not fold.isExpanded()
    assert [fold.isAncestorOf(form.fields[name].native) for name in ("rank", "reach")] == [False, True]


def test_a_form_begins_with_what_it_is_given_and_keeps_what_it_does_not_show(qapp):
    given = Everything(rank=4, of=("frames",), limit=2.0, taught=(3, 4), model="mine")
    form = Form(Everything, shown=given)
    assert form.value() == given
    form.fields["rank"].value = 5
    assert form.value() == replace(given, rank=5)


def test_every_edit_is_told(form, qtbot):
    with qtbot.waitSignal(form.changed):
        form.fields["threshold"].value = 0.5


def test_refused_values_are_named_in_one_line(form):
    form.fields["limit"].value = "much"
    form.fields["size"].value = "1"
    with pytest.raises(ValueError, match=r"size .*; limit: input should be a valid number.*'much'") as refused:
        form.value()
    assert "\n" not in str(refused.value)
