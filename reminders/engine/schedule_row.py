"""The columns of a claimed reminder's schedule, as the engine's statements select them."""

from dataclasses import dataclass
from datetime import datetime

from reminders.models.fields import leads_of_intervals
from reminders.recurrence import Lead, Schedule

# For a SELECT from reminders_reminder r, in the order of ScheduleRow.
COLUMNS = ", ".join(
    f"r.{name}::text" if name == "leads" else f"r.{name}" for name in Schedule.FIELDS
)


@dataclass(slots=True)
class ScheduleRow:
    """The COLUMNS of a reminder; a subclass adds the other columns of its statement."""

    starts_at: datetime
    timezone: str
    recurrence: str
    exdates: list[datetime]
    rdates: list[datetime]
    gap: str
    fold: str
    leads_text: str

    @property
    def leads(self) -> tuple[Lead, ...]:
        return leads_of_intervals(self.leads_text)

    @property
    def schedule(self) -> Schedule:
        return Schedule.of(self)
