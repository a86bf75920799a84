"""Sample data for pictures: a team's last week of channels, reminders and deliveries."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min
from django.utils import timezone

from accounts import email_verification
from accounts.models import User
from notifications.models import Channel, Delivery
from notifications.outbox.round import deliver_due
from reminders.engine import tick
from reminders.models import Occurrence, Reminder
from reminders.recurrence import ON_TIME, Lead

NAME, EMAIL, PASSWORD = "ada", "ada@example.com", "enigma-1843"
ZONE = "Europe/Berlin"
WEEK = timedelta(days=7)
# Title, days from now to the first due day, time of that day, and further fields.
SampleReminder = tuple[str, int, str, dict[str, Any]]
REMINDERS: list[SampleReminder] = [
    ("Stand-up", -6, "09:30", {"recurrence": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "tags": ["team"]}),
    ("Water the plants", -6, "08:00", {"recurrence": "FREQ=DAILY;INTERVAL=3", "tags": ["home"]}),
    ("Check the backups", -6, "02:30", {"recurrence": "30 2 * * *", "channel": "Old dashboard"}),
    (
        "Take the pill",
        -5,
        "20:00",
        {"recurrence": "FREQ=DAILY", "nag_every": timedelta(minutes=10)},
    ),
    ("Pay the rent", 8, "10:00", {"recurrence": "FREQ=MONTHLY;BYMONTHDAY=1", "tags": ["home"]}),
    (
        "Renew the certificate",
        40,
        "09:00",
        {"leads": [Lead(days=7), ON_TIME], "urgent": True},
    ),
    (
        "Retrospective",
        -3,
        "15:00",
        {"recurrence": "FREQ=WEEKLY;INTERVAL=2", "channel": "Build server"},
    ),
    ("Call Grace", 1, "17:15", {}),
]


def set_up(good: str, dead: str) -> dict[str, int]:
    """Store the data and run the week; `good` and `dead` are addresses of receivers.

    Return the ids of two reminders; the second, "troubled", does not reach all of its channels.
    """
    now = timezone.now()
    ada = User.objects.create_superuser(NAME, EMAIL, PASSWORD, first_name="Ada", timezone=ZONE)
    email_verification.mark_email_verified(ada)
    channels = {"Inbox": Channel.objects.inbox_of(ada)}
    for name, address in (("Build server", good), ("Old dashboard", dead)):
        channel = Channel(owner=ada, kind="webhook", name=name, address=address)
        channel.store()
        Channel.objects.filter(pk=channel.pk).update(verified_at=now - WEEK)
        channels[name] = channel
    reminders = [remind(ada, channels, now, sample) for sample in REMINDERS]
    live(now - WEEK, now)
    return {"reminder": reminders[0].pk, "troubled": reminders[2].pk}


def live(since: datetime, until: datetime) -> None:
    """Run the ticks and deliveries of a week."""
    at = since
    while (next_at := next_moment()) and next_at <= until:
        # A delivery held for a receiver that hung is due, but no worker takes it yet.
        at = max(next_at, at + timedelta(seconds=1))
        tick.run(at)
        deliver_due(at)


def next_moment() -> datetime | None:
    """Return the instant of the next fire, follow-up or attempt; None without any."""
    moments = [
        tick.next_fire_at(),
        Occurrence.objects.aggregate(at=Min("follow_up_at"))["at"],
        Delivery.objects.filter(status="queued").aggregate(at=Min("next_attempt_at"))["at"],
    ]
    return min((moment for moment in moments if moment), default=None)


def remind(
    owner: User, channels: dict[str, Channel], now: datetime, sample: SampleReminder
) -> Reminder:
    title, days, time, extra_fields = sample
    fields = dict(extra_fields)
    wanted_channels = [channels["Inbox"]]
    if name := fields.pop("channel", ""):
        wanted_channels.append(channels[name])
    day = (now + timedelta(days=days)).date()
    starts_at = datetime.fromisoformat(f"{day}T{time}")
    reminder = Reminder(owner=owner, title=title, timezone=ZONE, starts_at=starts_at, **fields)
    reminder.store(now - WEEK, wanted_channels)
    return reminder
