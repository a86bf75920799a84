"""The page behind a link, whatever the link is about."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from notifications.links import signed_links, views
from notifications.links.signed_links import Action
from notifications.links.views import Answer, StaleLink
from notifications.transports import Message


@pytest.fixture
def acted(monkeypatch):
    """The channels on whose behalf something was done, through links of the cause `test`."""
    done = []

    def act(pressed, now):
        done.append(pressed.channel_id)
        return Answer("It is done", "Good.")

    def describe(pressed, now):
        if pressed.reference == "test:gone":
            raise StaleLink("It was deleted.")
        return Answer("Shall it be?", "It will be.", [("What", "<b>this</b>")], "Yes")

    monkeypatch.setattr(signed_links, "_registered", {})
    monkeypatch.setattr(views, "_handlers", {})
    signed_links.register("test", [Action("yes", "Yes", 0)])
    views.register("test", describe, act)
    return done


def path(reference="test:7", due_at=None):
    due_at = due_at or timezone.now()
    message = Message(1, 1, "foam_1_1", 3, "", "Title", "", due_at, reference=reference)
    (link,) = signed_links.links(message)
    return link.url[link.url.index(signed_links.PATH) :]


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_changes_nothing(client, acted, method):
    assert getattr(client, method)(path()).status_code == 200
    assert acted == []


def test_page_asks_and_escapes_what_it_tells(client, acted):
    shown = client.get(path()).content.decode()
    assert '<button type="submit">Yes</button>' in shown
    assert "<dt>What</dt><dd>&lt;b&gt;this&lt;/b&gt;</dd>" in shown


def test_post_acts_and_asks_no_more(client, acted):
    shown = client.post(path()).content.decode()
    assert acted == [3]
    assert "It is done" in shown
    assert "<form" not in shown


def test_mail_program_may_post_by_itself(acted):
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        path(), "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert (answer.status_code, acted) == (200, [3])


@pytest.mark.parametrize("method", ["get", "post"])
def test_expired_link_is_told_kindly_and_does_nothing(client, acted, method):
    answer = getattr(client, method)(path(due_at=timezone.now() - signed_links.LIFETIME))
    assert (answer.status_code, acted) == (410, [])
    assert "This link has expired" in answer.content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("token", ["x", "a/b", "test:7.3.ffffffff.yes.AAAAAAAAAAAAAAAA", "%00"])
def test_forged_link_is_told_kindly_and_does_nothing(client, acted, method, token):
    answer = getattr(client, method)(f"/do/{token}")
    assert (answer.status_code, acted) == (404, [])
    assert "This link does not work" in answer.content.decode()


def test_link_to_what_is_no_more_is_told_kindly(client, acted):
    answer = client.get(path("test:gone"))
    assert answer.status_code == 410
    assert "It was deleted. Nothing was changed." in answer.content.decode()


def test_other_methods_are_refused(client, acted):
    assert client.delete(path()).status_code == 405


@pytest.mark.parametrize("method", ["get", "post"])
def test_page_is_kept_nowhere_and_tells_nobody_its_address(client, acted, method):
    for target in (path(), "/do/x"):
        answer = getattr(client, method)(target)
        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert answer["Content-Security-Policy"].startswith("default-src 'none'")
        assert not answer.cookies
        assert "Cookie" not in answer.get("Vary", "")


def test_link_is_good_for_its_lifetime(client, acted):
    nearly = timezone.now() - signed_links.LIFETIME + timedelta(minutes=1)
    assert client.post(path(due_at=nearly)).status_code == 200
