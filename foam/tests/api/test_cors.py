"""Programs in browsers: only pages of the origins in FOAM_CORS_ORIGINS may use the API."""

import pytest

from foam.api.openapi.headers import HEADERS

APP, OTHER = "https://app.example.org", "https://other.example.org"
URL = "/api/v1/reminders/"


@pytest.fixture(autouse=True)
def origins(settings):
    settings.CORS_ALLOWED_ORIGINS = [APP]


def preflight(client, origin, address=URL):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    return client.options(address, headers=headers)


def test_page_of_a_listed_origin_may_ask(client):
    answer = preflight(client, APP)
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == APP
    allowed = answer["Access-Control-Allow-Headers"].split(", ")
    assert {"authorization", "content-type", "idempotency-key", "if-match"} <= set(allowed)
    assert "PATCH" in answer["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("origin", [OTHER, "null", f"{APP}.evil.example", "http://app.example.org"])
def test_page_of_another_origin_may_not(client, origin):
    assert "Access-Control-Allow-Origin" not in preflight(client, origin)


def test_no_page_may_while_no_origin_is_listed(client, settings):
    settings.CORS_ALLOWED_ORIGINS = []
    assert "Access-Control-Allow-Origin" not in preflight(client, APP)


def test_cookies_never_count(api, client):
    for answer in (preflight(client, APP), api.get(URL, headers={"Origin": APP})):
        assert "Access-Control-Allow-Credentials" not in answer


def test_page_may_read_every_header_that_the_document_describes(api):
    answer = api.get(URL, headers={"Origin": APP})
    assert answer["Access-Control-Allow-Origin"] == APP
    assert set(HEADERS) <= set(answer["Access-Control-Expose-Headers"].split(", "))


def test_page_may_read_why_it_was_refused(client):
    answer = client.get(URL, headers={"Origin": APP})
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (401, APP)
    answer = client.get(f"{URL}?a=%ff", headers={"Origin": APP})
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (400, APP)


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/account/", "/admin/", "/do/x", "/healthz", "/"])
def test_pages_of_foam_are_for_no_other_origin(client, address):
    assert "Access-Control-Allow-Origin" not in client.get(address, headers={"Origin": APP})
