"""Every operation of the API, as its OpenAPI document tells of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from foam.api.openapi.examples import EXAMPLES, Example

DOCUMENT: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)

# Which noun's ids are meant by what stands in a body or a query; and numbers that are no ids.
IDS = {"channel": "channels", "channels": "channels", "escalate_channels": "channels"}
# Of the items of a batch, too.
IDS |= {"reminder": "reminders", "digest": "deliveries", "id": "reminders"}
NUMBERS = {"count", "days", "flood_limit", "nag_max", "page_size", "version"}
# Stands in all that is the owner's: as external_id, too.
MARK = "only-for-adas-eyes"


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    told: dict[str, Any]

    def __str__(self) -> str:
        return self.id

    @property
    def noun(self) -> str:
        return self.path.removeprefix("/api/v1/").split("/")[0]

    @property
    def is_about_one(self) -> bool:
        return "{id}" in self.path

    @property
    def is_by_external_id(self) -> bool:
        """One's own name for one of one's own: another's is not in the way."""
        return "{external_id}" in self.path

    @property
    def scope(self) -> str:
        """What a token needs."""
        return next(each["token"][0] for each in self.told["security"] if "token" in each)

    @property
    def is_public(self) -> bool:
        return not self.told.get("security") or {} in self.told["security"]

    @property
    def takes_body(self) -> bool:
        return "requestBody" in self.told

    def queries(self) -> dict[str, Any]:
        """Return the schema of each query parameter."""
        told = self.told.get("parameters", [])
        return {each["name"]: each["schema"] for each in told if each["in"] == "query"}

    def numbers(self) -> set[str]:
        """Return the names of all whole numbers that are asked for, in body and query."""
        media = self.told.get("requestBody", {}).get("content", {}).values()
        found = {name for each in media for name in _numbers(each["schema"])}
        return found | {
            n for n, schema in self.queries().items() if schema.get("type") == "integer"
        }

    def url(self, ids: dict[str, int]) -> str:
        """Return its address for what has these ids, by noun."""
        url = self.path.replace("{id}", str(ids.get(self.noun, "")))
        url = url.replace("{external_id}", MARK) + self.example.query
        assert "{" not in url, f"Say in foam/tests/operations.py what {self.path} stands for."
        return url

    def body(self, ids: dict[str, int]) -> Any:
        """Return what foam/api/openapi/examples.py asks, of what has these ids, by noun."""
        return about(self.example.body, ids)

    @property
    def example(self) -> Example:
        assert self.id in EXAMPLES, f'Give "{self.id}" an example in foam/api/openapi/examples.py.'
        return EXAMPLES[self.id]


def about(asked: Any, ids: dict[str, int]) -> Any:
    """Return what is asked, with its ids replaced by these."""
    if isinstance(asked, list):
        return [about(each, ids) for each in asked]
    if not isinstance(asked, dict):
        return asked
    return {
        name: _replaced(value, ids[IDS[name]]) if name in IDS else about(value, ids)
        for name, value in asked.items()
    }


def _replaced(value: Any, to: int) -> Any:
    if isinstance(value, list):
        return [to for _ in value]
    return to if isinstance(value, int) else value


def _numbers(schema: dict[str, Any], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    if name := schema.get("$ref", "").rpartition("/")[2]:
        if name not in seen:
            yield from _numbers(DOCUMENT["components"]["schemas"][name], seen | {name})
        return
    for part in ("allOf", "oneOf", "anyOf"):
        for each in schema.get(part, []):
            yield from _numbers(each, seen)
    if "items" in schema:
        yield from _numbers(schema["items"], seen)
    for name, value in schema.get("properties", {}).items():
        kinds = {str(value.get("type")), str(value.get("items", {}).get("type"))}
        if any("integer" in kind for kind in kinds):
            yield name
        yield from _numbers(value, seen)


OPERATIONS = [
    Operation(told["operationId"], method, path, told)
    for path, methods in DOCUMENT["paths"].items()
    for method, told in methods.items()
]
