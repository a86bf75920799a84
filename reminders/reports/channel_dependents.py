"""The numbers of reminders that send to a channel, and that send to no other usable channel."""

from django.db.models import Count, Exists, OuterRef, Q

from notifications.channels.dependents import Dependents
from notifications.models import Channel
from reminders.models import Reminder


def count(channel: Channel) -> Dependents:
    """Count the reminders of a channel that may still fire."""
    usable = Channel.objects.verified().filter(deleted_at=None, disabled_at=None)
    other_channels = Reminder.channels.through.objects.filter(
        reminder=OuterRef("pk"), channel__in=usable.exclude(pk=channel.pk)
    )
    rows = Reminder.objects.not_deleted().exclude(plan__status=Reminder.Status.FINISHED)
    counts = (
        rows.filter(channels=channel)
        .annotate(has_other=Exists(other_channels))
        .aggregate(all=Count("pk"), alone=Count("pk", filter=Q(has_other=False)))
    )
    return Dependents(counts["all"], counts["alone"])
