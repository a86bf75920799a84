from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import pause_page, report
from reminders import firing, loop
from reminders.admin.by import by
from reminders.models import Reminder


class ReminderActions:
    """What staff do to many reminders at once, each by the function of the API."""

    actions: tuple[str, ...] = ("pause", "resume", "skip_next", "fire_now", "close")

    @admin.action(description="Pause selected reminders…", permissions=["change"])
    def pause(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        asked = pause_page.ask(request, self, reminders)
        if isinstance(asked, HttpResponse):
            return asked
        now, until = timezone.now(), asked.cleaned_data["until"]

        def act(reminder: Reminder) -> str | None:
            before = reminder.status, reminder.paused_until
            reminder.pause(now, until)
            if reminder.status != Reminder.Status.PAUSED:
                return _state(reminder)
            is_same = before == (reminder.status, reminder.paused_until)
            return "it was paused before" if is_same else None

        report.run(request, self, reminders, act, "Paused")
        return None

    @admin.action(description="Resume selected reminders", permissions=["change"])
    def resume(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> None:
        now = timezone.now()

        def act(reminder: Reminder) -> str | None:
            if reminder.status != Reminder.Status.PAUSED:
                return f"{_state(reminder)}, not paused"
            reminder.resume(now)
            return None

        report.run(request, self, reminders, act, "Resumed")

    @admin.action(description="Skip next of selected reminders", permissions=["change"])
    def skip_next(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> None:
        now, whom = timezone.now(), by(request)

        def act(reminder: Reminder) -> str | None:
            skipped = loop.skip_next(reminder, now, whom)
            return None if skipped else f"{_state(reminder)} and has no next one"

        report.run(request, self, reminders, act, "Skipped the next of")

    @admin.action(description="Fire selected reminders now", permissions=["change"])
    def fire_now(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> None:
        now = timezone.now()

        def act(reminder: Reminder) -> str | None:
            if reminder.deleted_at is not None:
                return "it is deleted"
            firing.trigger(reminder, now)
            return None

        report.run(request, self, reminders, act, "Fired")

    @admin.action(description="Delete selected reminders", permissions=["change"])
    def close(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> None:
        now = timezone.now()

        def act(reminder: Reminder) -> str | None:
            if reminder.deleted_at is not None:
                return "it was deleted before"
            reminder.close(now)
            return None

        report.run(request, self, reminders, act, "Deleted")


def _state(reminder: Any) -> str:
    return f"it is {'deleted' if reminder.deleted_at else reminder.status}"
