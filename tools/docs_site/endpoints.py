"""The page of operations: docs/openapi.json as Markdown."""

import json
from typing import Any

from tools.local_stack.data_dir import PROJECT

# Headings begin after this common part of all paths.
BASE = "/api/v1/"
METHODS = ("get", "post", "put", "patch", "delete")
# The parameters of every operation, which the page of the API explains.
COMMON_PARAMETERS = {"Idempotency-Key", "If-Match", "If-None-Match", "format"}
HEAD = """# Operations of the API

Made from [openapi.json](../openapi.json), which a running FOAM serves at `/openapi.json`, and shows
at `/docs` with a form for each. Addresses begin with `/api/v1/`. What they have in common (tokens,
pages, keys, versions, errors) stands in [the API](../api.md)."""


def page() -> str:
    """Return the Markdown of every operation of the API, by noun."""
    document = json.loads((PROJECT / "docs" / "openapi.json").read_text())
    parts = [HEAD]
    for tag in document["tags"]:
        parts += ["", f"## {tag['name']}", "", tag["description"]]
        parts += [
            render_operation(document, method, path, item[method])
            for path, item in document["paths"].items()
            for method in METHODS
            if method in item and item[method]["tags"] == [tag["name"]]
        ]
    parts += [
        render_message(document, kind, item["post"]) for kind, item in document["webhooks"].items()
    ]
    return "\n".join(parts) + "\n"


def render_message(document: dict[str, Any], kind: str, fields: dict[str, Any]) -> str:
    """Return a type of message to a webhook, with the fields of its `data`."""
    message = resolve(document, fields["requestBody"]["content"]["application/json"]["schema"])
    data = resolve(document, message["properties"]["data"])
    return "\n".join([f"\n### {kind}\n", f"{fields['description']}\n", *field_table(data)])


def render_operation(
    document: dict[str, Any], method: str, path: str, fields: dict[str, Any]
) -> str:
    text = fields.get("description") or fields.get("summary", "")
    return "\n".join(
        [
            f"\n### {method.upper()} {path.removeprefix(BASE)}\n",
            f"{text}\n",
            *parameter_table(fields.get("parameters", [])),
            *body_table(document, fields),
            *render_answers(fields["responses"]),
        ]
    )


def parameter_table(entries: list[dict[str, Any]]) -> list[str]:
    rows = [
        row(f"`{entry['name']}`", entry["in"], kind(entry.get("schema", {})), cell(entry))
        for entry in entries
        if entry["name"] not in COMMON_PARAMETERS
    ]
    return ["| parameter | in | is | |", "|---|---|---|---|", *rows, ""] if rows else []


def body_table(document: dict[str, Any], fields: dict[str, Any]) -> list[str]:
    content = fields.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = resolve(document, content.get("schema", {}))
    lines: list[str] = []
    for option in schema.get("oneOf", [schema]):
        described = resolve(document, option)
        if "oneOf" in schema:
            lines += [f"{described['description']}\n"]
        lines += field_table(described)
    for example in content.get("examples", {}).values():
        lines += ["Asked:\n", fenced(example["value"])]
    return lines


def field_table(schema: dict[str, Any]) -> list[str]:
    required = schema.get("required", [])
    rows = [
        row(f"`{name}`{' (required)' if name in required else ''}", kind(field), cell(field))
        for name, field in schema.get("properties", {}).items()
    ]
    return ["| field | is | |", "|---|---|---|", *rows, ""] if rows else []


def render_answers(responses: dict[str, Any]) -> list[str]:
    """Return the examples of answers, and the statuses of errors."""
    lines: list[str] = []
    for status, answer in responses.items():
        for content in answer.get("content", {}).values():
            for example in content.get("examples", {}).values():
                if status.startswith("2"):
                    lines += [f"Answered, {status}:\n", fenced(example["value"])]
    errors = ", ".join(f"[{status}](errors.md)" for status in responses if status >= "400")
    return [*lines, f"Refused with {errors}.\n"] if errors else lines


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to a schema of the document."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def kind(schema: dict[str, Any]) -> str:
    """Return the type of a schema in a few words."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rsplit('/', 1)[1]}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    for joined in ("oneOf", "anyOf", "allOf"):
        if joined in schema:
            return " or ".join(dict.fromkeys(kind(value) for value in schema[joined]))
    types = schema.get("type", "any")
    word = " or ".join(types) if isinstance(types, list) else str(types)
    return f"list of {kind(schema['items'])}" if "items" in schema else word


def fenced(value: Any) -> str:
    if isinstance(value, str):
        return f"```text\n{value.rstrip()}\n```\n"
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def cell(entry: dict[str, Any]) -> str:
    """Return the description of a parameter or field as one line of a table."""
    return " ".join(str(entry.get("description", "")).replace("|", "\\|").split())
