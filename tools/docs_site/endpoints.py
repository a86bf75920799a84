"""The page of operations: docs/openapi.json, to read."""

import json
from typing import Any

from tools.local_stack.data_dir import PROJECT

# Left out of headings, which it would fill.
BASE = "/api/v1/"
METHODS = ("get", "post", "put", "patch", "delete")
# On every operation; the API's own page tells of them once.
EVERYWHERE = {"Idempotency-Key", "If-Match", "If-None-Match", "format"}
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
            operation(document, method, path, item[method])
            for path, item in document["paths"].items()
            for method in METHODS
            if method in item and item[method]["tags"] == [tag["name"]]
        ]
    return "\n".join(parts) + "\n"


def operation(document: dict[str, Any], method: str, path: str, told: dict[str, Any]) -> str:
    said = told.get("description") or told.get("summary", "")
    return "\n".join(
        [
            f"\n### {method.upper()} {path.removeprefix(BASE)}\n",
            f"{said}\n",
            *parameters(told.get("parameters", [])),
            *body(document, told),
            *answers(told["responses"]),
        ]
    )


def parameters(told: list[dict[str, Any]]) -> list[str]:
    rows = [
        row(f"`{one['name']}`", one["in"], kind(one.get("schema", {})), cell(one))
        for one in told
        if one["name"] not in EVERYWHERE
    ]
    return ["| parameter | in | is | |", "|---|---|---|---|", *rows, ""] if rows else []


def body(document: dict[str, Any], told: dict[str, Any]) -> list[str]:
    content = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = resolve(document, content.get("schema", {}))
    required = schema.get("required", [])
    rows = [
        row(f"`{name}`{' (required)' if name in required else ''}", kind(one), cell(one))
        for name, one in schema.get("properties", {}).items()
    ]
    lines = ["| field | is | |", "|---|---|---|", *rows, ""] if rows else []
    for example in content.get("examples", {}).values():
        lines += ["Asked:\n", fenced(example["value"])]
    return lines


def answers(responses: dict[str, Any]) -> list[str]:
    """Return an example of what is answered, and the statuses of errors."""
    lines: list[str] = []
    for status, told in responses.items():
        for content in told.get("content", {}).values():
            for example in content.get("examples", {}).values():
                if status.startswith("2"):
                    lines += [f"Answered, {status}:\n", fenced(example["value"])]
    refused = ", ".join(f"[{one}](errors.md)" for one in responses if one >= "400")
    return [*lines, f"Refused with {refused}.\n"] if refused else lines


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to a schema of the document."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def kind(schema: dict[str, Any]) -> str:
    """Say in a few words what a schema allows."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rsplit('/', 1)[1]}`"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    for joined in ("oneOf", "anyOf", "allOf"):
        if joined in schema:
            return " or ".join(dict.fromkeys(kind(one) for one in schema[joined]))
    types = schema.get("type", "any")
    word = " or ".join(types) if isinstance(types, list) else str(types)
    return f"list of {kind(schema['items'])}" if "items" in schema else word


def fenced(value: Any) -> str:
    if isinstance(value, str):
        return f"```text\n{value.rstrip()}\n```\n"
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def cell(told: dict[str, Any]) -> str:
    """Return what is said of a parameter or field, as one line of a table."""
    return " ".join(str(told.get("description", "")).replace("|", "\\|").split())
