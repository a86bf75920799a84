"""The recurrence engine: pure, no database, no clock. See Schedule."""

from .clock_changes import ClockChange
from .errors import RecurrenceError
from .grammar import canonical
from .lead import ON_TIME, Lead
from .schedule import Fire, Schedule
from .wall_clock import Fold, Gap, local_time, to_utc, zone

__all__ = [
    "ON_TIME",
    "ClockChange",
    "Fire",
    "Fold",
    "Gap",
    "Lead",
    "RecurrenceError",
    "Schedule",
    "canonical",
    "local_time",
    "to_utc",
    "zone",
]
