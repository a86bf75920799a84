"""The description of a batch's item: one schema for each `op`, with the fields that it takes."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent

from reminders.api.batch import Op
from reminders.api.serializers import ReminderSerializer

DESCRIPTIONS = {
    Op.CREATE: "Creates a reminder.",
    Op.UPDATE: "Changes the given fields of a reminder.",
    Op.UPSERT: "Replaces the reminder with this `external_id`, or creates it.",
    Op.DELETE: "Deletes a reminder.",
}
ID = {"type": "integer", "minimum": 1, "description": "The id of the reminder."}
VERSION = {
    "type": "integer",
    "minimum": 1,
    "description": "The version that you have read. Refused with 412 if the reminder has another.",
}


class BatchItemSchema(OpenApiSerializerExtension):
    """Describes ItemSerializer, whose `fields` depend on `op`."""

    target_class = "reminders.api.batch_views.ItemSerializer"

    def get_name(self, auto_schema: Any, direction: str) -> str:
        return "BatchItem"

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        whole = auto_schema.resolve_serializer(ReminderSerializer(), direction).ref
        patch = auto_schema.resolve_serializer(ReminderSerializer(partial=True), direction).ref
        key = {"required": ["external_id"]}
        items = {
            Op.CREATE: {"fields": whole},
            Op.UPDATE: {"id": ID, "version": VERSION, "fields": patch},
            Op.UPSERT: {"version": VERSION, "fields": {"allOf": [whole, key]}},
            Op.DELETE: {"id": ID, "version": VERSION},
        }
        refs = {op: _component(auto_schema, op, fields) for op, fields in items.items()}
        mapping = {op.value: ref["$ref"] for op, ref in refs.items()}
        return {
            "oneOf": list(refs.values()),
            "discriminator": {"propertyName": "op", "mapping": mapping},
        }


def _component(auto_schema: Any, op: Op, properties: dict[str, Any]) -> dict[str, str]:
    """Return a reference to the schema of one operation, which it registers."""
    name = f"Batch{op.value.capitalize()}Request"
    schema = {
        "type": "object",
        "description": DESCRIPTIONS[op],
        "required": ["op", *(name for name in properties if name != "version")],
        "properties": {"op": _operation(op), **properties},
        "additionalProperties": False,
    }
    component = ResolvedComponent(name, ResolvedComponent.SCHEMA, schema, name)
    auto_schema.registry.register_on_missing(component)
    return component.ref


def _operation(op: Op) -> dict[str, str]:
    return {"type": "string", "const": op.value, "description": "The operation."}
