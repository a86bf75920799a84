"""The page in the admin that tells why a reminder did or did not fire, in a real browser."""

from datetime import datetime, timedelta

import pytest

from foam.tests.pages.test_pages import browser, fits, page, pytestmark, staff_page  # noqa: F401
from notifications.models import Channel
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError
from reminders.engine import tick
from reminders.models import Reminder


@pytest.fixture
def undelivered(make_reminder, channel, recorder, woken, now):
    """A reminder that fired, and reached one of its channels only."""
    channels = [channel, Channel.objects.inbox_of(channel.owner)]
    reminder = make_reminder(
        starts_at=datetime(2026, 11, 23, 18),
        timezone="Europe/Berlin",
        recurrence="FREQ=WEEKLY;BYDAY=MO",
        channels=channels,
    )
    Reminder.objects.update(created_at=now - timedelta(hours=1))
    tick.run(now)

    def fail(message):
        if message.channel_id == channel.pk:
            raise TransportError(f"HTTP 404: no such hook {'x' * 100}", permanent=True)

    recorder.on_send = fail
    deliver_due(now)
    return reminder


def test_staff_ask_why_from_the_page_of_a_reminder(staff_page, undelivered):  # noqa: F811
    staff_page.goto(f"/admin/reminders/reminder/{undelivered.pk}/change/")
    more = staff_page.get_by_text("more_horiz")
    if more.is_visible():
        more.click()
    staff_page.get_by_role("link", name="Explain").click()
    staff_page.fill("input[name=at]", "2026-11-23T18:00")
    staff_page.get_by_role("button", name="Explain").click()
    staff_page.wait_for_url("**/explain/?at=*")
    conclusion = staff_page.locator(".foam-explain-conclusion").inner_text()
    assert "it did not reach Webhook: Hook (dead: HTTP 404" in conclusion
    assert "accepted by In-app inbox: Inbox" in conclusion
    assert staff_page.locator(".foam-chain-depth-4").count() == 2
    assert fits(staff_page)


def test_moment_that_cannot_be_read_is_told_at_its_field(staff_page, undelivered):  # noqa: F811
    staff_page.goto(f"/admin/reminders/reminder/{undelivered.pk}/explain/?at=monday")
    assert "Give a moment such as" in staff_page.locator("#at-help").inner_text()
    assert fits(staff_page)


def test_support_follows_a_reminder_down_to_the_answer_of_a_receiver(
    staff_page,  # noqa: F811
    undelivered,
):
    """From the search to the delivery, and back to its cause; in the dark as well."""
    staff_page.goto("/admin/reminders/reminder/?q=ada+stand")
    assert fits(staff_page)
    staff_page.get_by_role("link", name="Stand-up").first.click()
    outcomes = staff_page.locator(".foam-outcomes")
    assert "HTTP 404: no such hook" in outcomes.inner_text()
    assert fits(staff_page)
    outcomes.get_by_role("link", name="Webhook: Hook").click()
    staff_page.wait_for_url("**/delivery/*/change/")
    assert (
        "attempt 1: failed, and would fail again"
        in staff_page.locator(".foam-chain-depth-2").inner_text()
    )
    staff_page.emulate_media(color_scheme="dark")
    assert fits(staff_page)
    staff_page.locator(".foam-chain a").first.click()
    staff_page.wait_for_url("**/occurrence/*/change/")
    assert (
        "it did not reach Webhook: Hook"
        in staff_page.locator(".foam-explain-conclusion").inner_text()
    )
    assert fits(staff_page)
