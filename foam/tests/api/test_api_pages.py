"""The API and its documentation in a real browser, which nothing outside may be asked by."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiToken
from foam.tests.pages.test_pages import browser, fits, let_in, once, page, pytestmark  # noqa: F401
from notifications.channels import verification
from notifications.links import verification_codes
from notifications.models import Channel, Delivery
from reminders.engine import tick
from reminders.models import Occurrence, Reminder


@pytest.fixture
def own(page, user, client, live_server):  # noqa: F811
    """A page of somebody who is signed in."""
    return let_in(page, user, client, live_server)


def unfold(page, title):  # noqa: F811
    """Open a form, and return it."""
    card = page.locator("details.card", has=page.locator(f"summary:text-is('{title}')"))
    if card.get_attribute("open") is None:
        card.locator("> summary").click()
    return card.locator("> form")


def press(form, title):
    form.get_by_role("button", name=title, exact=True).click()


def answered(page, status, method="POST"):  # noqa: F811
    page.wait_for_selector(f".status:has-text('{method}'):has-text('HTTP {status}')")


def test_reminder_is_made_with_leads_and_tags(own):
    own.goto("/api/v1/reminders/")
    form = unfold(own, "Create")
    form.get_by_label("Title").fill("Stand-up")
    form.get_by_label("Starts at").fill("2090-01-02T18:00")
    form.get_by_label("Timezone").fill("Europe/Berlin")
    form.get_by_label("Leads").fill("PT10M, P1D")
    form.get_by_label("Tags").fill("home, work")
    form.get_by_label("Nag every").fill("PT5M")
    form.get_by_label("Urgent").check()
    press(form, "Create")
    answered(own, 201)
    reminder = Reminder.objects.get()
    assert reminder.leads == [timedelta(minutes=10), timedelta(days=1)]
    assert (reminder.tags, reminder.urgent) == (["home", "work"], True)
    assert reminder.nag_every == timedelta(minutes=5)
    assert fits(own)


@once
def test_channels_are_chosen_in_the_form(own, channel):
    own.goto("/api/v1/reminders/")
    form = unfold(own, "Create")
    form.get_by_label("Title").fill("Stand-up")
    form.get_by_label("Starts at").fill("2090-01-02T18:00")
    form.get_by_label("Channels", exact=True).select_option(str(channel.pk))
    form.get_by_label("Escalate channels").select_option(str(channel.pk))
    form.get_by_label("Escalate after").fill("PT1H")
    press(form, "Create")
    answered(own, 201)
    reminder = Reminder.objects.get()
    assert [row.pk for row in reminder.channels.all()] == [channel.pk]


@once
def test_error_is_shown_at_its_field_and_what_was_typed_stays(own):
    own.goto("/api/v1/reminders/")
    form = unfold(own, "Create")
    form.get_by_label("Title").fill("Stand-up")
    form.get_by_label("Starts at").fill("2090-01-02T18:00")
    form.get_by_label("Recurrence").fill("FREQ=SECONDLY")
    press(form, "Create")
    answered(own, 400)
    form = unfold(own, "Create")
    wrong = form.locator(".field.wrong")
    assert wrong.count() == 1
    assert "SECONDLY is not supported" in wrong.inner_text()
    assert form.get_by_label("Title").input_value() == "Stand-up"
    form.get_by_label("Recurrence").fill("FREQ=DAILY")
    press(form, "Create")
    answered(own, 201)
    assert Reminder.objects.get().recurrence == "FREQ=DAILY"


@once
def test_edit_changes_only_what_was_changed(own, make_reminder, now):
    reminder = make_reminder(starts_at=now.replace(tzinfo=None, year=2090), body="as it was")
    own.goto(f"/api/v1/reminders/{reminder.pk}/")
    form = unfold(own, "Edit")
    form.get_by_label("Tags").fill("")
    form.get_by_label("Title").fill("Sit-down")
    with own.expect_request(lambda request: request.method == "PATCH") as sent:
        press(form, "Edit")
    answered(own, 200, "PATCH")
    assert sent.value.post_data_json == {"title": "Sit-down"}
    reminder.refresh_from_db()
    assert (reminder.title, reminder.body) == ("Sit-down", "as it was")


@once
def test_refused_edit_is_sent_again_with_what_was_right(own, make_reminder, now):
    reminder = make_reminder(starts_at=now.replace(tzinfo=None, year=2090))
    own.goto(f"/api/v1/reminders/{reminder.pk}/")
    form = unfold(own, "Edit")
    form.get_by_label("Title").fill("Sit-down")
    form.get_by_label("Leads").fill("soon")
    press(form, "Edit")
    answered(own, 400, "PATCH")
    form = unfold(own, "Edit")
    form.get_by_label("Leads").fill("PT1H")
    press(form, "Edit")
    answered(own, 200, "PATCH")
    reminder.refresh_from_db()
    assert (reminder.title, reminder.leads) == ("Sit-down", [timedelta(hours=1)])


@once
def test_pause_and_resume(own, make_reminder, now):
    reminder = make_reminder(starts_at=now.replace(tzinfo=None, year=2090))
    for title, status in (("Pause", "paused"), ("Resume", "active")):
        own.goto(f"/api/v1/reminders/{reminder.pk}/")
        press(unfold(own, title), title)
        answered(own, 200)
        reminder.refresh_from_db()
        assert reminder.status == status


@once
def test_delete_leads_back_to_the_list(own, make_reminder):
    reminder = make_reminder()
    own.goto(f"/api/v1/reminders/{reminder.pk}/")
    press(unfold(own, "Delete"), "Delete for good")
    own.wait_for_url("**/api/v1/reminders/")
    reminder.refresh_from_db()
    assert reminder.deleted_at is not None


@once
def test_snooze_for_ten_minutes(own, reminder, now, woken):
    tick.run(now)
    occurrence = Occurrence.objects.get()
    own.goto(f"/api/v1/occurrences/{occurrence.pk}/")
    form = unfold(own, "Snooze")
    form.get_by_label("For").fill("PT10M")
    press(form, "Snooze")
    answered(own, 200)
    occurrence.refresh_from_db()
    assert occurrence.status == "snoozed"


@once
def test_snooze_until_a_time_of_the_browsers_clock(own, reminder, now, woken):
    tick.run(now)
    occurrence = Occurrence.objects.get()
    own.goto(f"/api/v1/occurrences/{occurrence.pk}/")
    form = unfold(own, "Snooze")
    soon = own.evaluate(
        "() => { const at = new Date(Date.now() + 36e5);"
        "return new Date(at - at.getTimezoneOffset() * 6e4).toISOString().slice(0, 16) }"
    )
    form.get_by_label("Until").fill(soon)
    with own.expect_request(lambda request: request.method == "POST") as sent:
        press(form, "Snooze")
    answered(own, 200)
    assert sent.value.post_data_json["until"].endswith("Z")


@once
def test_channel_is_verified_with_its_code(own, user, woken, settings):
    settings.EMAIL_URL = "smtp://127.0.0.1:9"
    channel = Channel.objects.create(owner=user, kind="email", name="Mail", address="a@example.com")
    verification.request(channel, timezone.now())
    code = verification_codes.code(Delivery.objects.get().reference)
    own.goto(f"/api/v1/channels/{channel.pk}/")
    for typed, status in (("000000" if code != "000000" else "111111", 400), (code, 200)):
        form = unfold(own, "Verify")
        form.get_by_label("Code").fill(typed)
        press(form, "Verify")
        answered(own, status)
    channel.refresh_from_db()
    assert channel.is_verified


@once
def test_sentence_is_parsed(own):
    own.goto("/api/v1/reminders/")
    form = unfold(own, "Parse")
    form.get_by_label("Text").fill("stand-up every Monday at 6pm in Berlin")
    press(form, "Parse")
    answered(own, 200)
    assert "every week on Monday at 18:00 (Europe/Berlin)" in own.locator("pre").inner_text()


@once
def test_list_is_filtered(own, make_reminder):
    make_reminder(title="Alpha", tags=["home"])
    make_reminder(title="Beta")
    own.goto("/api/v1/reminders/")
    own.locator(".filters > summary").click()
    own.get_by_label("Tag", exact=False).first.fill("home")
    own.locator(".filters").get_by_role("button").click()
    own.wait_for_url("**tag=home**")
    assert "Alpha" in own.locator("pre").inner_text()
    assert "Beta" not in own.locator("pre").inner_text()


@once
def test_parameters_of_a_question_have_inputs(own, make_reminder):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    own.goto(f"/api/v1/reminders/{reminder.pk}/")
    form = unfold(own, "Upcoming")
    form.get_by_label("count").fill("3")
    press(form, "Show")
    own.wait_for_url("**/upcoming/?count=3")
    assert own.locator("pre").inner_text().count("T17:00:00Z") == 3


@once
def test_raw_json_can_be_sent(own):
    own.goto("/api/v1/reminders/")
    unfold(own, "Create")
    card = own.locator("details.card:has(#create-title)")
    card.locator(".raw > summary").click()
    card.get_by_label("Body").last.fill("{nonsense")
    card.locator(".raw").get_by_role("button").click()
    assert "This is no JSON" in card.locator(".raw [role=alert]").inner_text()


@pytest.mark.parametrize("path", ["reminders/", "channels/", "me/", "deliveries/", ""])
def test_every_input_has_a_label_and_every_page_fits(own, channel, path):
    own.goto(f"/api/v1/{path}")
    own.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert (
        own.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
            ".filter(each => !each.labels.length).map(each => each.name)"
        )
        == []
    )
    assert fits(own)


CONTRAST = """() => {
  const channels = (text) => {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (each) => {
    for (; each; each = each.parentElement) {
      const colour = channels(getComputedStyle(each).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("a, p, b, label, button, summary, pre span, h1, option")]
    .filter((each) => each.offsetParent && each.textContent.trim())
    .map((each) => {
      const pair = [light(channels(getComputedStyle(each).color)), light(behind(each))].sort();
      return [(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), each.outerHTML.slice(0, 80)];
    })
    .filter(([ratio]) => ratio < 4.5);
}"""


@once
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(own, make_reminder, scheme):
    reminder = make_reminder()
    own.emulate_media(color_scheme=scheme)
    own.goto(f"/api/v1/reminders/{reminder.pk}/")
    own.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert own.evaluate(CONTRAST) == []


# The documentation


def test_docs_list_the_operations(page):  # noqa: F811
    page.goto("/docs")
    page.wait_for_selector("text=/api/v1/reminders/{id}/pause/")
    assert fits(page)


@once
def test_operation_can_be_tried_with_a_token(page, user):  # noqa: F811
    _, secret = ApiToken.issue(user, "test")
    page.goto("/docs")
    page.locator(".btn.authorize").first.click()
    modal = page.locator(".auth-container", has_text="bearer")
    modal.locator("input").fill(secret)
    modal.get_by_role("button", name="Apply credentials").click()
    page.locator(".auth-container button.btn-done").first.click()
    operation = page.locator("#operations-me-me_retrieve")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response .highlight-code")
    answer.wait_for()
    assert '"username": "ada"' in answer.first.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_redoc_shows_the_operations(page, scheme):  # noqa: F811
    page.emulate_media(color_scheme=scheme)
    page.goto("/redoc")
    page.wait_for_selector("h2:has-text('Pause the reminder')")
    page.wait_for_function("!document.querySelector('img[alt=\"redocly logo\"]')")
    assert fits(page)


@once
@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_pages_of_the_documentation_forbid_what_is_not_ours(page, path):  # noqa: F811
    refused = page.goto(path) and page.evaluate(
        "fetch('https://example.com/').then(() => 'asked', () => 'refused')"
    )
    assert refused == "refused"
    policy = page.request.get(path).headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe-eval" not in policy
    assert "script-src" not in policy


@once
def test_reminder_is_created_from_a_sentence(own):
    own.goto("/api/v1/reminders/")
    form = unfold(own, "Create from a sentence")
    form.get_by_label("Text").fill("tea every day at 5pm")
    press(form, "Create from a sentence")
    answered(own, 201)
    assert '"understood"' in own.locator("pre").inner_text()
    assert Reminder.objects.get().title == "tea"
