"""No header and no spelling of an address leads past a decision (F1)."""

import logging
import re

import pytest
from django.contrib import admin
from django.contrib.admin.sites import AdminSite as DjangoAdminSite
from django.test import RequestFactory
from django.urls import Resolver404, URLResolver, get_resolver, resolve
from gunicorn.config import Config

from accounts.models import User
from accounts.sign_in.admin_site import AdminSite
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
