"""The words for what became of a fire, and for every state that a part of it can be in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from accounts.timezones import in_words
from notifications.explain.delivery import Step, waits_for
from notifications.models import Attempt, Delivery
from notifications.outbox import digest
from reminders.actions.responses import ACKNOWLEDGED, SNOOZED
from reminders.engine.follow_ups import ESCALATE, NAG, SNOOZE
from reminders.models import Backlog, Change, Occurrence, Reminder, Response
from reminders.recurrence import Fire
from reminders.schedule.message import LATE, format_duration, format_lead
from reminders.schedule.misfire import Missed


class Verdict(StrEnum):
    """What it comes to, the worst first: of several that one is the answer."""

    LOST = "lost"  # it should have fired, and nothing is recorded
    OVERDUE = "overdue"  # due, and not fired yet
    UNDELIVERED = "undelivered"  # fired, but not every channel will get it
    MISSED = "missed"  # recorded as not fired, with the reason
    SKIPPED = "skipped"  # recorded as not wanted
    PAUSED = "paused"  # it was paused then
    DELETED = "deleted"  # it was deleted before
    NOT_CREATED = "not_created"  # it was created later
    NOT_KEPT = "not_kept"  # nothing is recorded, and that day has been pruned
    ON_ITS_WAY = "on_its_way"  # fired, and not every channel has accepted it yet
    SNOOZED = "snoozed"  # fired, and is to speak again
    SENT = "sent"  # fired, and every channel has accepted it
    ACKNOWLEDGED = "acknowledged"  # fired, and somebody has said that it is done
    UPCOMING = "upcoming"  # not due yet
    FINISHED = "finished"  # it has no further occurrence
    NOT_DUE = "not_due"  # the schedule has nothing then


# What each state means; a test walks the enums, so that a new state gets its words here.
STATUS: dict[str, str] = {
    Reminder.Status.ACTIVE: "active",
    Reminder.Status.PAUSED: "paused: it fires nothing until it is resumed",
    Reminder.Status.FINISHED: "finished: it has no further occurrence",
}
OCCURRENCE: dict[str, str] = {
    Occurrence.Status.PENDING: "fired",
    Occurrence.Status.ACKNOWLEDGED: "fired",
    Occurrence.Status.SNOOZED: "fired",
    Occurrence.Status.SKIPPED: "skipped",
    Occurrence.Status.MISSED: "missed",
}
RESPONSE: dict[str, str] = {
    Response.Verb.ACKNOWLEDGED: "acknowledged",
    Response.Verb.SNOOZED: "snoozed",
    Response.Verb.SKIPPED: "skipped",
}
FACE: dict[str, str] = {
    Response.Face.API: "through the API",
    Response.Face.ADMIN: "in the admin",
    Response.Face.LINK: "with a link",
    Response.Face.COMMAND: "by a command",
}
FOLLOW_UP: dict[str, str] = {
    NAG: "nag {number}",
    SNOOZE: "said again after the snooze",
    ESCALATE: "escalated after {waited} without an answer",
}
MISSED: dict[str, str] = {
    Missed.SUPERSEDED: "FOAM came to it {late} late, and of what had come due by then only the "
    "newest fires (misfire is `latest`)",
    Missed.TOO_LATE: "FOAM came to it {late} late, which is more than the grace that it has "
    "(misfire is `none`)",
    Missed.EDITED: "its schedule was changed {late} after it was due, before a tick had fired it",
    Missed.PAUSED: "it was paused {late} after it was due, before a tick had fired it",
    Missed.DELETED: "it was deleted {late} after it was due, before a tick had fired it",
    Missed.COALESCED: "FOAM came to it {late} late, and staff had decided that of what was overdue "
    "each reminder says the newest alone",
    Missed.DROPPED: "FOAM came to it {late} late, and staff had decided that what was overdue is "
    "not sent",
    Missed.SILENCED: "all of its user, or one of its tags, was paused when FOAM came to it, {late} "
    "after it was due",
}
CHANGE: dict[str, str] = {
    Change.Verb.CREATED: "created",
    Change.Verb.EDITED: "edited",
    Change.Verb.PAUSED: "paused",
    Change.Verb.RESUMED: "resumed, to go on with the first occurrence after that",
    Change.Verb.DELETED: "deleted",
    Change.Verb.RESTORED: "restored, to go on with the first occurrence after that",
    Change.Verb.TRIGGERED: "fired at once, beside its schedule",
    Change.Verb.SET_ASIDE: "set aside, because the tick could not fire it",
    Change.Verb.REPLANNED: "planned anew by the rules of time zones",
}


# More that have their turn before are not counted.
MANY = 10_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one fire; `why` goes on after its `name`, where it has one."""

    verdict: Verdict
    name: str
    why: str
    steps: list[Step] = field(default_factory=list)

    def __str__(self) -> str:
        end = "" if self.why.endswith("?") else "."
        return f"{self.name}: {self.why}{end}" if self.name else f"{self.why}{end}"


def worst(findings: Iterable[Finding]) -> Verdict:
    return worst_of(each.verdict for each in findings)


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=list(Verdict).index)


