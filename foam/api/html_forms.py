"""Inputs of an HTML form for the fields of a serializer. A script, api.js, sends them as JSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from rest_framework import serializers
from rest_framework.fields import empty

from foam.api.docstrings import describe

# Kind of input by field class, the first that matches. A field may set `input_kind` instead.
KINDS: tuple[tuple[type, str], ...] = (
    (serializers.FileField, "file"),
    (serializers.BooleanField, "checkbox"),
    (serializers.ManyRelatedField, "multiple"),
    (serializers.MultipleChoiceField, "multiple"),
    (serializers.RelatedField, "select"),
    (serializers.ChoiceField, "select"),
    (serializers.DateTimeField, "instant"),
    (serializers.DateField, "date"),
    (serializers.TimeField, "time"),
    (serializers.IntegerField, "number"),
    (serializers.EmailField, "email"),
    (serializers.URLField, "url"),
    (serializers.ListSerializer, "json"),
    (serializers.BaseSerializer, "json"),
    (serializers.ListField, "list"),
    (serializers.DictField, "json"),
    (serializers.JSONField, "json"),
)
# Example of a list of each kind.
LIST_EXAMPLES = {
    "duration": "PT10M, P1D",
    "wall": "2026-12-24T18:00, 2026-12-31T18:00",
    "instant": "2026-12-24T17:00:00Z",
    "number": "1, 2, 3",
}
# Longest text, in characters, for an input of one line.
MAX_ONE_LINE = 4096


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a form; `value` is text, or a list for a choice of several."""

    name: str
    label: str
    kind: str
    help: str
    is_required: bool
    may_be_null: bool
    value: str | list[str]
    example: str = ""
    items: str = ""
    choices: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    # The value was sent and refused. api.js sends it again, though the user does not change it.
    is_sent: bool = False

    @property
    def is_checked(self) -> bool:
        return self.value == "true"


def inputs(
    serializer: serializers.Serializer[Any],
    values: Mapping[str, Any],
    errors: Mapping[str, list[str]],
    sent: Mapping[str, Any],
) -> list[Input]:
    """Return an input for each writable field, with its value and errors.

    Values that were `sent` and refused replace `values`.
    """
    values = {**values, **sent}
    writable = [
        (name, field)
        for name, field in serializer.fields.items()
        if not field.read_only and not isinstance(field, serializers.HiddenField)
    ]
    return [
        _input(name, field, values.get(name, empty), errors.get(name, []), is_sent=name in sent)
        for name, field in writable
    ]


def _input(name: str, field: Any, value: Any, errors: list[str], *, is_sent: bool) -> Input:
    kind = kind_of(field)
    if value is empty:
        value = field.get_initial()
    items = items_of(field, kind)
    return Input(
        name=name,
        label=str(field.label or name.replace("_", " ").capitalize()),
        kind=kind,
        help=describe(str(field.help_text or "")),
        is_required=field.required and kind != "checkbox",
        may_be_null=field.allow_null,
        value=_selected(value) if kind == "multiple" else written(value, kind),
        example=_default(field)
        or (_example(items) if kind == "list" else _example(kind).split(",")[0]),
        items=items,
        choices=list(_choices(field, kind)),
        errors=errors,
        is_sent=is_sent,
    )


def _default(field: Any) -> str:
    """Return the value of a field of the model that is left out, as text; empty without one."""
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    if field.required or model is None:
        return ""
    try:
        column = model._meta.get_field(field.source)
    except FieldDoesNotExist:
        return ""
    if column.many_to_many or not column.has_default():
        return ""
    return written(field.to_representation(column.get_default()), kind_of(field))


def _example(kind: str) -> str:
    return LIST_EXAMPLES.get(kind, "")


def kind_of(field: Any) -> str:
    if kind := getattr(field, "input_kind", None):
        return str(kind)
    if isinstance(field, serializers.BooleanField) and field.allow_null:
        return "json"
    for field_class, kind in KINDS:
        if isinstance(field, field_class):
            child = kind_of(getattr(field, "child", None)) if kind == "list" else ""
            return "json" if child in {"json", "list"} else kind
    if isinstance(field, serializers.CharField):
        is_textarea = field.style.get("base_template") == "textarea.html"
        is_long = (field.max_length or MAX_ONE_LINE) > MAX_ONE_LINE
        return "textarea" if is_textarea or is_long else "text"
    return "text"


def items_of(field: Any, kind: str) -> str:
    """Return the kind of the items that a field holds: "number" for the ids of related rows."""
    if kind == "list":
        return kind_of(field.child)
    related = getattr(field, "child_relation", field)
    return "number" if isinstance(related, serializers.PrimaryKeyRelatedField) else ""


def _choices(field: Any, kind: str) -> Iterable[tuple[str, str]]:
    if kind not in ("select", "multiple"):
        return
    for option in field.iter_options():
        if hasattr(option, "value"):
            yield str(option.value), str(option.display_text)


def _selected(value: Any) -> list[str]:
    return [str(option) for option in value] if isinstance(value, list | tuple | set) else []


def written(value: Any, kind: str) -> str:
    """Return a value as the text of an input."""
    if kind == "json":
        return "" if value in (None, {}, []) else json.dumps(value, indent=2)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else ""
    if kind == "list" and isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
