"""Completes the document of drf-spectacular: headers, webhooks, names of enums, descriptions."""

import re
from collections.abc import Iterator
from typing import Any

from foam.api.openapi.descriptions import describe_field, describe_parameter, describe_schema
from foam.api.openapi.headers import header_components
from foam.api.openapi.webhook_messages import message_schemas, webhooks

# A component of drf-spectacular for null, which has a name of its own in generated clients.
NULL = "#/components/schemas/Null"
VALUE_LABEL = re.compile(r"^\* `(.*)` - (.*)$", re.MULTILINE)
IDENTIFIER = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the parts that drf-spectacular does not derive from the views."""
    components = result["components"]
    components["headers"] = header_components()
    components["schemas"] |= message_schemas()
    components["schemas"].pop("Null", None)
    # A reminder from a sentence fits both schemas, as it has all fields of any reminder.
    created = components["schemas"]["CreatedReminder"]
    created["anyOf"] = created.pop("oneOf")
    result["webhooks"] = webhooks()
    for node in _nodes(result):
        _inline_null(node)
        _name_values(node)
        _drop_repetition(node)
    for name, schema in components["schemas"].items():
        _describe(name, schema)
    for methods in result["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                text = describe_parameter(operation["operationId"], parameter["name"])
                parameter.setdefault("description", text)
    components["schemas"] = dict(sorted(components["schemas"].items()))
    return result


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a document."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from _nodes(member)
    elif isinstance(value, list):
        for element in value:
            yield from _nodes(element)


def _inline_null(node: dict[str, Any]) -> None:
    for options in (node.get("oneOf"), node.get("anyOf")):
        if isinstance(options, list) and {"$ref": NULL} in options:
            options[options.index({"$ref": NULL})] = {"type": "null"}


def _name_values(node: dict[str, Any]) -> None:
    """Name the values of an enum that are no identifiers, which clients would number."""
    values = node.get("enum")
    if not isinstance(values, list) or all(IDENTIFIER.fullmatch(str(value)) for value in values):
        return
    node["x-enum-varnames"] = [_variable_of(str(value)) for value in values]


def _drop_repetition(node: dict[str, Any]) -> None:
    """Drop a description that only lists the values of an enum again: "* `sent` - Sent"."""
    pairs = VALUE_LABEL.findall(str(node.get("description", "")))
    if pairs and all(_letters(value) == _letters(label) for value, label in pairs):
        del node["description"]


def _letters(text: str) -> str:
    return re.sub("[^a-z]", "", text.lower())


def _variable_of(value: str) -> str:
    """Return the name of a value: ID_DESC for `-id`, REMINDERS_READ for `reminders:read`."""
    name = re.sub("[^A-Za-z0-9]+", "_", value).strip("_").upper()
    return f"{name}_DESC" if value.startswith("-") else name


def _describe(schema_name: str, schema: dict[str, Any]) -> None:
    """Describe a schema and its fields."""
    if text := describe_schema(schema_name):
        schema.setdefault("description", text)
    for name, field in schema.get("properties", {}).items():
        if text := describe_field(schema_name, name):
            field.setdefault("description", text)
