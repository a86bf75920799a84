"""What a serializer takes, as inputs of an HTML form. A script sends them as JSON: see api.js."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from foam.api.docstrings import describe

# The first that a field is an instance of, unless it says its own `input_kind`.
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
# What a list is made of, and how one is written.
ITEMS = {
    "duration": "PT10M, P1D",
    "wall": "2026-12-24T18:00, 2026-12-31T18:00",
    "instant": "2026-12-24T17:00:00Z",
    "number": "1, 2, 3",
}
LONG = 4096


@dataclass(frozen=True, slots=True)
class Input:
    """One field as a form shows it; `value` is text, or what is chosen of many."""

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
    # Sent and refused: to be sent again, though it is not changed any more.
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
    """Return an input for each field that can be written, with its value and what is wrong.

    What was `sent` and refused stands in the place of `values`.
    """
    values = {**values, **sent}
    writable = [
        (name, each)
        for name, each in serializer.fields.items()
        if not each.read_only and not isinstance(each, serializers.HiddenField)
    ]
    return [
        _input(name, each, values.get(name, empty), errors.get(name, []), is_sent=name in sent)
        for name, each in writable
    ]


def _input(name: str, each: Any, value: Any, errors: list[str], *, is_sent: bool) -> Input:
    kind = kind_of(each)
    if value is empty:
        value = each.get_initial()
    items = items_of(each, kind)
    return Input(
        name=name,
        label=str(each.label or name.replace("_", " ").capitalize()),
        kind=kind,
        help=describe(str(each.help_text or "")),
        is_required=each.required and kind != "checkbox",
        may_be_null=each.allow_null,
        value=_chosen(value) if kind == "multiple" else written(value, kind),
        example=ITEMS.get(items, "") if kind == "list" else ITEMS.get(kind, "").split(",")[0],
        items=items,
        choices=list(_choices(each, kind)),
        errors=errors,
        is_sent=is_sent,
    )


def kind_of(each: Any) -> str:
    if named := getattr(each, "input_kind", None):
        return str(named)
    if isinstance(each, serializers.BooleanField) and each.allow_null:
        return "json"
    for type_, kind in KINDS:
        if isinstance(each, type_):
            child = kind_of(getattr(each, "child", None)) if kind == "list" else ""
            return "json" if child in {"json", "list"} else kind
    if isinstance(each, serializers.CharField):
        is_long = each.style.get("base_template") == "textarea.html"
        return "textarea" if is_long or (each.max_length or LONG) > LONG else "text"
    return "text"


def items_of(field: Any, kind: str) -> str:
    """Return the kind of the items that a field holds: "number" for the ids of related rows."""
    if kind == "list":
        return kind_of(field.child)
    related = getattr(field, "child_relation", field)
    return "number" if isinstance(related, serializers.PrimaryKeyRelatedField) else ""


def _choices(each: Any, kind: str) -> Iterable[tuple[str, str]]:
    if kind not in ("select", "multiple"):
        return
    for option in each.iter_options():
        if hasattr(option, "value"):
            yield str(option.value), str(option.display_text)


def _chosen(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple | set) else []


def written(value: Any, kind: str) -> str:
    """Return a value as it is typed."""
    if kind == "json":
        return "" if value in (None, {}, []) else json.dumps(value, indent=2)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else ""
    if kind == "list" and isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
