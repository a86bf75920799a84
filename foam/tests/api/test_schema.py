"""The OpenAPI document is true, and the copy in docs/ is the one that is served."""

import difflib
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator

from foam.api.examples import EXAMPLES
from foam.api.schema import PROBLEMS

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
    assert not missing, f"Give these operations an example in foam/api/examples.py: {missing}"
    assert not left_over, f"foam/api/examples.py has examples of no operation: {left_over}"


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
    assert set(responses) <= {name for name, _, _ in PROBLEMS.values()}
    for response in responses.values():
        media = response["content"]["application/problem+json"]
        check(document, media["schema"], media["example"])


def test_operation_tells_no_more_errors_than_it_has(operations):
    every = {"400", "401", "403", "406", "429"}
    assert set(operations["reminders_list"]["responses"]) == {"200", "304", "410", *every}
    acknowledge = operations["occurrences_acknowledge"]["responses"]
    assert set(acknowledge) == {"200", "404", "409", "412", *every}


def test_operations_have_names_that_say_what_they_do(operations):
    assert {"reminders_pause", "tokens_create", "inbox_read"} <= operations.keys()


def test_operation_names_the_scope_that_it_needs(operations):
    assert {"token": ["reminders:read"]} in operations["reminders_preview"]["security"]
    assert {"token": ["tokens:write"]} in operations["tokens_create"]["security"]


def test_every_operation_and_tag_is_described(document, operations):
    tags = {tag["name"] for tag in document["tags"]}
    for name, operation in operations.items():
        assert operation.get("description"), name
        assert set(operation["tags"]) <= tags, name


def test_bodies_that_refuse_unknown_fields_say_so(document):
    asked = [name for name in document["components"]["schemas"] if name.endswith("Request")]
    for name in asked:
        assert document["components"]["schemas"][name]["additionalProperties"] is False, name
