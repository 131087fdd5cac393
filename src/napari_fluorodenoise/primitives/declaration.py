"""Declarations: dataclasses whose fields are settings. How they are checked, and what is wrong with one in a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from pydantic import ConfigDict

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["STRICT", "mistake"]

STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
"""For every declaration: unknown keys are refused, numbers are finite, and the line under a field describes it."""


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
