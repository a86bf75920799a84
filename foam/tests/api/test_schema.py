"""The OpenAPI document is true, and the copy in docs/ is the one that is served."""

import difflib
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator, ValidationError

from foam.api.openapi.descriptions import FIELDS
from foam.api.openapi.examples import EXAMPLES
from foam.api.openapi.problem_responses import PROBLEMS

COPY = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")


def generate(path):
    call_command("spectacular", "--format", "openapi-json", "--file", str(path))
    return path.read_text()


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return json.loads(generate(tmp_path_factory.mktemp("schema") / "openapi.json"))


@pytest.fixture(scope="module")
def operations(document):
    return {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }


def check(document, schema, value):
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_copy_in_docs_is_what_is_served(tmp_path):
    served, kept = generate(tmp_path / "openapi.json"), COPY.read_text()
    diff = "\n".join(
        difflib.unified_diff(kept.splitlines(), served.splitlines(), "docs/openapi.json", "served")
    )
    assert served == kept, f"The API has changed. Look at it, and: make schema\n\n{diff}"


def test_every_operation_has_an_example_and_every_example_an_operation(operations):
    missing = sorted(operations.keys() - EXAMPLES.keys())
    left_over = sorted(EXAMPLES.keys() - operations.keys())
    assert not missing, (
        f"Give these operations an example in foam/api/openapi/examples.py: {missing}"
    )
    assert not left_over, f"foam/api/openapi/examples.py has examples of no operation: {left_over}"


def test_every_body_has_an_example_that_fits_its_schema(document, operations):
    for name, operation in operations.items():
        bodies = [operation.get("requestBody"), *operation["responses"].values()]
        for body in filter(None, bodies):
            for kind, media in body.get("content", {}).items():
                if kind not in {"application/json", "application/problem+json"}:
                    continue
                assert media.get("examples"), f"{name} has a body without an example: {body}"
                for example in media["examples"].values():
                    check(document, media["schema"], example["value"])


def test_every_problem_fits_the_schema_of_problems(document):
    responses = document["components"]["responses"]
    assert set(responses) <= {response.name for response in PROBLEMS.values()}
    for response in responses.values():
        media = response["content"]["application/problem+json"]
        check(document, media["schema"], media["example"])


def test_operation_tells_no_more_errors_than_it_has(operations):
    every = {"400", "401", "403", "406", "429", "503"}
    assert set(operations["reminders_list"]["responses"]) == {"200", "304", "410", *every}
    acknowledge = operations["occurrences_acknowledge"]["responses"]
    assert set(acknowledge) == {"200", "404", "409", "412", *every}


def test_operations_have_names_that_say_what_they_do(operations):
    assert {"reminders_pause", "tokens_create", "inbox_read"} <= operations.keys()


def test_operation_names_the_scope_that_it_needs(operations):
    assert {"token": ["reminders:read"]} in operations["reminders_preview"]["security"]
    assert {"token": ["tokens:write"]} in operations["tokens_create"]["security"]


def test_every_schema_field_and_parameter_is_described(document, operations):
    bare = [
        f"{operation}.{parameter['name']}"
        for operation, fields in operations.items()
        for parameter in fields.get("parameters", ())
        if not parameter["description"]
    ]
    for name, schema in document["components"]["schemas"].items():
        bare += [name] if "enum" not in schema and "description" not in schema else []
        fields = schema.get("properties", {}).items()
        bare += [
            f"{name}.{field}"
            for field, value in fields
            if "description" not in value and "$ref" not in value
        ]
    assert not bare, f"Describe them by a help text or in foam/api/openapi/descriptions.py: {bare}"


def test_every_description_of_a_field_is_used(document):
    names = {
        f"{name.removeprefix('Patched').removesuffix('Request')}.{field}": value["description"]
        for name, schema in document["components"]["schemas"].items()
        for field, value in schema.get("properties", {}).items()
        if "description" in value
    }
    unused = [key for key, text in FIELDS.items() if "." in key and names.get(key) != text]
    assert not unused


def test_every_field_of_an_answer_is_required(document):
    # With `updated_since` alone, and with status 400 alone.
    optional = {"PaginatedReminderList": {"deleted", "sync"}, "Problem": {"errors"}}
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema and not name.endswith(("Request", "Data")):
            missing = schema["properties"].keys() - set(schema["required"])
            assert missing == optional.get(name, set()), name


def test_every_answer_has_its_headers_described(document, operations):
    described = document["components"]["headers"]
    for name, operation in operations.items():
        for status, answer in operation["responses"].items():
            shared = document["components"]["responses"].get(
                answer.get("$ref", "").rsplit("/", 1)[-1], answer
            )
            headers = shared["headers"].keys()
            assert {"X-Request-ID", "RateLimit", "RateLimit-Policy"} <= headers <= described.keys()
            assert ("Location" in headers) == (status == "201"), name
            assert ("Retry-After" in headers) == (status in {"409", "429", "503"}), name


def test_values_of_enums_have_names_that_are_identifiers(document):
    def enums(node):
        if isinstance(node, dict):
            if isinstance(node.get("enum"), list):
                yield node
            for value in node.values():
                yield from enums(value)
        elif isinstance(node, list):
            for value in node:
                yield from enums(value)

    for enum in enums(document):
        names = enum.get("x-enum-varnames", enum["enum"])
        assert len(set(names)) == len(enum["enum"])
        assert all(str(name).isidentifier() for name in names), enum
    ordering = next(
        parameter["schema"]
        for parameter in document["paths"]["/api/v1/reminders/"]["get"]["parameters"]
        if parameter["name"] == "ordering"
    )
    assert ordering["x-enum-varnames"][:2] == ["ID", "ID_DESC"]


def test_item_of_a_batch_is_typed_by_its_operation(document):
    item = document["components"]["schemas"]["BatchItemRequest"]
    stand_up = {"title": "Stand-up", "starts_at": "2090-11-20T18:00:00"}
    check(document, item, {"op": "create", "fields": stand_up})
    check(document, item, {"op": "update", "id": 7, "fields": {"title": "New"}})
    check(document, item, {"op": "upsert", "fields": {**stand_up, "external_id": "a"}})
    check(document, item, {"op": "delete", "id": 7, "version": 3})
    for wrong in (
        {"op": "create", "fields": {"starts_at": "2090-11-20T18:00:00"}},
        {"op": "create", "id": 7, "fields": stand_up},
        {"op": "update", "fields": {"title": "New"}},
        {"op": "upsert", "fields": stand_up},
        {"op": "delete", "id": 7, "fields": {}},
    ):
        with pytest.raises(ValidationError):
            check(document, item, wrong)


def test_every_operation_and_tag_is_described(document, operations):
    tags = {tag["name"] for tag in document["tags"]}
    for name, operation in operations.items():
        assert operation.get("description"), name
        assert set(operation["tags"]) <= tags, name


def test_bodies_that_refuse_unknown_fields_say_so(document):
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Request") and "oneOf" not in schema:
            assert schema["additionalProperties"] is False, name
