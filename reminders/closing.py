"""What of an account that is closed is here: its reminders end, and what they said is erased."""

from datetime import datetime

from accounts.closing import forget_log
from accounts.models import User
from reminders.models import Change, Occurrence, Reminder, Response

NAMELESS = "Erased"


def close_reminders(user: User, now: datetime) -> None:
    """Fire nothing more, and keep of each reminder only when it was due and what became of that."""
    theirs = Reminder.objects.filter(owner=user)
    for reminder in theirs.kept().order_by("pk"):
        reminder.close(now)
    ids = list(theirs.exclude(title=NAMELESS).values_list("pk", flat=True))
    theirs.filter(pk__in=ids).update(title=NAMELESS, body="", tags=[], external_id=None, error="")
    told = Change.objects.filter(reminder__in=ids)
    told.exclude(detail="", diff__isnull=True).update(detail="", diff=None)
    fired = Occurrence.objects.filter(reminder__in=ids)
    Response.objects.filter(occurrence__in=fired).exclude(detail="").update(detail="")
    forget_log(Reminder, ids)
    forget_log(Occurrence, fired.values_list("pk", flat=True))
