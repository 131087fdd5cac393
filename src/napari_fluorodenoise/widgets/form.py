"""A form drawn from a stage's declaration: labels, bounds, defaults and tooltips are those the declaration states."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit, SpinBox
from magicgui.widgets.bases import ValueWidget
from pydantic import TypeAdapter, ValidationError

__all__ = ["Form"]

T = TypeVar("T")

_FAR = 2**31 - 1
"""Where nothing bounds a number: Qt's spin boxes count with 32 bits."""


class Form(Generic[T]):
    """One input per field of `declaration`, a pydantic dataclass whose fields all have defaults, in its order."""

    def __init__(self, declaration: type[T]) -> None:
        self._declaration = declaration
        self._schemas: Mapping[str, Mapping[str, Any]] = TypeAdapter(declaration).json_schema().get("properties", {})
        self.fields: dict[str, ValueWidget] = {name: _field(name, schema) for name, schema in self._schemas.items()}

    def value(self) -> T:
        """The declaration that the form describes; raises ValueError of one line where a value is refused."""
        values = {name: _value(field, self._schemas[name]) for name, field in self.fields.items()}
        try:
            return self._declaration(**values)
        except ValidationError as error:
            raise ValueError("; ".join(_complaint(problem) for problem in error.errors())) from error


def _field(name: str, schema: Mapping[str, Any]) -> ValueWidget:
    label = name.replace("_", " ")
    common = {"name": name, "label": label, "tooltip": " ".join(schema.get("description", "").split())}
    default = schema["default"]
    if "enum" in schema:
        return ComboBox(choices=schema["enum"], value=default, **common)
    match schema.get("type"):
        case "boolean":
            return CheckBox(value=default, **common)
        case "integer":
            low, high = _bounds(schema, step=1)
            return SpinBox(value=default, min=low, max=high, **common)
        case "number":
            step = _step(schema)
            low, high = _bounds(schema, step=step)
            return FloatSpinBox(value=default, min=low, max=high, step=step, **common)
    return LineEdit(value=_text(default), **common)


def _value(field: ValueWidget, schema: Mapping[str, Any]) -> Any:
    """What the declaration is given. Text is cut at its commas for a list; empty text is None for what may be None."""
    if not isinstance(field, LineEdit):
        return field.value
    if schema.get("type") == "array":
        return tuple(part.strip() for part in field.value.split(",") if part.strip())
    return None if not field.value and "anyOf" in schema else field.value


def _text(default: Any) -> str:
    if default is None:
        return ""
    return ", ".join(map(str, default)) if isinstance(default, list) else str(default)


def _step(schema: Mapping[str, Any]) -> float:
    """The last decimal place of default and bounds: a spin box rounds what it holds, so it has to show that place."""
    stated = [schema[key] for key in ("default", "minimum", "maximum") if key in schema]
    places = max(-int(Decimal(repr(float(number))).normalize().as_tuple().exponent) for number in stated)
    return 10.0 ** -max(places, 1)


def _bounds(schema: Mapping[str, Any], *, step: float) -> tuple[float, float]:
    """The smallest and largest number that may be entered; an exclusive bound is one step away."""
    low = schema["exclusiveMinimum"] + step if "exclusiveMinimum" in schema else schema.get("minimum", -_FAR)
    high = schema["exclusiveMaximum"] - step if "exclusiveMaximum" in schema else schema.get("maximum", _FAR)
    return low, high


def _complaint(problem: Mapping[str, Any]) -> str:
    where = " ".join(str(part) for part in problem["loc"]).replace("_", " ")
    return f"{where}: {problem['msg'][:1].lower()}{problem['msg'][1:]}, found {problem['input']!r}"
