"""Every page of every face opens, and every form of it can be sent, in a real browser."""

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from foam.tests.admin.test_admin_pages import everything  # noqa: F401
from foam.tests.pages.crawl import Crawl
from foam.tests.pages.test_pages import browser, once, page, pytestmark  # noqa: F401

STARTS = ["/", "/account/", "/account/login/", "/api/v1/", "/admin/", "/docs", "/nothing-here/"]
# Who walks: in which colours, and through which part.
VISITORS = {
    "stranger": ("light", "/"),
    "user": ("dark", "/"),
    "helper": ("dark", "/admin/"),
    "staff": ("light", "/admin/"),
}
# The page and the form by which each visit ends.
LAST = {
    "user": ("/account/close/", "/account/close/"),
    "helper": ("/admin/", "/admin/logout/"),
    "staff": ("/account/", "/account/logout/"),
}
VIEWED = ("reminder", "occurrence", "channel", "delivery", "user")


@pytest.fixture
def helper(db):
    """Staff who may only look, and not at everything."""
    helper = User.objects.create_user("linus", "linus@example.com", "enigma-1843", is_staff=True)
    names = [f"view_{name}" for name in VIEWED]
    helper.user_permissions.set(Permission.objects.filter(codename__in=names))
    return helper


@pytest.fixture
def axe():
    return pytest.importorskip("axe_playwright_python.base").AXE_SCRIPT


def sign_in(page, user):  # noqa: F811
    page.goto("/account/login/")
    page.fill("input[name=login]", user.email)
    page.fill("input[name=password]", "enigma-1843")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "login" not in url)


@once
@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.usefixtures("woken", "recorder", "beat_rows", "everything", "empty_cache")
def test_every_page_opens_and_every_form_is_answered(page, axe, visitor, request):  # noqa: F811
    scheme, within = VISITORS[visitor]
    page.emulate_media(color_scheme=scheme)
    crawl = Crawl(page, axe, within=within)
    if visitor == "stranger":
        crawl.run(STARTS)
    else:
        person = request.getfixturevalue(visitor)
        sign_in(page, person)
        crawl.run(STARTS)
        crawl.email = person.email
        crawl.finish(*LAST[visitor])
        page.goto("/account/")
        assert "/account/login/" in page.url
    assert crawl.troubles == []


@once
def test_crawl_notes_what_no_page_may_show(page, axe):  # noqa: F811
    page.set_content("<title>x</title><html lang=en><p>[invalid name]</p><input name=tea>")
    crawl = Crawl(page, axe)
    crawl.look(200)
    assert [trouble.split(" at ")[0] for trouble in crawl.troubles] == [
        ": shows “[invalid name]”",
        ": label",
    ]
