"""What staff do to many reminders at once; each action asks first."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import report
from accounts.confirmation import confirmed
from accounts.until_form import UntilForm
from reminders import selection
from reminders.admin.by import by
from reminders.models import Reminder

PAUSES = "They fire nothing until then. What has fired already is not repeated meanwhile."
RESUMES = "Each goes on with its next time from now. What fell into the pause is not sent."
SKIPS = "The next time of each passes without a message. The one after it is sent as planned."
DELETES = (
    "They fire nothing more, and messages that wait are cancelled. Staff can restore them: the "
    "filter “Deleted” shows them."
)
RESTORES = (
    "Each goes on with its next time from now. What was due while it was deleted is not sent. "
    "One whose account is closed stays deleted."
)


def fires(reminders: QuerySet[Reminder]) -> str:
    """Say how many messages go to how many people when these reminders fire."""
    kept = reminders.order_by().filter(deleted_at=None)
    links = Reminder.channels.through.objects.filter(reminder__in=kept.values("pk"))
    messages, people = links.count(), kept.values("owner").distinct().count()
    return (
        f"Sends {messages:,} message{'' if messages == 1 else 's'} at once, to "
        f"{people:,} {'person' if people == 1 else 'people'}. The schedules do not move. "
        "A message that is sent cannot be taken back."
    )


class ReminderActions:
    """What staff do to many reminders at once, each by the rule of the API."""

    actions: tuple[str, ...] = ("pause", "resume", "skip_next", "fire_now", "close", "restore")

    @admin.action(description="Pause selected reminders…", permissions=["change"])
    @confirmed("Pause", PAUSES, form=UntilForm)
    def pause(
        self, request: HttpRequest, reminders: QuerySet[Reminder], asked: dict[str, Any]
    ) -> HttpResponse | None:
        now, until = timezone.now(), asked["until"]
        return report.run_on_many(
            request, self, reminders, lambda ids: selection.pause(ids, now, until), "Paused"
        )

    @admin.action(description="Resume selected reminders…", permissions=["change"])
    @confirmed("Resume", RESUMES)
    def resume(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        now = timezone.now()
        return report.run_on_many(
            request, self, reminders, lambda ids: selection.resume(ids, now), "Resumed"
        )

    @admin.action(description="Skip next of selected reminders…", permissions=["change"])
    @confirmed("Skip the next of", SKIPS)
    def skip_next(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        now, staff = timezone.now(), by(request)
        return report.run_on_many(
            request,
            self,
            reminders,
            lambda ids: selection.skip_next(ids, now, staff),
            "Skipped the next of",
        )

    @admin.action(description="Fire selected reminders now…", permissions=["change"])
    @confirmed("Fire", fires, is_final=True)
    def fire_now(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        now = timezone.now()
        return report.run_on_many(
            request, self, reminders, lambda ids: selection.trigger(ids, now), "Fired"
        )

    @admin.action(description="Delete selected reminders…", permissions=["change"])
    @confirmed("Delete", DELETES, is_final=True)
    def close(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        now = timezone.now()
        return report.run_on_many(
            request, self, reminders, lambda ids: selection.close(ids, now), "Deleted"
        )

    @admin.action(description="Restore selected reminders…", permissions=["change"])
    @confirmed("Restore", RESTORES)
    def restore(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        now = timezone.now()
        return report.run_on_many(
            request, self, reminders, lambda ids: selection.restore(ids, now), "Restored"
        )
