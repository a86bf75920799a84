"""No header and no spelling of an address leads past a decision (F1)."""

import logging
import re

import pytest
from django.contrib import admin
from django.contrib.admin.sites import AdminSite as DjangoAdminSite
from django.test import RequestFactory
from django.urls import Resolver404, URLResolver, get_resolver, resolve
from gunicorn.config import Config
from redis import Redis

from accounts.api import rate_limits
from accounts.models import User
from accounts.sign_in.admin_site import AdminSite
from foam.api.openapi.view import OpenApiView
from foam.processes.gunicorn_worker import Worker
from reminders.models import Change

pytestmark = pytest.mark.django_db

GROUP = re.compile(r"\(\?P<\w+>[^)]*\)|<[^>]+>")
# Ways to write an address, of which Django resolves some to the same view.
SPELLINGS = ("/{}", "//{}", "/./{}", "/x/../{}", "/{};/admin/logout/", "/{}/", "/{}\0", "/{}%2F")
PREFIXES = ("", "/x", "/admin/logout", "/account")


def routes(resolver, prefix=""):
    """Return the routes below a resolver, with 1 for each variable part."""
    for pattern in resolver.url_patterns:
        route = prefix + GROUP.sub("1", str(pattern.pattern).lstrip("^").rstrip("$"))
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        else:
            yield route


ADMIN = sorted({route for route in routes(get_resolver()) if route.startswith("admin/")})
# The way out is open to a session that may do nothing else.
WITHOUT_FACTOR = {"admin/logout/"}


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root", "root@example.com", "enigma-1843")


@pytest.fixture
def no_counts(settings):
    rate_limits._redis.down_until = 0.0
    with Redis.from_url(settings.REDIS_URL) as redis:
        prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
        for key in redis.scan_iter(f"{prefix}rate:*"):
            redis.delete(key)


@pytest.fixture
def strict(settings):
    settings.FOAM_STAFF_SECOND_FACTOR = True


def spellings(route):
    yield from (spelling.format(route) for spelling in SPELLINGS)
    yield from ("/" + route.upper(), "/" + route.title(), "/" + route.rstrip("/"))


def is_admin_view(address):
    try:
        return "admin" in resolve(address).app_names
    except Resolver404:
        return False


def test_there_are_admin_addresses_to_walk():
    assert len(ADMIN) > 60
    assert isinstance(admin.site._wrapped, AdminSite)


@pytest.mark.system
def test_no_admin_page_opens_without_the_second_factor(client, root, strict):
    client.force_login(root)
    addresses = [
        address
        for route in ADMIN
        if route not in WITHOUT_FACTOR
        for address in spellings(route)
        if is_admin_view(address)
    ]
    assert len(addresses) > 200
    answers = {
        (prefix, address): client.get("/", PATH_INFO=address, SCRIPT_NAME=prefix)
        for address in addresses
        for prefix in (PREFIXES if address.lstrip("/") in ADMIN else PREFIXES[:1])
    }
    answers |= {("POST", f"/{route}"): client.post(f"/{route}") for route in ADMIN[:-1]}
    open_views = [
        key
        for key, answer in answers.items()
        if answer.status_code not in {302, 400, 403, 405} and "logout" not in key[1]
    ]
    assert open_views == []
    places = {answer.headers.get("Location", "").partition("?")[0] for answer in answers.values()}
    assert "/account/2fa/" in places


def test_site_gives_no_permission_without_the_factor(client, root, strict):
    client.force_login(root)
    request = RequestFactory().get("/anything/")
    request.user, request.session = root, client.session
    request.resolver_match = None
    assert DjangoAdminSite.has_permission(admin.site, request)
    assert not admin.site.has_permission(request)


def test_staff_without_the_factor_can_sign_out(client, root, strict):
    client.force_login(root)
    assert client.post("/admin/logout/").status_code in {200, 302}
    assert client.get("/account/").status_code == 302


@pytest.mark.parametrize("prefix", ["", "/x", "/api/v1"])
def test_trail_names_the_person_and_the_admin_under_each_prefix(client, root, reminder, prefix):
    client.force_login(root)
    data = {"action": "pause", "_selected_action": [reminder.pk], "confirmed": "1"}
    client.post("/admin/reminders/reminder/", data, SCRIPT_NAME=prefix)
    change = Change.objects.filter(reminder_id=reminder.pk).latest("pk")
    assert (change.face, change.user_id) == ("admin", root.pk)


@pytest.mark.parametrize("prefix", ["", "/x", "/api/v1"])
def test_csp_of_the_account_pages_stands_under_each_prefix(client, prefix):
    answer = client.get("/account/login/", SCRIPT_NAME=prefix)
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["Cache-Control"].startswith(("no-store", "max-age=0"))


def test_worker_believes_no_header_of_its_peers():
    config = Config()
    config.set("forwarder_headers", "SCRIPT_NAME,PATH_INFO")
    Worker.check_config(config, logging.getLogger("gunicorn.error"))
    assert (config.forwarder_headers, config.secure_scheme_headers) == ([], {})


def test_openapi_document_is_generated_once_and_not_sent_twice(client, monkeypatch):
    first = client.get("/openapi.json")
    assert first["ETag"].startswith('"')
    monkeypatch.setattr(OpenApiView.generator_class, "get_schema", None)
    again = client.get("/openapi.json", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert client.get("/openapi.json").content == first.content


@pytest.mark.parametrize("path", ["/openapi.json", "/readyz", "/do/nonsense", "/calendar/x.ics"])
def test_what_asks_for_no_account_is_limited_by_address(client, settings, path, no_counts):
    settings.FOAM_API_ANONYMOUS_RATE = (2, 3600)
    answers = [client.get(path) for _ in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert 0 < int(answers[2]["Retry-After"]) <= 3600
    assert "q=2" in answers[2]["RateLimit-Policy"]
    assert client.get(path, REMOTE_ADDR="203.0.113.7").status_code != 429


def test_counts_of_one_kind_leave_the_others_alone(client, settings, no_counts):
    settings.FOAM_API_ANONYMOUS_RATE = (1, 3600)
    assert [client.get("/do/nonsense").status_code for _ in range(2)] == [404, 429]
    assert client.get("/calendar/x.ics").status_code == 404
    assert client.post("/do/nonsense").status_code == 429
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("count", "forwarded", "address"),
    [
        (0, "8.8.8.8", "127.0.0.1"),
        (1, "8.8.8.8, 203.0.113.7", "203.0.113.7"),
        (2, "8.8.8.8, 203.0.113.7, 172.18.0.1", "203.0.113.7"),
        (2, "203.0.113.7", "203.0.113.7"),
        (2, "", "127.0.0.1"),
        (1, "nonsense", "unknown"),
    ],
)
def test_address_is_the_one_that_the_outermost_own_proxy_saw(settings, count, forwarded, address):
    settings.FOAM_PROXY_COUNT = count
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR=forwarded)
    assert rate_limits.address_of(request) == address