def summary(findings: Sequence[Finding]) -> str:
    """Tell the findings in a sentence each, the worst first; of many only that and how many."""
    ranked = sorted(findings, key=lambda each: list(Verdict).index(each.verdict))
    if len(ranked) <= 3:
        return " ".join(map(str, ranked))
    rest = ", ".join(
        f"{sum(each.verdict == verdict for each in ranked)} {verdict.replace('_', ' ')}"
        for verdict in dict.fromkeys(each.verdict for each in ranked)
    )
    return f"{ranked[0]} In all: {rest}."


def name_of(fire: Fire, timezone: str) -> str:
    name = in_words(fire.due_at, timezone)
    return f"{name}, {format_lead(fire.lead)} before" if fire.lead else name


def fired(late: timedelta, set_aside: Change | None, backlog: Backlog | None = None) -> str:
    """Say how late something fired, and why."""
    if late < timedelta(seconds=1):
        return "it fired on time"
    if late < LATE:
        return f"it fired {late.total_seconds():.0f} s late"
    return f"it fired {format_duration(late)} late, for {delay(set_aside, backlog)}"


def missed(
    occurrence: Occurrence,
    late: timedelta,
    set_aside: Change | None,
    backlog: Backlog | None = None,
) -> str:
    """Say why something did not fire: what its reason means, and why FOAM was late for it."""
    meaning = MISSED.get(occurrence.reason.partition(":")[0])
    why = meaning.format(late=format_duration(late)) if meaning else occurrence.reason.rstrip(".")
    told = f"it was missed: {why}"
    return f"{told}; {delay(set_aside, backlog)}" if late >= LATE else told


def delay(set_aside: Change | None, backlog: Backlog | None = None) -> str:
    """Say what kept a tick from firing something for long."""
    if backlog is not None:
        opened = f"{backlog.opened_at:%Y-%m-%d %H:%M:%S} UTC"
        decided = f"{backlog.decided_at:%Y-%m-%d %H:%M:%S} UTC"
        return (
            "nothing was dispatched when it was due, and from then on it waited for its turn in "
            f"{backlog}, open since {opened}: {backlog.decision}, decided by {backlog.decider} "
            f"at {decided}"
        )
    if set_aside is None:
        return "nothing was dispatched when it was due: no tick ran, or it had a backlog"
    return f"it was set aside until then: {set_aside.detail}"


def its_turn(backlog: Backlog, before: int) -> str:
    """Say why something overdue has not fired; so many others have their turn before it."""
    since = f"{backlog.opened_at:%Y-%m-%d %H:%M:%S} UTC"
    if backlog.decision == Backlog.Decision.HOLD:
        waits = f"it waits in {backlog}, open since {since}, until somebody decides"
        return f"{waits}: held by {backlog.decider}"
    ahead = f"more than {MANY:,}" if before > MANY else f"{before:,}"
    return f"it waits for its turn in {backlog}, open since {since}, after {ahead}. {backlog.text}"


def delivered(deliveries: Sequence[Delivery], now: datetime) -> tuple[Verdict, str]:
    """Say who got a message that fired, who did not, and who may yet.

    One that was collected has become what its digest has.
    """
    if not deliveries:
        return Verdict.UNDELIVERED, "no message to any channel is recorded"
    by_status: dict[str, list[Delivery]] = {}
    answered = [each for each in deliveries if each.reason in {ACKNOWLEDGED, SNOOZED}]
    for each in (each.digest or each for each in deliveries if each not in answered):
        by_status.setdefault(each.status, []).append(each)
    ended = by_status.pop(Delivery.Status.DEAD, []) + by_status.pop(Delivery.Status.CANCELLED, [])
    accepted = by_status.pop(Delivery.Status.SENT, [])
    lost = by_status.pop(Delivery.Status.COLLECTED, [])
    waiting = [each for some in by_status.values() for each in some]
    # Their digest is not there: the ledger tells of it as well.
    told = [f"it is not known whether it reached {d.channel}" for d in lost]
    told += [f"{_not_reached(d)} {_where(d)} ({d.status}: {d.reason.rstrip('.')})" for d in ended]
    told += [f"{_where(d)} has not accepted it yet ({_waits_for(d, now)})" for d in waiting]
    if accepted:
        told.append(f"accepted by {', '.join(_where(d) for d in accepted)}")
    if answered:
        told.append(f"no longer sent to {', '.join(str(d.channel) for d in answered)}")
    verdict = (
        Verdict.UNDELIVERED if ended or lost else Verdict.ON_ITS_WAY if waiting else Verdict.SENT
    )
    return verdict, "; ".join(told)


def _where(delivery: Delivery) -> str:
    is_digest = delivery.reference.startswith(digest.REFERENCE)
    return f"{delivery.channel} (in digest {delivery.pk})" if is_digest else str(delivery.channel)


def _not_reached(delivery: Delivery) -> str:
    may_have = any(each.outcome == Attempt.Outcome.UNCERTAIN for each in delivery.attempts.all())
    return "it may not have reached" if may_have else "it did not reach"


def _waits_for(delivery: Delivery, now: datetime) -> str:
    until = delivery.leased_until or delivery.next_attempt_at
    then = f"in {format_duration(until - now)}" if until else ""
    return waits_for(delivery, list(delivery.attempts.all()), now, then)
