"""The preview on the reminder's form in the admin, in a real browser, before anything is saved."""

from datetime import datetime

import pytest

from foam.tests.pages.test_pages import browser, fits, once, page, pytestmark, staff_page  # noqa: F401
from reminders.models import Reminder

ADD = "/admin/reminders/reminder/add/"


@pytest.fixture
def form(staff_page):  # noqa: F811
    """The form for a new reminder, with the start of a nightly one."""
    staff_page.goto(ADD)
    staff_page.fill("input[name=starts_at]", "2090-03-25 02:30")
    staff_page.fill("input[name=timezone]", "Europe/Berlin")
    staff_page.fill("input[name=recurrence]", "FREQ=DAILY")
    staff_page.wait_for_selector(".foam-preview li")
    return staff_page


def shown(page):  # noqa: F811
    return page.locator(".foam-preview").inner_text()


def choose(page, field, value):  # noqa: F811
    page.locator("details summary").first.click()
    page.select_option(f"select[name={field}]", value)


@once
def test_empty_form_says_what_it_waits_for(staff_page):  # noqa: F811
    staff_page.goto(ADD)
    assert shown(staff_page).startswith("For a preview, fill in the start")
    assert staff_page.locator(".foam-preview-error").count() == 0


def test_form_shows_words_and_instants_before_saving(form):
    lines = form.locator(".foam-preview li").all_inner_texts()
    assert "every day at 02:30 (Europe/Berlin)" in shown(form)
    assert len(lines) == 5
    assert "Sat 25 Mar 2090, 02:30" in lines[0]
    assert "2090-03-25 01:30:00 UTC" in lines[0]
    assert "02:30 is skipped on 26 March 2090: moved to 03:30" in lines[1]
    assert fits(form)
    assert not Reminder.objects.exists()


@once
def test_choice_of_gap_is_shown_at_once(form):
    choose(form, "gap", "skip")
    form.wait_for_selector(".foam-preview-skipped")
    assert "no occurrence" in shown(form)


@once
def test_lead_is_shown_at_once(form):
    form.fill("input[name=leads]", "1:00:00")
    form.wait_for_selector(".foam-preview:has-text('Speaks 1 h before.')")


@once
def test_date_can_be_added_and_taken_out_again(form):
    form.fill("input[name=exdates]", "2090-03-25 02:30")
    form.wait_for_selector(".foam-preview:has-text('except on 25 March 2090')")
    form.locator(".field-exdates a").first.click()
    form.wait_for_selector(".foam-preview:not(:has-text('except on'))")


@once
def test_error_stands_at_its_field_and_goes_when_mended(form):
    form.fill("input[name=recurrence]", "FREQ=SECONDLY")
    form.wait_for_selector(".field-recurrence .foam-preview-error:has-text('SECONDLY')")
    assert shown(form) == "For a preview, fill in or correct: recurrence."
    form.fill("input[name=recurrence]", "FREQ=WEEKLY")
    form.wait_for_selector(".foam-preview:has-text('every week on Saturday')")
    assert form.locator(".foam-preview-error").count() == 0


@once
def test_words_of_a_form_are_never_markup(form):
    form.fill("input[name=timezone]", "<img src=x onerror=alert(1)>")
    form.wait_for_selector(".field-timezone .foam-preview-error:has-text('<img')")
    assert form.locator(".foam-preview-error img").count() == 0


@once
def test_saved_reminder_shows_the_same(staff_page, make_reminder):  # noqa: F811
    reminder = make_reminder(
        starts_at=datetime(2090, 3, 25, 2, 30), timezone="Europe/Berlin", recurrence="FREQ=DAILY"
    )
    staff_page.goto(f"/admin/reminders/reminder/{reminder.pk}/change/")
    assert "moved to 03:30" in shown(staff_page)
    staff_page.fill("input[name=recurrence]", "FREQ=YEARLY")
    staff_page.wait_for_selector(".foam-preview:has-text('every year on 25 March')")


@once
def test_sign_out_meanwhile_is_told(form):
    form.context.clear_cookies()
    form.fill("input[name=recurrence]", "FREQ=WEEKLY")
    form.wait_for_selector(".foam-preview:has-text('cannot be shown just now')")


def test_words_of_the_next_message_are_shown_while_they_are_typed(form):
    form.fill("input[name=title]", "Dose {number}, due {lead}")
    form.wait_for_selector(".foam-preview-said:has-text('Dose 1, due now')")
    form.fill("input[name=title]", "Dose {dose}")
    form.wait_for_selector(".field-title .foam-preview-error:has-text('{dose}')")
    assert shown(form) == "For a preview, fill in or correct: title."
    assert fits(form)
