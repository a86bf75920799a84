"""Errors and the front door: a page for a browser, a problem document for a program."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory

from foam.api import problems

pytestmark = pytest.mark.django_db
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
PROGRAMS = [
    "application/json",
    "*/*",
    "application/problem+json",
    "application/json, text/html;q=0.5",
]


def browse(client, path, **options):
    return client.get(path, headers={"Accept": BROWSER}, **options)


@pytest.mark.parametrize("path", ["/nope", "/account/nothing-here/", "/api/nothing/", "/do", "/é"])
def test_browser_gets_a_page_for_an_address_that_is_not_there(client, path):
    answer = browse(client, path)
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")
    assert "There is nothing at this address." in answer.content.decode()


@pytest.mark.parametrize("accept", PROGRAMS)
def test_program_gets_a_problem_for_an_address_that_is_not_there(client, accept):
    answer = client.get("/nope", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (404, problems.CONTENT_TYPE)


def test_program_without_an_accept_header_gets_a_problem(client):
    assert client.get("/nope")["Content-Type"] == problems.CONTENT_TYPE


def test_person_without_rights_gets_a_page_at_the_admin(client, user):
    client.force_login(user)
    answer = browse(client, "/admin/", follow=True)
    assert answer.status_code == 403
    assert "Ask an administrator" in answer.content.decode()


def test_form_without_its_csrf_token_gets_a_page_that_says_what_to_do(user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    answer = client.post("/account/", {}, headers={"Accept": BROWSER})
    assert answer.status_code == 403
    assert "reload the page" in answer.content.decode()


def test_browser_gets_a_page_for_a_fault_of_ours(client, user, monkeypatch):
    client.raise_request_exception = False

    def break_down(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr("accounts.sign_in.views.render", break_down)
    client.force_login(
        pytest.importorskip("accounts.models.user").User.objects.create_user("x", "x@e.org")
    )
    answer = browse(client, "/account/")
    assert answer.status_code == 500
    assert "It has been logged" in answer.content.decode()


def test_error_page_asks_no_database(django_assert_num_queries):
    request = RequestFactory().get("/nope", headers={"Accept": BROWSER})
    with django_assert_num_queries(0):
        for answer in (
            problems.server_error(request),
            problems.forbidden(request, PermissionDenied()),
            problems.not_found(request, Exception()),
        ):
            assert answer["Content-Type"].startswith("text/html")


def test_body_that_is_too_large_gets_a_page_in_a_browser(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    answer = client.post("/account/login/", {"login": "x" * 100}, headers={"Accept": BROWSER})
    assert answer.status_code == 413
    assert answer["Content-Type"].startswith("text/html")


def test_method_that_a_page_does_not_take_is_a_page(client, user):
    client.force_login(user)
    answer = client.put("/account/", headers={"Accept": BROWSER})
    assert answer.status_code == 405
    assert "<h1>" in answer.content.decode()


def test_stranger_is_offered_to_sign_in_and_to_create_an_account(client, settings):
    settings.FOAM_SIGNUP = "open"
    page = browse(client, "/").content.decode()
    assert "Sign in" in page
    assert "Create an account" in page


def test_closed_sign_up_is_not_offered(client, settings):
    settings.FOAM_SIGNUP = "closed"
    assert "Create an account" not in browse(client, "/").content.decode()


def test_front_door_knows_who_is_signed_in(client, user):
    client.force_login(user)
    page = browse(client, "/").content.decode()
    assert "Sign in" not in page
    assert "Sign out" in page


def test_front_door_ignores_a_bad_token(client):
    answer = client.get("/", headers={"Authorization": "Bearer foam_nothing"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "noun", ["reminders", "occurrences", "deliveries", "inbox", "tokens", "pauses", "channels"]
)
def test_filters_have_labels_in_words(client, user, noun):
    client.force_login(user)
    page = browse(client, f"/api/v1/{noun}/").content.decode()
    assert "invalid name" not in page
    filters = page.partition('class="card filters"')[2].partition("</details>")[0]
    assert "`" not in filters
    assert "greater than" not in filters


@pytest.mark.parametrize(
    "noun", ["reminders", "occurrences", "deliveries", "inbox", "tokens", "pauses", "channels"]
)
def test_nothing_can_be_done_to_an_object_that_is_not_there(client, user, noun):
    client.force_login(user)
    answer = browse(client, f"/api/v1/{noun}/999999/")
    assert answer.status_code == 404
    done = answer.content.decode().partition('id="do"')[2]
    assert "<form" not in done


def test_address_of_an_action_shows_its_form_and_no_error(client, user):
    client.force_login(user)
    page = browse(client, "/api/v1/reminders/feed/").content.decode()
    assert "Method Not Allowed" not in page
    assert "<button>Feed</button>" in page
