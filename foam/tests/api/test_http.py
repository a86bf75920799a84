"""HTTP as clients speak it to a real web server: chunks, slashes, HEAD, a broken stream."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from django.db import connection

from accounts.models import ApiToken
from foam.tests import processes
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
TEA = {"title": "Tea", "starts_at": "2030-01-01T09:00:00"}


@pytest.fixture
def secret(user):
    return ApiToken.issue(user, "http")[1]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "web.log"


@pytest.fixture
def port(secret, log):
    """A web server as in production; its limits are off."""
    port = processes.free_port()
    off = dict.fromkeys(["FOAM_API_RATE", "FOAM_API_USER_RATE", "FOAM_API_WRITE_RATE"], "off")
    with processes.running(processes.web(port), processes.environment(**off), log):
        up = f"http://127.0.0.1:{port}/healthz"
        processes.wait_until(lambda: processes.answers(up), 60, "the web server")
        yield port


@pytest.fixture
def ask(port, secret):
    """Send a request; a body that is an iterator goes out in chunks."""

    def ask(method, path, body=None, **headers):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        known = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        chunked = body is not None and not isinstance(body, bytes)
        client.request(method, path, body, known | headers, encode_chunked=chunked)
        answer = client.getresponse()
        content = answer.read()
        client.close()
        return answer, content

    return ask


def chunks(content, size=1000):
    return (content[i : i + size] for i in range(0, len(content), size))


def as_chunked(headers=None):
    return {"Transfer-Encoding": "chunked", **(headers or {})}


def test_chunked_json_is_read(ask):
    answer, content = ask("POST", URL, chunks(json.dumps(TEA).encode(), 7), **as_chunked())
    assert (answer.status, json.loads(content)["title"]) == (201, "Tea")


def test_chunked_form_and_multipart_are_read(ask):
    form = b"title=Tea&starts_at=2030-01-01T09%3A00%3A00"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask("POST", URL, chunks(form, 5), **as_chunked(kind))[0].status == 201
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in TEA.items()
    )
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    body = chunks(f"{parts}--b--\r\n".encode(), 11)
    assert ask("POST", URL, body, **as_chunked(kind))[0].status == 201


def test_chunked_body_beyond_the_limit_is_a_413(ask):
    answer, content = ask("POST", URL, chunks(b" " * 1_100_000, 50_000), **as_chunked())
    assert (answer.status, json.loads(content)["status"]) == (413, 413)


def test_chunked_import_may_be_as_large_as_any_import(ask):
    lines = [json.dumps({"type": "foam", "version": 1})]
    lines += [json.dumps({"type": "reminder", **TEA, "body": "x" * 4000})] * 300
    kind = as_chunked({"Content-Type": "application/x-ndjson"})
    answer, content = ask(
        "POST", f"{URL}import/?dry_run=true", chunks("\n".join(lines).encode()), **kind
    )
    assert (answer.status, json.loads(content)["counts"]["refused"]) == (200, 0), content[:300]


def test_key_knows_a_chunked_body_by_its_content(ask):
    key = {"Idempotency-Key": "k-1"}
    body = json.dumps(TEA).encode()
    first = ask("POST", URL, chunks(body, 7), **as_chunked(key))[1]
    again, same = ask("POST", URL, body, **key)
    other, _ = ask("POST", URL, chunks(body.replace(b"Tea", b"Pie")), **as_chunked(key))
    assert (again.headers["Idempotency-Replayed"], same == first) == ("true", True)
    assert (other.status, Reminder.objects.count()) == (409, 1)


def test_post_without_the_slash_is_stored(ask):
    answer, content = ask("POST", "/api/v1/reminders?format=json", json.dumps(TEA).encode())
    assert (answer.status, json.loads(content)["title"]) == (201, "Tea")
    id_ = json.loads(content)["id"]
    assert ask("PATCH", f"{URL}{id_}", b'{"title": "Pie"}')[0].status == 200
    assert ask("POST", f"{URL}{id_}/pause")[0].status == 200
    assert json.loads(ask("GET", "/api/v1/reminders")[1])["results"][0]["title"] == "Pie"
    assert ask("DELETE", f"{URL}{id_}")[0].status == 204


def test_repeat_with_the_other_spelling_is_the_same_request(ask):
    key, body = {"Idempotency-Key": "k-2"}, json.dumps(TEA).encode()
    ask("POST", "/api/v1/reminders", body, **key)
    again, _ = ask("POST", URL, body, **key)
    assert (again.headers["Idempotency-Replayed"], Reminder.objects.count()) == ("true", 1)


@pytest.mark.parametrize("name", ["a", "a%2Fb", "a%2F", "%2F", "a%2F%2F"])
def test_name_with_a_slash_is_the_same_with_and_without_the_last(ask, name):
    from urllib.parse import unquote

    for end, status in (("", 201), ("/", 200)):
        address = f"{URL}by-external-id/{name}{end}"
        assert ask("PUT", address, json.dumps(TEA).encode())[0].status == status
    assert list(Reminder.objects.values_list("external_id", flat=True)) == [unquote(name)]


@pytest.mark.parametrize(
    "path", ["/api/v1//reminders/", "/api/v1/reminders//", "//api/v1/reminders/", "/api/v1/none"]
)
def test_post_to_no_address_is_a_404(ask, path):
    answer, _ = ask("POST", path, json.dumps(TEA).encode())
    assert (answer.status, Reminder.objects.count()) == (404, 0)


def test_post_to_a_page_without_its_slash_keeps_its_method(ask):
    for path in ("/account/login?next=/docs", "/admin/reminders/reminder/add"):
        answer, _ = ask("POST", path, b"")
        assert answer.status in {308, 403}, path


@pytest.mark.parametrize(
    "path", ["/healthz", "/", URL, "/docs", "/openapi.json", "/api/v1/me/export/", "/nothing",
             "/account/login/", "/static/foam/icon.svg", f"{URL}export/"]
)  # fmt: skip
def test_head_has_the_headers_of_get_and_no_body(ask, log, path):
    head, content = ask("HEAD", path)
    get, body = ask("GET", path)
    assert (head.status, content) == (get.status, b"")
    if "Content-Length" in get.headers:
        assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(body))
    assert "body bytes" not in log.read_text()


def test_export_whose_first_page_fails_is_a_problem(ask):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE reminders_reminder RENAME TO reminders_elsewhere")
    try:
        answer, content = ask("GET", f"{URL}export/")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE reminders_elsewhere RENAME TO reminders_reminder")
    assert (answer.status, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert answer.headers["X-Request-ID"]
    assert json.loads(content)["status"] == 500


def test_web_without_its_database_answers_503_in_the_language_of_the_client(tmp_path, secret):
    port, dead = processes.free_port(), processes.free_port()
    env = processes.environment()
    parts = urlsplit(env["DATABASE_URL"])
    env["DATABASE_URL"] = parts._replace(netloc=f"x:y@127.0.0.1:{dead}").geturl()
    with processes.running(processes.web(port), env, tmp_path / "web.log"):
        up = f"http://127.0.0.1:{port}"
        processes.wait_until(lambda: processes.answers(f"{up}/healthz"), 60, "the web server")
        for path, accept in (
            (URL, "application/json"),
            (URL, "text/html"),
            ("/admin/", "text/html"),
            ("/account/", "text/html"),
            ("/calendar/foam_x.ics", "*/*"),
            ("/api/v1/me/export/", "*/*"),
        ):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            headers = {"Authorization": f"Bearer {secret}", "Accept": accept}
            client.request("GET", path, headers={**headers, "Cookie": f"sessionid={'a' * 32}"})
            answer = client.getresponse()
            kind = answer.headers["Content-Type"].partition(";")[0]
            wanted = "text/html" if accept == "text/html" else "application/problem+json"
            assert (answer.status, answer.headers["Retry-After"], kind) == (503, "5", wanted), path
            assert b"database does not answer" in answer.read()
