"""The number of due instants that have fired, for the placeholder `{number}`. Pure."""

from datetime import datetime
from typing import NamedTuple, Self

from reminders.recurrence import Schedule

# An instant that more than this many later ones have overtaken has no number.
MAX_OVERTAKEN = 1000


class Count(NamedTuple):
    """The number of due instants that have fired, and the newest of them.

    All leads of a due instant count once.
    """

    fired: int = 0
    newest: datetime | None = None

    def including(self, due_at: datetime) -> Self:
        if self.newest is not None and due_at <= self.newest:
            return self
        return type(self)(self.fired + 1, due_at)

    def number(self, due_at: datetime, schedule: Schedule) -> str:
        """Return the number of `due_at` among the counted instants, or `?`.

        It is not the newest if a later instant with a longer lead has fired before it. `?` stands
        for an instant that more than MAX_OVERTAKEN have overtaken in this way.
        """
        at: datetime | None = due_at
        for later in range(MAX_OVERTAKEN):
            if at is None or self.newest is None or at >= self.newest:
                return str(max(1, self.fired - later))
            at = schedule.after(at)
        return "?"
