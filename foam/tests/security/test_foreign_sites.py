"""What a site of somebody else's can have a browser do here: lead away, change or read nothing."""

import pytest
from django.conf import settings
from django.test import Client

pytestmark = pytest.mark.django_db

EVIL = "evil.example.org"
# Addresses that some browser or library reads as one of another host, or as code.
TARGETS = [
    f"https://{EVIL}/",
    f"//{EVIL}/",
    f"///{EVIL}/",
    f"/\\{EVIL}/",
    f"\\\\{EVIL}/",
    f"/\t/{EVIL}/",
    f"https:{EVIL}",
    f"https:/{EVIL}",
    f"http://testserver@{EVIL}/",
    f"http://testserver.{EVIL}/",
    f"https:\\\\{EVIL}",
    f"/%0d%0aLocation:https://{EVIL}/",
    f"/\r\nLocation: https://{EVIL}/",
    f" https://{EVIL}/",
    f"\x00https://{EVIL}/",
    f"HtTpS://{EVIL}/",
    f"//%65vil.example.org/@{EVIL}",
    f"https://{EVIL}%2f@testserver/",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "ｈttps://evil.example.org/",
    f"/account/login/?next=https://{EVIL}/",
]
PAGES = ["/account/login/", "/account/signup/", "/account/reauthenticate/", "/account/logout/"]


def leads_here(location: str) -> bool:
    """Whether a browser stays on this host, by the strictest reading of a Location."""
    return (
        # A path, or a relative one: no scheme begins with a percent sign.
        location.startswith(("/", "%"))
        and not location.startswith(("//", "/\\"))
        and not any(ord(letter) < 33 for letter in location)
    )


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("target", TARGETS)
def test_next_leads_to_no_other_host(page, target, user):
    client = Client(raise_request_exception=False)
    if page in PAGES[2:]:
        client.force_login(user)
    login = {"login": user.email, "password": "enigma-1843", "next": target}
    for answer in (
        client.get(page, {"next": target}),
        client.post(page, login, query_params={"next": target}),
    ):
        assert answer.status_code < 500
        assert leads_here(answer.headers.get("Location", "/")), answer.headers["Location"]
        # Nor is it a link of the page.
        for quote in ('"', "'"):
            assert f"href={quote}{target}" not in answer.text
            assert f"action={quote}{target}" not in answer.text


HOSTS = [
    EVIL,
    f"testserver.{EVIL}",
    f"testserver:80@{EVIL}",
    f"{EVIL}:testserver",
    f"testserver, {EVIL}",
    f"testserver/{EVIL}",
    "[::1",
    "test server",
    "testserver\x00",
    "TESTSERVER" + "x" * 300,
    "",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/", "/account/login/", "/api/v1/me/", "/admin/"])
def test_request_for_another_host_is_refused(client, host, path, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    answer = client.get(path, headers={"host": host})
    assert answer.status_code == 400
    assert EVIL not in answer.text


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-Host", "X-Forwarded-Server"]
)
def test_host_that_a_client_puts_beside_is_not_believed(client, name, api):
    value = f"host={EVIL}" if name == "Forwarded" else EVIL
    for path in ("/account/password/reset/", "/api/v1/reminders/", "/"):
        answer = api.get(path, headers={name: value})
        assert EVIL not in answer.text
        assert EVIL not in str(answer.headers)


ORIGINS = [f"https://{EVIL}", "null", "http://testserver", "https://testserver." + EVIL]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", ["/api/v1/me/", "/account/", "/openapi.json", "/healthz"])
def test_no_page_of_another_origin_reads_an_answer(api, user, origin, path):
    for method in ("get", "options"):
        asked = {"origin": origin, "access-control-request-method": "POST"}
        answer = getattr(api, method)(path, headers=asked)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("origin", [*ORIGINS[:2], ORIGINS[3], None])
@pytest.mark.parametrize(
    "path",
    [
        "/account/",
        "/account/email/",
        "/account/password/change/",
        "/account/close/",
        "/api/v1/me/",
        "/api/v1/tokens/",
        "/api/v1/reminders/",
        "/admin/logout/",
        "/admin/accounts/user/add/",
    ],
)
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain"])
def test_page_of_another_origin_changes_nothing_in_a_session(staff, path, origin, kind):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(staff)
    headers = {"origin": origin, "referer": f"https://{EVIL}/"} if origin else {}
    answer = client.post(
        path, data="title=x&email=eve@example.org", content_type=kind, headers=headers
    )
    assert answer.status_code in {403, 404, 405, 415}, answer.text[:200]


def test_cookies_are_sent_from_no_other_site(client, user):
    client.get("/account/login/")
    client.post("/account/login/", {"login": user.email, "password": "enigma-1843"})
    cookies = {cookie.key: cookie for cookie in client.cookies.values() if cookie.value}
    assert any("session" in name for name in cookies)
    assert {cookie["samesite"] for cookie in cookies.values()} <= {"Lax", "Strict"}
    assert {cookie["domain"] for cookie in cookies.values()} == {""}
    assert settings.SESSION_COOKIE_HTTPONLY
