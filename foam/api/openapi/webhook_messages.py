"""The messages that FOAM sends to webhooks, for the `webhooks` of the OpenAPI document.

A test holds the messages that FOAM builds against these schemas.
"""

from typing import Any

Schema = dict[str, Any]
Fields = dict[str, tuple[Schema, str]]
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
INSTANT: Schema = {"type": "string", "format": "date-time"}

MESSAGE = {
    "title": (TEXT, "The title of the message."),
    "body": (TEXT, "The text of the message. It may be empty."),
    "due_at": (INSTANT, "When this message was due."),
}
ACTIONS = (
    {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}},
    "The links that answer the message, by name: a POST acts, without a token. Absent if there is "
    "nothing to answer.",
)
REMINDER = {
    "reminder_id": (NUMBER, "The id of the reminder."),
    "external_id": ({"type": ["string", "null"]}, "Your own id of the reminder."),
    "tags": ({"type": "array", "items": TEXT}, "The tags of the reminder."),
    "timezone": (TEXT, "The time zone of the reminder, an IANA name."),
    "due_text": (TEXT, "When the reminder was due, in words."),
    "lead_seconds": (
        NUMBER,
        "The length of the lead, in which a day has 86,400. 0 at the due instant.",
    ),
    "late_seconds": (NUMBER, "How late the message is."),
    "missed": (NUMBER, "The number of occurrences that were missed since the last firing."),
}
OCCURRENCE = {"occurrence_id": (NUMBER, "The id of the occurrence.")}
FOLLOW_UP = {
    **OCCURRENCE,
    "occurrence_due_at": (INSTANT, "When the occurrence was due."),
}
CHANNEL = {"channel_id": (NUMBER, "The id of the channel.")}

# By type: when it is sent, and the fields of its own.
MESSAGE_TYPES: dict[str, tuple[str, Fields]] = {
    "reminder.due": (
        "A reminder fires, at its due instant or at a lead.",
        {**REMINDER, **OCCURRENCE},
    ),
    "reminder.nag": ("An occurrence has no answer yet.", {**REMINDER, **FOLLOW_UP}),
    "reminder.escalate": (
        "An occurrence has no answer, and others are told.",
        {**REMINDER, **FOLLOW_UP},
    ),
    "reminder.snooze": ("A snooze has ended.", {**REMINDER, **FOLLOW_UP}),
    "reminder.digest": (
        "Messages were collected, by a digest or as there were too many.",
        {
            "held": ({"type": "string", "enum": ["digest", "flood"]}, "Why they were collected."),
            "count": (NUMBER, "The number of messages collected."),
            "timezone": (TEXT, "The time zone of the times in the body."),
            "messages": (
                {"type": "array", "items": {"type": "object", "additionalProperties": True}},
                "The `data` of the first messages, each with its `type`, `title` and `due_at`.",
            ),
        },
    ),
    "delivery.lost": (
        "A message to another channel did not arrive.",
        {**CHANNEL, "delivery_id": (NUMBER, "The id of the delivery.")},
    ),
    "channel.verify": (
        "The channel is to be verified. Answer with `challenge`, as text or in JSON.",
        {"challenge": (TEXT, "The text to answer with.")},
    ),
    "channel.test": ("Somebody tests the channel.", {}),
    "channel.disabled": ("Another channel of the same owner was disabled.", CHANNEL),
    "channel.unverified": (
        "Another channel of the same owner must be verified again.",
        CHANNEL,
    ),
}

# As Standard Webhooks 1.0 names them.
HEADERS: Fields = {
    "webhook-id": (TEXT, "The id of the message, the same at each attempt."),
    "webhook-timestamp": (TEXT, "When this attempt was sent, in seconds since 1970."),
    "webhook-signature": (
        TEXT,
        "`v1,` and an HMAC-SHA256 in base64 of `id.timestamp.body`. Two with a space between while "
        "a secret rotates.",
    ),
}
ANSWERS = {
    "2XX": "Received. The message is not sent again.",
    "410": "No more messages are wanted: the channel is disabled.",
    "default": "Not received. The message is sent again later, up to a limit.",
}


def webhooks() -> dict[str, Any]:
    """Return the `webhooks` of the document: an operation for each type of message."""
    return {kind: {"post": _operation(kind, text)} for kind, (text, _) in MESSAGE_TYPES.items()}


def message_schemas() -> dict[str, Schema]:
    """Return the schema of each type of message, and one of its `data`, by component name."""
    schemas: dict[str, Schema] = {}
    for kind, (text, fields) in MESSAGE_TYPES.items():
        name = _name(kind)
        schemas[f"{name}Message"] = {
            "type": "object",
            "description": text,
            "required": ["type", "timestamp", "data"],
            "properties": {
                "type": {"type": "string", "const": kind, "description": "The kind of message."},
                "timestamp": {**INSTANT, "description": "When this message was due."},
                "data": {"$ref": f"#/components/schemas/{name}Data"},
            },
        }
        properties = _described({**MESSAGE, **fields})
        schemas[f"{name}Data"] = {
            "type": "object",
            "description": f"What a message of the type `{kind}` says.",
            "required": list(properties),
            "properties": {**properties, **_described({"actions": ACTIONS})},
        }
    return schemas


def _operation(kind: str, text: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{_name(kind)}Message"}
    parameters = [
        {"name": name, "in": "header", "required": True, "schema": schema, "description": text}
        for name, (schema, text) in HEADERS.items()
    ]
    return {
        "operationId": kind.replace(".", "_"),
        "summary": text.split(". ", maxsplit=1)[0].rstrip("."),
        "description": f"{text} A receiver answers within 15 s.",
        "tags": ["webhooks"],
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {status: {"description": meaning} for status, meaning in ANSWERS.items()},
    }


def _described(fields: Fields) -> dict[str, Schema]:
    return {name: {**schema, "description": text} for name, (schema, text) in fields.items()}


def _name(kind: str) -> str:
    """Return the common part of the names of a type's schemas: ReminderDue."""
    return "".join(word.capitalize() for word in kind.split("."))
