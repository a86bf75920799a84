"""Tables of reminders and their occurrences."""

from reminders.models.backlog import Backlog
from reminders.models.change import Change
from reminders.models.heartbeat import Heartbeat
from reminders.models.occurrence import Occurrence
from reminders.models.plan import Plan
from reminders.models.reminder import Reminder
from reminders.models.response import Response
from reminders.models.revision import Revision
from reminders.models.tally import OccurrenceTally

__all__ = [
    "Backlog",
    "Change",
    "Heartbeat",
    "Occurrence",
    "OccurrenceTally",
    "Plan",
    "Reminder",
    "Response",
    "Revision",
]
