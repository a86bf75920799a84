"""The state of an imported reminder: status, counters and skipped instants. Pure."""

from datetime import datetime
from typing import NamedTuple

from reminders.schedule.numbering import Count


class ImportedState(NamedTuple):
    """The state of a reminder in the installation that it comes from; by default a new one.

    `status` as in Reminder.Status. An active reminder continues with its first occurrence after the
    import, and is finished if it has none. A paused one is resumed at `paused_until`, if that is
    set; a paused or finished one need not have a further occurrence. `skipped` are due instants
    that will be skipped.
    """

    status: str = "active"
    fired: Count = Count()
    skipped: tuple[datetime, ...] = ()
    paused_until: datetime | None = None
