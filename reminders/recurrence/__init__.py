"""The recurrence engine: pure, no database, no clock. See Schedule."""

from .changes import ClockChange
from .errors import RecurrenceError
from .grammar import canonical
from .lead import ON_TIME, Lead
from .schedule import Fire, Schedule
from .zone import Fold, Gap, local_time, to_utc, zone

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
