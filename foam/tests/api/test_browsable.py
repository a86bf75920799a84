"""The API in a browser, page by page: what forms there are, and where they lead."""

import re

import pytest
from django.urls import get_resolver, reverse

from accounts.models import ApiToken
from foam.api.docstrings import describe
from foam.api.json_html import linked
from notifications.models import Channel, Delivery, InboxMessage
from reminders.engine import tick

pytestmark = pytest.mark.django_db

HTML = {"Accept": "text/html"}
JSON = "application/json"


@pytest.fixture
def browser(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def rows(user, reminder, channel, now, woken):
    """One of each noun, by the name of its addresses."""
    tick.run(now)
    inbox = Channel.objects.inbox_of(user)
    message = InboxMessage.objects.create(channel=inbox, title="x", due_at=now, message_id="m1")
    return {
        "reminder": reminder.pk,
        "occurrence": reminder.occurrences.get().pk,
        "channel": channel.pk,
        "delivery": Delivery.objects.get().pk,
        "inbox": message.pk,
    }


def posting():
    """Every address of the API that takes a POST: its name, and its action."""
    for pattern in _flat(get_resolver().url_patterns):
        actions = getattr(pattern.callback, "actions", None) or {}
        if "post" in actions:
            yield pattern.name, actions["post"]


def _flat(patterns):
    for each in patterns:
        if hasattr(each, "url_patterns"):
            yield from _flat(each.url_patterns) if not each.namespace else ()
        else:
            yield each


def page(browser, path, status=200):
    answer = browser.get(path, headers=HTML)
    assert answer.status_code == status
    return answer.content.decode()


@pytest.mark.parametrize(("name", "action"), sorted(set(posting())))
def test_every_action_has_a_form_at_its_address(browser, rows, name, action):
    noun = name.split("-")[0]
    needs_one = any("<" in str(p.pattern) for p in _flat_named(name))
    if needs_one and noun not in rows:
        pytest.skip("a noun that this test makes none of")
    path = reverse(name, args=[rows[noun]] if needs_one else [])
    shown = page(browser, path, 200 if action == "create" else 405)
    assert f'<form method="post" action="{path}" data-method="POST"' in shown or "data-raw" in shown
    assert "csrfmiddlewaretoken" in shown


def _flat_named(name):
    return [p for p in _flat(get_resolver().url_patterns) if p.name == name]


@pytest.mark.parametrize(
    ("noun", "actions"),
    [
        ("reminder", ["pause", "resume", "skip", "trigger", "upcoming", "explain", "occurrences"]),
        ("occurrence", ["acknowledge", "snooze"]),
        ("channel", ["verify", "test", "rotate_secret", "enable"]),
        ("delivery", ["retry"]),
        ("inbox", ["read"]),
    ],
)
def test_page_of_an_object_offers_its_actions(browser, rows, noun, actions):
    shown = page(browser, reverse(f"{noun}-detail", args=[rows[noun]]))
    for action in actions:
        assert f'/{action}/"' in shown, action


def test_form_of_an_action_has_the_fields_of_its_body(browser, rows):
    shown = page(browser, reverse("occurrence-detail", args=[rows["occurrence"]]))
    assert set(re.findall(r'<input id="snooze-(\w+)"', shown)) == {"until", "for"}
    # Of an action without a body only a button.
    assert 'id="acknowledge-' not in shown


def test_list_offers_to_parse_and_to_preview(browser, rows):
    shown = page(browser, "/api/v1/reminders/")
    assert 'id="parse-text"' in shown
    assert 'id="preview-starts_at"' in shown


def test_edit_form_has_what_is_stored(browser, make_reminder):
    made = make_reminder(tags=["home", "work"])
    shown = page(browser, f"/api/v1/reminders/{made.pk}/")
    assert re.search(r'name="tags" data-kind="list"[^>]*value="home, work"', shown)
    assert re.search(r'name="title" data-kind="text"[^>]*value="Stand-up"', shown)


def test_form_to_create_leaves_out_the_filter_of_its_list(browser, rows):
    shown = page(browser, "/api/v1/reminders/?tag=home")
    assert '<form method="post" action="/api/v1/reminders/" data-method="POST"' in shown


def test_form_of_an_import_keeps_the_parameters_that_it_takes(browser):
    shown = page(browser, "/api/v1/reminders/import/?dry_run=true&tag=home", 405)
    assert 'action="/api/v1/reminders/import/?dry_run=true"' in shown


def test_edit_form_has_what_the_edit_takes(browser, user):
    token, _ = ApiToken.issue(user, "laptop")
    shown = page(browser, f"/api/v1/tokens/{token.pk}/")
    assert re.search(r'name="name" data-kind="text"[^>]*value="laptop"', shown)


def test_secret_of_a_channel_is_masked_in_its_form(browser, rows, channel):
    channel.secret = "whsec_" + "c2VjcmV0" * 6
    channel.store()
    shown = page(browser, f"/api/v1/channels/{channel.pk}/")
    assert channel.secret not in shown
    assert channel.masked_secret in shown


def test_what_is_wrong_stands_at_its_field_with_what_was_sent(browser):
    answer = browser.post(
        "/api/v1/reminders/",
        {"title": "x <b>", "starts_at": "2090-01-02T18:00", "leads": ["PT1H", "soon"]},
        "application/json",
        headers=HTML,
    )
    shown = answer.content.decode()
    assert answer.status_code == 400
    field = shown[shown.index('for="create-leads"') :]
    assert 'value="PT1H, soon"' in field
    assert "Give an ISO 8601 duration" in field[: field.index("</div>\n</div>")]
    assert 'value="x &lt;b&gt;"' in shown


def test_what_is_wrong_with_no_field_of_the_form_stands_above(browser):
    answer = browser.post("/api/v1/reminders/", {"titel": 1}, "application/json", headers=HTML)
    assert "<b>titel</b>: Unknown field." in answer.content.decode()


def test_conflict_is_told_in_words(browser, rows):
    path = reverse("delivery-retry", args=[rows["delivery"]])
    answer = browser.post(path, {}, "application/json", headers=HTML)
    assert answer.status_code == 409
    assert 'role="alert" class="problem"' in answer.content.decode()


def test_strangers_object_is_not_told(client, stranger, rows):
    client.force_login(stranger)
    shown = page(client, f"/api/v1/reminders/{rows['reminder']}/", 404)
    assert "Stand-up" not in shown


def test_strangers_channels_are_no_choice(client, stranger, rows, channel):
    client.force_login(stranger)
    assert channel.name not in page(client, "/api/v1/reminders/")


def test_without_signing_in_there_are_no_forms(client):
    shown = page(client, "/api/v1/")
    assert "Log in" in shown
    shown = page(client, "/api/v1/reminders/", 401)
    assert "data-method" not in shown


def test_token_that_only_reads_sees_no_form_that_writes(client, user):
    _, secret = ApiToken.issue(user, "test", scopes=["reminders:read"])
    headers = {**HTML, "Authorization": f"Bearer {secret}"}
    shown = client.get("/api/v1/reminders/", headers=headers).content.decode()
    assert 'id="create-title"' not in shown
    assert 'id="parse-text"' in shown


def test_pages_forbid_what_is_not_ours(browser):
    policy = browser.get("/api/v1/reminders/", headers=HTML)["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy


def test_words_of_a_reminder_are_never_markup(browser, make_reminder):
    made = make_reminder(title="<script>alert(1)</script>", tags=["<img src=x>"])
    shown = page(browser, f"/api/v1/reminders/{made.pk}/")
    assert "<script>alert" not in shown
    assert "<img src=x>" not in shown


def test_first_page_lists_every_noun(api):
    answer = api.get("/api/v1/").json()
    assert {"reminders", "occurrences", "channels", "deliveries", "inbox", "me"} <= set(answer)


def test_ids_lead_to_what_they_are_of():
    shown = linked({"id": 7, "channels": [3], "reminder": 9, "nag_max": 3, "ok": True}, "reminder")
    assert re.findall('href="([^"]+)"', shown) == [
        "/api/v1/reminders/7/",
        "/api/v1/channels/3/",
        "/api/v1/reminders/9/",
    ]


def test_reference_leads_to_its_occurrence():
    shown = linked({"reference": "occurrence:12:nag:1"}, "delivery")
    assert 'href="/api/v1/occurrences/12/"' in shown


def test_docstrings_are_paragraphs_with_code():
    assert describe("One\n    line.\n\nA `code` <b>.") == (
        "<p>One line.</p><p>A <code>code</code> &lt;b&gt;.</p>"
    )


def test_list_for_a_person_is_short(browser, make_reminder):
    for number in range(11):
        make_reminder(title=f"Reminder {number}")
    assert page(browser, "/api/v1/reminders/").count("&quot;schedule_text&quot;") == 10
    assert len(browser.get("/api/v1/reminders/").json()["results"]) == 11


def test_list_of_reminders_has_a_form_for_a_sentence(browser):
    html = page(browser, "/api/v1/reminders/")
    assert "Create from a sentence" in html
    assert 'id="create-2-text"' in html


def test_sentence_that_is_refused_is_shown_in_its_form(browser):
    answer = browser.post("/api/v1/reminders/", {"text": "no idea"}, JSON, headers=HTML)
    html = answer.content.decode()
    assert answer.status_code == 400
    assert 'value="no idea"' in html


def test_sentence_that_was_parsed_stays_in_its_form(browser):
    url = "/api/v1/reminders/parse/"
    answer = browser.post(url, {"text": "tea every day"}, JSON, headers=HTML)
    assert 'value="tea every day"' in answer.content.decode()


def test_page_says_how_to_ask_with_curl(browser):
    html = page(browser, "/api/v1/reminders/?status=active")
    assert 'curl -H "Authorization: Bearer $TOKEN"' in html
    assert "http://testserver/api/v1/reminders/?status=active" in html


def test_form_shows_what_is_taken_for_an_empty_field(browser):
    html = page(browser, "/api/v1/reminders/")
    number = html[html.index('id="create-nag_max"') :]
    assert 'placeholder="3"' in number[: number.index(">")]
    choice = html[html.index('id="create-misfire"') :]
    assert '<option value="">latest</option>' in choice[: choice.index("</select>")]
