"""Opening a backlog, and deciding about it: what the tick, the admin and the command call."""

import logging
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import SYSTEM_USER_ID
from reminders.models import Backlog, Reminder
from reminders.models.backlog import BURST, LATE
from reminders.models.response import Actor

log = logging.getLogger(__name__)

HIGHEST_RATE = 1_000_000
NOTHING = "No reminder is late: there is nothing to decide."
CHANGED = "This is about another backlog than the one that is open now: look again."


def notice(now: datetime, fewest: int) -> Backlog | None:
    """Open a backlog, or add to the open one, if at least so many are late; return the open one.

    Called by the first tick after an outage, before it fires anything.
    """
    allowed = settings.FOAM_BACKLOG_HOLD_OVER
    holds = bool(allowed) and _count(now, allowed + 1) > allowed
    if holds or _count(now, fewest) == fewest:
        decision = Backlog.Decision.HOLD if holds else Backlog.Decision.RELEASE
        with transaction.atomic():
            found = _open(now, decision, settings.FOAM_BACKLOG_RATE)
            if found.takes_more:
                _take_in(found, now)
    return Backlog.objects.open().first()


def decide(
    decision: str, now: datetime, by: Actor, rate: int | None = None, seen: int | None = None
) -> Backlog:
    """Decide what becomes of the open backlog; where none is open, of what is late at `now`.

    `rate` is in reminders a second, 0 any; left out it stays as it is. `seen` is the id of the one
    that whoever decides has looked at, 0 where none was open; another one is left alone. Waits for
    the batch that a tick is firing: what comes after follows this decision. Raises ValidationError.
    """
    if decision not in Backlog.Decision.values:
        raise ValidationError({"decision": f"must be one of {', '.join(Backlog.Decision.values)}."})
    if rate is not None and not 0 <= rate <= HIGHEST_RATE:
        raise ValidationError({"rate": f"must be a whole number from 0 to {HIGHEST_RATE}."})
    with transaction.atomic():
        found = Backlog.objects.locked()
        if seen is not None and seen != (found.pk if found else 0):
            raise ValidationError(CHANGED)
        if found is None:
            if not _count(now, 1):
                raise ValidationError(NOTHING)
            found = _open(now, Backlog.Decision.HOLD, settings.FOAM_BACKLOG_RATE)
            _take_in(found, now)
        found.decision, found.decided_at = decision, now
        found.face, found.decided_by_id = by.source, by.user_id
        found.rate = found.rate if rate is None else rate
        found.save(update_fields=["decision", "decided_at", "face", "decided_by", "rate"])
    log.warning("backlog decided id=%d decision=%s rate=%d", found.pk, decision, found.rate)
    return found


def count_left(backlog: Backlog) -> int:
    """Return how many of it have not had their turn."""
    return Reminder.objects.due(backlog.due_before).exclude_system().count()


def _count(now: datetime, limit: int) -> int:
    """Return how many are late, up to `limit`."""
    late = Reminder.objects.due(now - LATE).exclude_system().order_by("next_fire_at")
    return late[:limit].count()


def _open(now: datetime, decision: str, rate: int) -> Backlog:
    """Open one; whoever does so at the same moment is waited for, and theirs is returned."""
    opened = Backlog(
        opened_at=now,
        due_before=now - LATE,
        decision=decision,
        rate=rate,
        decided_at=now,
        paced_at=now - BURST,
    )
    Backlog.objects.bulk_create([opened], ignore_conflicts=True)
    found = Backlog.objects.locked()
    assert found is not None
    return found


def _take_in(backlog: Backlog, now: datetime) -> None:
    """Let it have all that is late at `now`; the canary is no part of it, and goes on."""
    backlog.due_before = max(backlog.due_before, now - LATE)
    backlog.save(update_fields=["due_before"])
    canary = Reminder.objects.due(backlog.due_before).filter(pk=SYSTEM_USER_ID)
    canary.update(next_fire_at=now)
