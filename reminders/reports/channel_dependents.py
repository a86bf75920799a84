"""Reminders that lead to a channel, and those that no other channel takes messages for."""

from django.db.models import Count, Exists, OuterRef, Q

from notifications.channels.dependents import Dependents
from notifications.models import Channel
from reminders.models import Reminder


def count(channel: Channel) -> Dependents:
    """Count the reminders of a channel that may still fire."""
    usable = Channel.objects.verified().filter(deleted_at=None, disabled_at=None)
    others = Reminder.channels.through.objects.filter(
        reminder=OuterRef("pk"), channel__in=usable.exclude(pk=channel.pk)
    )
    rows = Reminder.objects.kept().exclude(status=Reminder.Status.FINISHED)
    counts = (
        rows.filter(channels=channel)
        .annotate(has_other=Exists(others))
        .aggregate(all=Count("pk"), alone=Count("pk", filter=Q(has_other=False)))
    )
    return Dependents(counts["all"], counts["alone"])
