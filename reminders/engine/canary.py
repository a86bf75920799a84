"""The canary: FOAM's own reminder, which fires each minute and sends to a null channel.

When its message is sent, reminders fire and messages go out: the canary takes the same path as
those of users.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.models import SYSTEM_USER_ID, User
from notifications.models import Channel, Delivery
from reminders.models import Plan, Reminder

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Canary:
    """The first due instant of the canary, and the newest one whose message was sent."""

    first_due_at: datetime
    arrived_due_at: datetime | None

    @classmethod
    def read(cls) -> Self | None:
        """Return the canary's state; None if there is no active canary."""
        active = Reminder.objects.filter(pk=SYSTEM_USER_ID, plan__status=Plan.Status.ACTIVE)
        starts_at = active.values_list("starts_at", flat=True).first()
        if starts_at is None:
            return None
        # In the order of the index (channel, -id). With `=`, which leaves the channel out of the
        # order, PostgreSQL may scan the deliveries of all users backwards by id instead.
        sent = Delivery.objects.filter(channel__lte=SYSTEM_USER_ID, status=Delivery.Status.SENT)
        arrived = sent.order_by("channel_id", "-id").values_list("due_at", flat=True)
        return cls(starts_at.replace(tzinfo=UTC), arrived.first())


@transaction.atomic
def plant(now: datetime) -> None:
    """Create or repair FOAM's user, channel and reminder, which is due at once."""
    user, _ = User.objects.update_or_create(
        pk=SYSTEM_USER_ID,
        defaults={
            # No form accepts such a name, so no user can have it.
            "username": "(foam)",
            "email": "canary@foam.invalid",
            "password": make_password(None),
            "is_active": False,
            "timezone": "UTC",
        },
    )
    channel, _ = Channel.objects.update_or_create(
        pk=SYSTEM_USER_ID,
        defaults={
            "owner": user,
            "kind": "null",
            "name": "Canary",
            "address": "",
            "disabled_at": None,
            "disabled_reason": "",
            "deleted_at": None,
        },
    )
    fields: dict[str, Any] = {
        "owner": user,
        "title": "Canary",
        "starts_at": now.replace(tzinfo=None, second=0, microsecond=0),
        "timezone": "UTC",
        "recurrence": "FREQ=MINUTELY",
    }
    stored = Reminder.objects.locked().filter(pk=SYSTEM_USER_ID).first()
    reminder = stored or Reminder(pk=SYSTEM_USER_ID)
    for name, value in {**fields, "deleted_at": None, "missed_count": 0}.items():
        setattr(reminder, name, value)
    reminder.plan_after(now - MINUTE)
    reminder.save()
    reminder.channels.set([channel])
