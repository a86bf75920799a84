"""Bulk actions of staff on reminders; each action asks for confirmation."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action

from accounts.admin import bulk_actions
from accounts.admin.confirmation import CONFIRMED, confirmed, page
from accounts.admin.pause_form import UntilForm
from reminders.actions import bulk
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
    """Return the effect of firing the reminders: numbers of messages and people."""
    existing = reminders.order_by().filter(deleted_at=None)
    links = Reminder.channels.through.objects.filter(reminder__in=existing.values("pk"))
    count, people = links.count(), existing.values("owner").distinct().count()
    return (
        f"Sends {count:,} message{'' if count == 1 else 's'} at once, to "
        f"{people:,} {'person' if people == 1 else 'people'}. The schedules do not move. "
        "A message that is sent cannot be taken back."
    )


class ReminderActions:
    """The bulk actions; each follows the rules of the API."""

    actions: tuple[str, ...] = ("pause", "resume", "skip_next", "fire_now", "close", "restore")

    @admin.action(description="Pause selected reminders…", permissions=["change"])
    @confirmed("Pause", PAUSES, form=UntilForm)
    def pause(
        self, request: HttpRequest, reminders: QuerySet[Reminder], form_data: dict[str, Any]
    ) -> HttpResponse | None:
        return self._run(request, reminders, bulk.pause, "Paused", form_data["until"])

    @admin.action(description="Resume selected reminders…", permissions=["change"])
    @confirmed("Resume", RESUMES)
    def resume(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        return self._run(request, reminders, bulk.resume, "Resumed")

    @admin.action(description="Skip next of selected reminders…", permissions=["change"])
    @confirmed("Skip the next of", SKIPS)
    def skip_next(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        return self._run(request, reminders, bulk.skip_next, "Skipped the next of")

    @admin.action(description="Fire selected reminders now…", permissions=["change"])
    @confirmed("Fire", fires, is_final=True)
    def fire_now(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        return self._run(request, reminders, bulk.trigger, "Fired")

    @admin.action(description="Delete selected reminders…", permissions=["change"])
    @confirmed("Delete", DELETES, is_final=True)
    def close(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        return self._run(request, reminders, bulk.close, "Deleted")

    def has_restore_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether the page offers to restore: if the reminder is deleted."""
        reminder = self.get_object(request, object_id)  # type: ignore[attr-defined]
        is_deleted = reminder is not None and reminder.deleted_at is not None
        return is_deleted and self.has_change_permission(request)  # type: ignore[attr-defined]

    @action(description="Restore…", url_path="restore", permissions=["restore"])
    def restore_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Restore a reminder from its page; ask first."""
        reminder: Any = self.get_object(request, object_id)  # type: ignore[attr-defined]
        page_url = reverse("admin:reminders_reminder_change", args=[object_id])
        if CONFIRMED not in request.POST:
            return page(
                request,
                self,
                title="Restore this reminder?",
                verb="Restore",
                effect=RESTORES,
                rows=[reminder],
                cancel_url=page_url,
            )
        try:
            reminder.restore(timezone.now())
            self.message_user(request, f"“{reminder}” is restored.")  # type: ignore[attr-defined]
        except ValidationError as refusal:
            text = " ".join(refusal.messages)
            self.message_user(request, f"Not restored: {text}", messages.ERROR)  # type: ignore[attr-defined]
        return redirect(page_url)

    @admin.action(description="Restore selected reminders…", permissions=["change"])
    @confirmed("Restore", RESTORES)
    def restore(self, request: HttpRequest, reminders: QuerySet[Reminder]) -> HttpResponse | None:
        return self._run(request, reminders, bulk.restore, "Restored")

    def _run(
        self,
        request: HttpRequest,
        reminders: QuerySet[Reminder],
        act: Callable[..., Any],
        verb: str,
        *arguments: Any,
    ) -> HttpResponse | None:
        """Apply a function of `bulk` to the reminders, with `arguments` after the time."""
        now = timezone.now()
        return bulk_actions.run_on_many(
            request, self, reminders, lambda ids: act(ids, now, *arguments), verb
        )
