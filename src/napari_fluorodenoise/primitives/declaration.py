"""Declarations: dataclasses whose fields are settings. How they are checked, and what is wrong with one in a line.

Beside its bounds a field's type may say what a form needs to know: `Annotated[int, Ge(0), Unit("frames"), ADVANCED]`.
The notes travel in the JSON schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler, ValidationError
    from pydantic_core import CoreSchema

__all__ = ["ADVANCED", "A_FILE", "HIDDEN", "STRICT", "Note", "Unit", "mistake"]

STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
"""For every declaration: unknown keys are refused, numbers are finite, and the line under a field describes it."""


@dataclass(frozen=True)
class Note:
    """Something that the JSON schema of a field says beside its type and bounds."""

    key: str
    value: str | bool = True

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), self.key: self.value}


def Unit(name: str) -> Note:  # noqa: N802 - reads as a type's note
    """What the field counts or measures in: "px", "frames", "s"."""
    return Note("unit", name)


ADVANCED = Note("advanced")
"""A setting that few change: a form folds it away."""
HIDDEN = Note("hidden")
"""A setting for files and scripts, which no form shows."""
A_FILE = Note("format", "path")
"""A text that is the path of a file."""


def mistake(error: ValidationError, *, name: str, settings: Callable[[Sequence[str]], Iterable[str]]) -> str:
    """One line of pydantic's report on the declaration `name`: the key, what it should be, what it is.

    `settings` lists what may be set in the declaration at a path of names, of which the first is `name`.
    """
    first = error.errors(include_url=False)[0]
    *parents, key = (name, *map(str, first["loc"]))
    if first["type"] == "unexpected_keyword_argument":
        return f"expected a setting of {'.'.join(parents)} ({', '.join(settings(parents))}), found {key!r}"
    target = ".".join((*parents, key))
    if first["type"] == "value_error":  # a declaration's own sentence
        return f"{target}: {first['msg'].removeprefix('Value error, ')}"
    wanted = first["msg"].partition(" should ")[2] or first["msg"]
    return f"expected {target} to {wanted}, found {first['input']!r}"
