"""Closing an account: delete its reminders and erase their texts."""

from datetime import datetime

from accounts.account_data.closing import erase_log
from accounts.models import User
from reminders.models import Change, Occurrence, Plan, Reminder, Response, transitions

NAMELESS = "Erased"
# Reminders closed with a constant number of statements.
BATCH = 1000


def close_reminders(user: User, now: datetime) -> None:
    """Delete the user's reminders; keep only their occurrences and statuses, for the ledger."""
    theirs = Reminder.objects.filter(owner=user)
    # Lock first all rows that a tick could claim: ticks skip locked rows, so that nothing fires or
    # nags until the account is closed. This waits for a tick that has claimed some of them.
    locked = theirs.not_deleted().order_by("pk").locked()
    ids = [reminder.pk for reminder in locked]
    Occurrence.objects.filter(reminder__in=ids).stop_follow_ups()
    for begin in range(0, len(ids), BATCH):
        batch = theirs.filter(pk__in=ids[begin : begin + BATCH]).order_by("pk")
        transitions.close(list(batch), now)
    ids = list(theirs.exclude(title=NAMELESS).values_list("pk", flat=True))
    theirs.filter(pk__in=ids).update(title=NAMELESS, body="", tags=[], external_id=None)
    Plan.objects.filter(pk__in=ids).exclude(error="").update(error="")
    changes = Change.objects.filter(reminder__in=ids)
    changes.exclude(detail="", diff__isnull=True).update(detail="", diff=None)
    fired = Occurrence.objects.filter(reminder__in=ids)
    Response.objects.filter(occurrence__in=fired).exclude(detail="").update(detail="")
    erase_log(Reminder, ids)
    erase_log(Occurrence, fired.values_list("pk", flat=True))
