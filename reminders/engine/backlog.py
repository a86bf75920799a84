"""Open a backlog and decide about it: called by the tick, the admin and the command."""

import logging
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.actor import current_actor
from accounts.models import SYSTEM_USER_ID
from reminders.models import Backlog, Plan
from reminders.models.backlog import BURST, LATE

log = logging.getLogger(__name__)

MAX_RATE = 1_000_000
NOTHING = "No reminder is late: there is nothing to decide."
OTHER_BACKLOG = "This is about another backlog than the one that is open now: look again."


def open_or_extend(now: datetime, minimum: int) -> Backlog | None:
    """Open a backlog, or extend the open one, if at least `minimum` reminders are late.

    Return the open backlog. The first tick after an outage calls this before it fires anything.
    """
    allowed = settings.FOAM_BACKLOG_HOLD_OVER
    holds = bool(allowed) and _count(now, allowed + 1) > allowed
    if holds or _count(now, minimum) == minimum:
        decision = Backlog.Decision.HOLD if holds else Backlog.Decision.RELEASE
        with transaction.atomic():
            backlog = _open(now, decision, settings.FOAM_BACKLOG_RATE)
            if backlog.takes_more:
                _add_late(backlog, now)
    return Backlog.objects.open().first()


def decide(
    decision: str, now: datetime, rate: int | None = None, expected_id: int | None = None
) -> Backlog:
    """Decide about the open backlog; if none is open, open one with what is late at `now`.

    The decision is recorded as that of the current actor. `rate` is in reminders a second, 0 for no
    limit, None to keep it. `expected_id` is the id of the backlog that staff looked at, 0 if none
    was open: no other one is decided. Waits for the batch that a tick is firing; later batches
    follow this decision. Raises ValidationError.
    """
    if decision not in Backlog.Decision.values:
        raise ValidationError({"decision": f"must be one of {', '.join(Backlog.Decision.values)}."})
    if rate is not None and not 0 <= rate <= MAX_RATE:
        raise ValidationError({"rate": f"must be a whole number from 0 to {MAX_RATE}."})
    with transaction.atomic():
        backlog = Backlog.objects.locked()
        if expected_id is not None and expected_id != (backlog.pk if backlog else 0):
            raise ValidationError(OTHER_BACKLOG)
        if backlog is None:
            if not _count(now, 1):
                raise ValidationError(NOTHING)
            backlog = _open(now, Backlog.Decision.HOLD, settings.FOAM_BACKLOG_RATE)
            _add_late(backlog, now)
        backlog.decision, backlog.decided_at = decision, now
        actor = current_actor()
        backlog.face, backlog.decided_by_id = actor.source, actor.user_id
        backlog.rate = backlog.rate if rate is None else rate
        backlog.save(update_fields=["decision", "decided_at", "face", "decided_by", "rate"])
    log.warning("backlog decided id=%d decision=%s rate=%d", backlog.pk, decision, backlog.rate)
    return backlog


def count_remaining(backlog: Backlog) -> int:
    """Return the number of reminders in the backlog that have not fired or been missed yet."""
    return Plan.objects.due(backlog.due_before).exclude_system().count()


def _count(now: datetime, limit: int) -> int:
    """Return the number of late reminders, up to `limit`."""
    late = Plan.objects.due(now - LATE).exclude_system().order_by("next_fire_at")
    return late[:limit].count()


def _open(now: datetime, decision: str, rate: int) -> Backlog:
    """Open and lock a backlog, or lock the open backlog of another tick."""
    opened = Backlog(
        opened_at=now,
        due_before=now - LATE,
        decision=decision,
        rate=rate,
        decided_at=now,
        paced_at=now - BURST,
    )
    Backlog.objects.bulk_create([opened], ignore_conflicts=True)
    backlog = Backlog.objects.locked()
    assert backlog is not None  # noqa: S101  for the type checker
    return backlog


def _add_late(backlog: Backlog, now: datetime) -> None:
    """Extend the backlog to all reminders that are late at `now`, except the canary.

    The canary is made due now: it must fire even while a backlog is held.
    """
    backlog.due_before = max(backlog.due_before, now - LATE)
    backlog.save(update_fields=["due_before"])
    canary = Plan.objects.due(backlog.due_before).filter(pk=SYSTEM_USER_ID)
    canary.update(next_fire_at=now)
