"""An occurrence and its follow-ups, as the causes of deliveries."""

from django.urls import reverse

from accounts.timezones import format_instant
from notifications.explain.causes import Cause
from reminders.explain.follow_ups import WHAT
from reminders.models import Occurrence
from reminders.models.occurrence import occurrence_id


def describe(reference: str) -> Cause | None:
    """Tell staff of which reminder a delivery is; None when its occurrence is there no longer."""
    pk = occurrence_id(reference)
    rows = Occurrence.objects.select_related("reminder")
    occurrence = None if pk is None else rows.filter(pk=pk).first()
    if occurrence is None:
        return None
    reminder = occurrence.reminder
    what = f"occurrence {occurrence.pk} of reminder {reminder.pk} “{reminder.title}”"
    due = format_instant(occurrence.due_at, reminder.clock)
    _, _, *followed = reference.split(":")
    later = f", {WHAT.get(followed[0], followed[0]).replace('_', ' ')}" if followed else ""
    return Cause(
        f"{what}, due {due}{later}",
        occurrence.due_at,
        reverse("admin:reminders_occurrence_change", args=[occurrence.pk]),
    )
