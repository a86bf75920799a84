"""History, import and beat's rows in a real browser, at desktop and phone width."""

from django_celery_beat.models import PeriodicTask

from foam.tests.pages.test_pages import browser, fits, page, pytestmark, staff_page  # noqa: F401
from reminders.models import Reminder


def test_staff_import_a_file_and_see_who_did_what(staff_page, user, tmp_path, beat_rows):  # noqa: F811
    path = tmp_path / "mine.crontab"
    path.write_text("# Back up <b>all</b>\n0 3 * * * backup\n@reboot warm-up\n")
    staff_page.goto("/admin/reminders/reminder/import/")
    staff_page.click(".select2-selection")
    staff_page.fill(".select2-search__field", "ada")
    staff_page.click(".select2-results__option:has-text('ada')")
    staff_page.set_input_files("input[type=file]", path)
    staff_page.click("button[name=try]")
    staff_page.wait_for_selector("text=An import would do this: 1 created")
    assert not Reminder.objects.exists()
    assert fits(staff_page)
    # The file is still chosen.
    staff_page.click("button[name=take]")
    staff_page.wait_for_selector("text=Done: 1 created")
    reminder = Reminder.objects.get()
    reminder.title = "x" * 200
    reminder.store(reminder.created_at)
    staff_page.goto(f"/admin/reminders/reminder/{reminder.pk}/history/")
    assert "grace by an import" in staff_page.locator(".foam-history").inner_text()
    assert fits(staff_page)
    tick = PeriodicTask.objects.get(name="tick")
    staff_page.goto(f"/admin/django_celery_beat/periodictask/{tick.pk}/change/")
    assert staff_page.locator("input[name=name]").is_disabled()
    assert fits(staff_page)
