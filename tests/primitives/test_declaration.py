from dataclasses import field
from typing import Annotated

import pydantic.dataclasses
import pytest
from annotated_types import Gt
from pydantic import TypeAdapter, ValidationError

from napari_fluorodenoise.primitives.declaration import STRICT, mistake


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Tube:
    """A part of a declaration."""

    current: Annotated[float, Gt(0)] = 5.0

    def __post_init__(self) -> None:
        if self.current == 13:
            raise ValueError("expected any current but 13, found it")


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Arm:
    """A declaration of one part."""

    tube: Tube = field(default_factory=Tube)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tube": {"current": -1}}, "expected arm.tube.current to be greater than 0, found -1"),
        ({"tube": {"current": float("inf")}}, "expected arm.tube.current to be a finite number, found inf"),
        ({"tube": {"curent": 5}}, "expected a setting of arm.tube (current), found 'curent'"),
        ({"tub": {}}, "expected a setting of arm (tube), found 'tub'"),
        ({"tube": {"current": 13}}, "arm.tube: expected any current but 13, found it"),
    ],
)
def test_a_mistake_is_told_in_one_line_by_its_place(values, said):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Arm).validate_python(values)
    known = {("arm",): ["tube"], ("arm", "tube"): ["current"]}
    assert mistake(caught.value, name="arm", settings=lambda path: known[tuple(path)]) == said
