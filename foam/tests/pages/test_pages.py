"""The pages, in a real browser, at desktop and phone width."""

import shutil
from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from notifications.metrics import hourly, store
from reminders.models import Reminder

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
# Chromium on a machine without network: no look-ups of its own.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.django_db(transaction=True),
]


# For what does not depend on the width of the screen.
once = pytest.mark.parametrize("page", ["desktop"], indirect=True)


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with (
        pytest.MonkeyPatch.context() as patch,
        sync_api.sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser,
    ):
        # Playwright's event loop runs in this thread; Django would take our queries for its own.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield browser


@pytest.fixture(params=SIZES)
def page(browser, live_server, request):
    """A page that fails the test when it asks for anything from elsewhere, or a script breaks."""
    width, height = SIZES[request.param]
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": width, "height": height}
    )
    page = context.new_page()
    troubles = []

    def note(request):
        if not request.url.startswith((live_server.url, "data:", "blob:")):
            troubles.append(request.url)

    page.on("request", note)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    yield page
    context.close()
    assert troubles == []


def let_in(page, user, client, live_server):
    """Make a page one of somebody who has signed in."""
    client.force_login(user)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    return page


@pytest.fixture
def staff_page(page, staff, client, live_server):
    return let_in(page, staff, client, live_server)


def fits(page):
    """Whether nothing sticks out to the right."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_staff_make_a_reminder_in_the_admin(staff_page, user, woken):
    staff_page.goto("/admin/reminders/reminder/add/")
    staff_page.click(".field-owner .select2-selection")
    staff_page.fill(".select2-search__field", "ada")
    staff_page.click(".select2-results__option:has-text('ada')")
    staff_page.fill("input[name=title]", "Stand-up")
    staff_page.fill("input[name=starts_at]", "2090-01-02 18:00")
    staff_page.fill("input[name=timezone]", "Europe/Berlin")
    staff_page.fill("input[name=recurrence]", "FREQ=WEEKLY;BYDAY=MO")
    staff_page.press("input[name=recurrence]", "Enter")
    staff_page.wait_for_url("**/admin/reminders/reminder/")
    reminder = Reminder.objects.get()
    assert (reminder.title, reminder.owner.username) == ("Stand-up", "ada")
    assert "Monday 2 January 2090 at 18:00 (Europe/Berlin)" in staff_page.content()


@once
def test_error_in_the_admin_is_shown_at_its_field(staff_page, make_reminder):
    reminder = make_reminder(starts_at=datetime(2090, 1, 2, 18, 0))
    staff_page.goto(f"/admin/reminders/reminder/{reminder.pk}/change/")
    staff_page.fill("input[name=recurrence]", "FREQ=SECONDLY")
    staff_page.click("button[name=_save]")
    staff_page.wait_for_load_state()
    assert staff_page.locator(".field-recurrence").filter(has_text="SECONDLY").count()


@once
def test_staff_who_sign_in_come_to_the_admin_whose_banner_says_that_nothing_ticks(page, staff):
    page.goto("/admin/")
    page.fill("input[name=login]", "grace@example.com")
    page.fill("input[name=password]", "enigma-1843")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/admin/")
    assert page.get_by_role("alert").inner_text().startswith("Reminders are not firing.")


def test_list_in_the_admin_fits_the_screen(staff_page, make_reminder):
    make_reminder(title="A reminder with quite a long title that has to go somewhere " * 2)
    staff_page.goto("/admin/reminders/reminder/")
    assert fits(staff_page)


def test_front_page_of_the_admin_is_drawn_and_fits_the_screen(
    staff_page, make_reminder, empty_cache
):
    now, said = timezone.now(), []
    soon = (now + timedelta(minutes=90)).replace(tzinfo=None, microsecond=0)
    make_reminder(starts_at=soon, stored_at=now)
    hourly.mark(now)
    sent, failed = (
        store.ATTEMPTS.series(kind="email", outcome=each) for each in ("sent", "transient")
    )
    store.add(Counter({sent: 2_000_000, failed: 3}) + store.LATENESS.of([0.2, 3], kind="email"))
    staff_page.on("console", lambda message: said.append(message.text))
    staff_page.goto("/admin/")
    assert fits(staff_page)
    pictures = staff_page.get_by_role("img", name="Reminders due in the next 24 hours")
    assert pictures.bounding_box()["height"] > 100
    assert all(
        bar.bounding_box()["height"] >= 1
        for look in ("due", "sent", "failed", "late")
        for bar in staff_page.locator(f"rect.foam-{look}").all()
    )
    staff_page.get_by_text("As a table").first.click()
    assert staff_page.get_by_role("columnheader", name="Reminders due").is_visible()
    assert fits(staff_page)
    assert said == []


def test_trouble_of_a_channel_is_shown_whole(staff_page, channel, now):
    channel.disable("answered 410: the receiver wants no more messages. " * 4, now)
    staff_page.goto("/admin/notifications/channel/")
    cell = staff_page.locator("td.field-show_trouble", has_text="Disabled")
    assert cell.evaluate("cell => cell.scrollHeight <= cell.clientHeight")
