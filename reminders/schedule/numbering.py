"""How many due instants of a reminder have fired: what `{number}` tells. Pure."""

from datetime import datetime
from typing import NamedTuple, Self

from reminders.recurrence import Schedule

# How far back the number of a message is looked for that later ones have overtaken.
REACH = 1000


class Count(NamedTuple):
    """So many due instants have fired, and which is the newest of them; its leads are one."""

    fired: int = 0
    newest: datetime | None = None

    def including(self, due_at: datetime) -> Self:
        if self.newest is not None and due_at <= self.newest:
            return self
        return type(self)(self.fired + 1, due_at)

    def number(self, due_at: datetime, schedule: Schedule) -> str:
        """Return which of those counted `due_at` is.

        Not the newest where the lead of a later one is longer than the time between them. One that
        more than REACH have overtaken so is `?`.
        """
        at: datetime | None = due_at
        for later in range(REACH):
            if at is None or self.newest is None or at >= self.newest:
                return str(max(1, self.fired - later))
            at = schedule.after(at)
        return "?"
