"""What of an account that is closed is here: its reminders end, and what they said is erased."""

from datetime import datetime

from accounts.account_data.closing import erase_log
from accounts.models import User
from reminders.models import Change, Occurrence, Reminder, Response, transitions

NAMELESS = "Erased"
# So many are closed with a constant number of statements.
BATCH = 1000


def close_reminders(user: User, now: datetime) -> None:
    """Fire nothing more, and keep of each reminder only when it was due and what became of that."""
    theirs = Reminder.objects.filter(owner=user)
    # First all that a tick could take up: it passes locked rows by, so that nothing fires or nags
    # until the account is closed. A tick that has them is waited for.
    locked = theirs.kept().order_by("pk").select_for_update(no_key=True)
    ids = list(locked.values_list("pk", flat=True))
    Occurrence.objects.filter(reminder__in=ids).rest()
    for begin in range(0, len(ids), BATCH):
        batch = theirs.filter(pk__in=ids[begin : begin + BATCH]).order_by("pk")
        transitions.close(list(batch), now)
    ids = list(theirs.exclude(title=NAMELESS).values_list("pk", flat=True))
    theirs.filter(pk__in=ids).update(title=NAMELESS, body="", tags=[], external_id=None, error="")
    told = Change.objects.filter(reminder__in=ids)
    told.exclude(detail="", diff__isnull=True).update(detail="", diff=None)
    fired = Occurrence.objects.filter(reminder__in=ids)
    Response.objects.filter(occurrence__in=fired).exclude(detail="").update(detail="")
    erase_log(Reminder, ids)
    erase_log(Occurrence, fired.values_list("pk", flat=True))
