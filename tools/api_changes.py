"""Changes of the API since its last release, and whether docs/api-changes.md lists them.

`python -m tools.api_changes` prints a line for each change that the changelog does not list. With
`--keep` it makes docs/openapi.json the baseline, as after a release.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tools.local_stack.data_dir import PROJECT

DOCUMENT = PROJECT / "docs" / "openapi.json"
CHANGELOG = PROJECT / "docs" / "api-changes.md"
BASELINE = PROJECT / "docs" / "api-baseline.json"
UNRELEASED = "## Unreleased"
LISTED = re.compile("(added|changed|removed) `([^`]+)`")
# Parts of a schema that no program depends on.
WORDS = {"description", "example", "examples", "title", "summary", "x-enum-varnames"}

# The parts of the API by name, each with a digest of what a program could notice of it.
Surface = dict[str, str]


class ApiChange(NamedTuple):
    """A part of the API that was added, changed or removed."""

    verb: str
    name: str

    def __str__(self) -> str:
        return f"{self.verb} `{self.name}`"


def surface_of(document: dict[str, Any]) -> Surface:
    """Return the parts of an API: operations, parameters, answers, schemas, fields, headers."""
    return dict(sorted(_parts(document)))


def _parts(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield from _parts_of_operation(operation, f"{method.upper()} {path}")
    for kind, methods in document.get("webhooks", {}).items():
        yield f"webhook {kind}", _digest(methods["post"]["requestBody"])
    components = document["components"]
    for name, header in components.get("headers", {}).items():
        yield f"header {name}", _digest(header["schema"])
    for name, schema in components["schemas"].items():
        properties = schema.get("properties", {})
        required = set(schema.get("required", ()))
        yield (
            name,
            _digest({k: v for k, v in schema.items() if k not in ("properties", "required")}),
        )
        for field, value in properties.items():
            yield f"{name}.{field}", _digest({"schema": value, "required": field in required})


def _parts_of_operation(operation: dict[str, Any], address: str) -> Iterator[tuple[str, str]]:
    name = operation["operationId"]
    yield name, f"{address} {_digest(operation.get('security'))}"
    for parameter in operation.get("parameters", ()):
        is_required = parameter.get("required", False)
        text = _digest({"schema": parameter["schema"], "required": is_required})
        yield f"{name}?{parameter['name']}", text
    if "requestBody" in operation:
        yield f"{name} body", _digest(operation["requestBody"])
    for status, answer in operation["responses"].items():
        yield f"{name} {status}", _digest({k: v for k, v in answer.items() if k != "headers"})


def _digest(value: Any) -> str:
    text = json.dumps(_without_words(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _without_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_words(part) for name, part in value.items() if name not in WORDS}
    return [_without_words(element) for element in value] if isinstance(value, list) else value


def changes(before: Surface, after: Surface) -> list[ApiChange]:
    """Return the changes in the order of their names.

    An operation or schema that was added or removed stands for all of its parts.
    """
    verbs = {
        name: "added" if name not in before else "removed" if name not in after else "changed"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
    return [
        ApiChange(verb, name)
        for name, verb in verbs.items()
        if verb == "changed" or verbs.get(_whole_of(name)) != verb
    ]


def _whole_of(name: str) -> str:
    """Return the operation or schema of a parameter, an answer or a field; "" for others."""
    is_part = re.search("[?. ]", name) and not name.startswith(("webhook ", "header "))
    return re.split("[?. ]", name)[0] if is_part else ""


def listed_changes(changelog: str) -> list[ApiChange]:
    """Return the changes that the first part of a changelog lists, such as "added `me_export`".

    `*` in a name stands for any text.
    """
    part = changelog.partition(f"\n{UNRELEASED}\n")[2].partition("\n## ")[0]
    return [ApiChange(*match) for match in LISTED.findall(part)]


def unlisted(actual: Sequence[ApiChange], listed: Sequence[ApiChange]) -> list[ApiChange]:
    """Return the actual changes that no listed one names."""
    return [change for change in actual if not any(_names(entry, change) for entry in listed)]


def outdated(actual: Sequence[ApiChange], listed: Sequence[ApiChange]) -> list[ApiChange]:
    """Return the listed changes that name no actual one."""
    return [entry for entry in listed if not any(_names(entry, change) for change in actual)]


def _names(entry: ApiChange, change: ApiChange) -> bool:
    pattern = ".*".join(map(re.escape, entry.name.split("*")))
    return entry.verb == change.verb and bool(re.fullmatch(pattern, change.name))


def main() -> None:
    surface = surface_of(json.loads(DOCUMENT.read_text()))
    if "--keep" in sys.argv:
        BASELINE.write_text(f"{json.dumps(surface, indent=0)}\n")
        return
    actual = changes(json.loads(BASELINE.read_text()), surface)
    missing = unlisted(actual, listed_changes(CHANGELOG.read_text()))
    for change in missing:
        print(f"* {change}")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
