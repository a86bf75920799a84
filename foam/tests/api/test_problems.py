"""Every error is a problem document that names its kind, its request and its explanation."""

import re

import pytest
from rest_framework.exceptions import APIException

from foam.api.problem_types import PROBLEM_TYPES, code_of_status
from foam.api.problems import type_of


def subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


OURS = ("accounts", "notifications", "reminders", "foam", "rest_framework.exceptions")


def test_every_error_of_the_api_has_a_kind():
    for kind in subclasses(APIException):
        if kind.__module__.startswith(OURS):
            code = "server_error" if kind.default_code == "error" else kind.default_code
            assert code in PROBLEM_TYPES, kind
            assert PROBLEM_TYPES[code].status == kind.status_code, kind


def test_page_of_errors_explains_every_kind(client):
    page = client.get("/errors").content.decode()
    assert set(re.findall('<section id="([a-z_]+)">', page)) == set(PROBLEM_TYPES)


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("get", "/api/v1/reminders/?nope=1", 400, "invalid"),
        ("get", "/api/v1/reminders/999999/", 404, "not_found"),
        ("get", "/api/v1/nothing/", 404, "not_found"),
        ("put", "/api/v1/reminders/", 405, "method_not_allowed"),
        ("get", "/readyz?exclude=nothing", 400, "invalid"),
    ],
)
def test_problem_names_its_kind_and_its_request(api, method, address, status, code):
    answer = getattr(api, method)(address)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert (problem["code"], problem["type"]) == (code, type_of(code))
    assert problem["request_id"] == answer["X-Request-ID"] == "test"


def test_problem_without_an_id_of_the_client_has_a_new_one(client):
    answer = client.get("/api/v1/reminders/")
    assert answer.json()["request_id"] == answer["X-Request-ID"] != ""


def test_status_without_a_kind_of_its_own_has_that_of_its_class():
    assert (code_of_status(431), code_of_status(507)) == ("invalid", "server_error")
