"""Text that no layer below can take: refused with its place, at every face, before any work."""

import json

import pytest

from foam.tests.operations import OPERATIONS
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
JSON = "application/json"
WHEN = {"starts_at": "2030-01-07T18:00:00"}


def send(api, body, url=URL, content_type=JSON):
    raw = body if isinstance(body, bytes) else body.encode()
    return api.post(url, raw, content_type=content_type)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (r'{"\ud800": 1}', r"\ud800"),
        (r'{"a\u0000b": 1}', r"a\u0000b"),
        (r'{"title": "\udfff"}', "title"),
        (r'{"title": "\u0000"}', "title"),
        (r'{"title": "a\u0001b"}', "title"),
        (r'{"title": "a\bb"}', "title"),
        ('{"title": "a\x7fb"}', "title"),
        (r'{"gap": "\ud800"}', "gap"),
        (r'{"tags": ["a", "\ud83d"]}', "tags.1"),
        (r'{"title": {"x": ["\ud800"]}}', "title.x.0"),
        ('{"title": "a", "title": "b"}', "title"),
        ('{"title": ' + "[" * 60 + "]" * 60 + "}", "title"),
    ],
)
def test_json_that_cannot_be_stored_is_refused_by_its_place(api, body, field):
    answer = send(api, body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"a":' * 5_000,
        '{"title": NaN}',
        '{"title": -Infinity}',
        '{"title": 1e999}',
        '{"title": ' + "9" * 5_000 + "}",
        '{"title": "\x01"}',
        b'{"title": "\xed\xa0\x80"}',
        '{"title": "a"}'.encode("utf-16"),
        '{"title": "a"}'.encode("utf-32"),
        "nope",
        "{} {}",
    ],
)
def test_body_that_is_no_json_is_a_400(api, body):
    answer = send(api, body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_byte_order_mark_before_json_is_read_over(api):
    body = json.dumps({"title": "Mark", **WHEN}).encode()
    assert send(api, b"\xef\xbb\xbf" + body).status_code == 201


def test_pair_of_surrogates_is_the_character_that_it_stands_for(api):
    assert send(api, json.dumps({"title": "🎉 tea", **WHEN})).json()["title"] == "🎉 tea"


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "x-nothing", "utf-7"])
def test_charset_other_than_utf_8_is_a_415(api, charset):
    answer = send(
        api, json.dumps({"title": "a", **WHEN}), content_type=f"{JSON}; charset={charset}"
    )
    assert answer.status_code == 415


@pytest.mark.parametrize("charset", ["utf-8", '"UTF-8"', "us-ascii"])
def test_charset_that_is_utf_8_is_taken(api, charset):
    answer = send(
        api, json.dumps({"title": "a", **WHEN}), content_type=f"{JSON}; charset={charset}"
    )
    assert answer.status_code == 201


@pytest.mark.parametrize("bad", ["%00", "%01", "%ED%A0%80", "%FF", "%7F"])
@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/reminders/?search={}",
        "/api/v1/reminders/?tag=a&tag={}",
        "/api/v1/reminders/?{}=1",
        "/api/v1/deliveries/?reference={}",
        "/api/v1/reminders/by-external-id/{}/",
        "/api/v1/reminders/{}/",
        "/calendar/foam_nothing.ics?tag={}",
        "/admin/login/?next={}",
        "/account/login/?next={}",
        "/nothing/{}",
        "/readyz?exclude={}",
    ],
)
def test_address_that_is_no_text_is_a_400(api, url, bad):
    answer = api.get(url.format(bad))
    if url.startswith("/readyz"):
        assert answer.status_code == 400
        return
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("address", ["http://[", "http://a:99999999/", "//\u2100.example/"])
def test_next_page_that_is_no_address_is_a_400(client, address):
    assert client.get("/account/login/", {"next": address}).status_code == 400
    assert client.post("/account/login/", {"next": address}).status_code == 400


def test_admin_search_for_a_null_character_is_a_400(client, staff):
    client.force_login(staff)
    assert client.get("/admin/reminders/reminder/?q=%00").status_code == 400
    assert client.get("/admin/reminders/reminder/%00/change/").status_code == 400


@pytest.mark.parametrize("name", ["Idempotency-Key", "If-Match", "X-Session-Token", "Accept"])
def test_header_with_a_control_character_is_a_400(api, name):
    answer = api.post(URL, {"title": "a", **WHEN}, headers={name: "a\x00b"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].lower() == name.lower()


@pytest.mark.parametrize("format", ["multipart", "urlencoded"])
@pytest.mark.parametrize("field", [("ti\x00tle", "a"), ("title", "a\x01")])
def test_form_that_cannot_be_stored_is_refused_by_its_place(api, format, field):
    if format == "multipart":
        answer = api.post(URL, dict([field]), format="multipart")
    else:
        body = f"{field[0]}={field[1]}".encode()
        answer = send(api, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field[0].replace("\x00", r"\u0000")


@pytest.mark.parametrize(
    "body", [r'{"email": "\ud800@x.org"}', r'{"email": "\u0000"}', "[" * 100_000, '{"email": NaN}']
)
def test_program_that_signs_in_with_unusable_json_gets_a_400(client, body):
    answer = client.post("/_allauth/app/v1/auth/login", body, content_type=JSON)
    assert answer.status_code == 400


def test_page_refuses_a_form_with_a_null_character(client):
    answer = client.post("/account/login/", {"login": "a\x00b", "pass\x00word": "x"})
    assert answer.status_code == 400


@pytest.mark.parametrize("op", [op for op in OPERATIONS if op.takes_body], ids=str)
def test_no_operation_repeats_half_a_character(api, op):
    ids = dict.fromkeys(["reminders", "channels", "occurrences", "tokens"], 1)
    answer = api.generic(op.method.upper(), op.url(ids), r'{"\ud800": 1}', JSON)
    assert answer.status_code in {400, 404, 415}
    assert not Reminder.objects.exists()
