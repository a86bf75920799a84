"""The state that a reminder brings along from elsewhere. Pure."""

from datetime import datetime
from typing import NamedTuple

from reminders.schedule.numbering import Count


class Arrival(NamedTuple):
    """How a reminder was where it comes from; by default one that has not fired yet.

    `status` as in Reminder.Status. One that was active goes on with its first occurrence from now,
    and is finished when there is none; the others have no plan, and need no future. One that was
    paused goes on at `paused_until`, if there is one. The due instants of `skipped` are let pass.
    """

    status: str = "active"
    fired: Count = Count()
    skipped: tuple[datetime, ...] = ()
    paused_until: datetime | None = None
