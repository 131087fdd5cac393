"""A form drawn from a stage's declaration: labels, units, bounds, defaults and tooltips are those it states.

Settings that few change are folded away under "advanced"; those marked for files and scripts alone are not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

from magicgui.widgets import CheckBox, ComboBox, FileEdit, FloatSpinBox, LineEdit, SpinBox
from magicgui.widgets.bases import ValueWidget
from pydantic import TypeAdapter, ValidationError
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget
from superqt import QCollapsible

__all__ = ["Form", "folded", "rows"]

T = TypeVar("T")

_FAR = 2**31 - 1
"""Where nothing bounds a number: Qt's spin boxes count with 32 bits."""


class Form(QWidget, Generic[T]):
    """One input per field of `declaration`, a pydantic dataclass whose fields all have defaults, in its order.

    `shown` is what the form says first; else the defaults. `changed` tells of every edit.
    """

    changed = Signal()

    def __init__(self, declaration: type[T], *, shown: T | None = None) -> None:
        super().__init__()
        adapter = TypeAdapter(declaration)
        stated: Mapping[str, Mapping[str, Any]] = adapter.json_schema().get("properties", {})
        self._declaration = declaration
        self._schemas = {name: schema for name, schema in stated.items() if not schema.get("hidden")}
        self._kept = {} if shown is None else {n: getattr(shown, n) for n in stated if n not in self._schemas}
        first = {} if shown is None else adapter.dump_python(shown, mode="json")
        self.fields: dict[str, ValueWidget] = {
            name: _field(name, {**schema, "default": first.get(name, schema["default"])})
            for name, schema in self._schemas.items()
        }
        for field in self.fields.values():
            field.changed.connect(self._tell)
        self._lay_out()

    def value(self) -> T:
        """The declaration that the form describes; raises ValueError of one line where a value is refused."""
        values = {name: _value(field, self._schemas[name]) for name, field in self.fields.items()}
        try:
            return self._declaration(**values, **self._kept)
        except ValidationError as error:
            raise ValueError("; ".join(_complaint(problem) for problem in error.errors())) from error

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        plain, advanced = (
            [field for name, field in self.fields.items() if bool(self._schemas[name].get("advanced")) is few]
            for few in (False, True)
        )
        layout.addWidget(rows(plain))
        if advanced:
            layout.addWidget(folded("advanced", rows(advanced)))

    def _tell(self, _: Any = None) -> None:
        self.changed.emit()


def rows(fields: Iterable[ValueWidget]) -> QWidget:
    """Labelled fields below each other; the labels explain themselves as the fields do."""
    inside = QWidget()
    layout = QFormLayout(inside)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for field in fields:
        layout.addRow("" if isinstance(field, CheckBox) else field.label, field.native)  # a box says its own name
        if (label := layout.labelForField(field.native)) is not None:
            label.setToolTip(field.tooltip)
    return inside


def folded(title: str, inside: QWidget) -> QCollapsible:
    """`inside` under a title that opens and closes it; closed at first."""
    fold = QCollapsible(title)
    fold.setDuration(0)  # an animation is a timer that may outlive the window
    fold.layout().setContentsMargins(0, 0, 0, 0)
    fold.addWidget(inside)
    fold.collapse(animate=False)
    return fold


def _field(name: str, schema: Mapping[str, Any]) -> ValueWidget:
    unit = f" [{schema['unit']}]" if "unit" in schema else ""
    label = name.replace("_", " ") + unit
    common = {"name": name, "label": label, "tooltip": " ".join(schema.get("description", "").split())}
    default = schema["default"]
    if "enum" in schema:
        return ComboBox(choices=schema["enum"], value=default, **common)
    if schema.get("format") == "path":
        return FileEdit(value=default or "", nullable=True, **common)
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
    if isinstance(field, FileEdit):
        return None if field.value is None or not field.line_edit.value else str(field.value)
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
