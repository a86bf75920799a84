"""Verdicts on a fire, and a text for every state that a part of it can be in."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from accounts.audit.actor import Source
from notifications.explain.delivery import Step, waits_for
from notifications.models import Attempt, Delivery
from notifications.outbox import digest
from reminders.actions.responses import ACKNOWLEDGED, SNOOZED
from reminders.engine.follow_ups import ESCALATE, NAG, SNOOZE
from reminders.models import Change, Occurrence, Reminder
from reminders.schedule.message import LATE, format_duration
from reminders.schedule.misfire import Missed


class Verdict(StrEnum):
    """The verdicts, the worst first: of several that one is the answer."""

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
FACE: dict[str, str] = {
    Source.API: "through the API",
    Source.ADMIN: "in the admin",
    Source.LINK: "with a link",
    Source.COMMAND: "by a command",
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
# What a delivery of each status has come to; all others wait.
STATES: dict[str, str] = {
    Delivery.Status.SENT: "accepted",
    Delivery.Status.DEAD: "ended",
    Delivery.Status.CANCELLED: "ended",
    Delivery.Status.COLLECTED: "lost",
}


@dataclass(frozen=True, slots=True)
class FireVerdict:
    """The verdict on one fire; `reason` goes on after its `name`, where it has one."""

    verdict: Verdict
    name: str
    reason: str
    steps: list[Step] = field(default_factory=list)

    def __str__(self) -> str:
        end = "" if self.reason.endswith("?") else "."
        return f"{self.name}: {self.reason}{end}" if self.name else f"{self.reason}{end}"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=list(Verdict).index)


def summary(verdicts: Sequence[FireVerdict]) -> str:
    """Return a sentence for each verdict, the worst first; of many only that and how many."""
    ranked = sorted(verdicts, key=lambda one: list(Verdict).index(one.verdict))
    if len(ranked) <= 3:
        return " ".join(map(str, ranked))
    counts = Counter(one.verdict.replace("_", " ") for one in ranked)
    texts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"{ranked[0]} In all: {texts}."


def fired(late: timedelta, cause: str) -> str:
    """Say how late something fired; `cause` is the text of what delayed it for long."""
    if late < timedelta(seconds=1):
        return "it fired on time"
    if late < LATE:
        return f"it fired {late.total_seconds():.0f} s late"
    return f"it fired {format_duration(late)} late, for {cause}"


def missed(occurrence: Occurrence, late: timedelta, cause: str) -> str:
    """Say why something did not fire: what its reason means, and why FOAM was late for it."""
    meaning = MISSED.get(occurrence.reason.partition(":")[0])
    text = meaning.format(late=format_duration(late)) if meaning else occurrence.reason.rstrip(".")
    return f"it was missed: {text}; {cause}" if late >= LATE else f"it was missed: {text}"


def delivered(deliveries: Sequence[Delivery], now: datetime) -> tuple[Verdict, str]:
    """Say who got a message that fired, who did not, and who may yet.

    A collected delivery is judged by its digest.
    """
    if not deliveries:
        return Verdict.UNDELIVERED, "no message to any channel is recorded"
    answered = [delivery for delivery in deliveries if delivery.reason in {ACKNOWLEDGED, SNOOZED}]
    pending = [delivery for delivery in deliveries if delivery not in answered]
    by_state: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in (delivery.digest or delivery for delivery in pending):
        by_state[STATES.get(delivery.status, "waiting")].append(delivery)
    # Those whose digest is not there are lost: the ledger tells of them as well.
    texts = [f"it is not known whether it reached {d.channel}" for d in by_state["lost"]]
    texts += [
        f"{_not_reached(d)} {_where(d)} ({d.status}: {d.reason.rstrip('.')})"
        for d in by_state["ended"]
    ]
    texts += [
        f"{_where(d)} has not accepted it yet ({_waits_for(d, now)})" for d in by_state["waiting"]
    ]
    if accepted := by_state["accepted"]:
        texts.append(f"accepted by {', '.join(map(_where, accepted))}")
    if answered:
        texts.append(f"no longer sent to {', '.join(str(d.channel) for d in answered)}")
    if by_state["ended"] or by_state["lost"]:
        return Verdict.UNDELIVERED, "; ".join(texts)
    return Verdict.ON_ITS_WAY if by_state["waiting"] else Verdict.SENT, "; ".join(texts)


def _where(delivery: Delivery) -> str:
    is_digest = delivery.reference.startswith(digest.REFERENCE)
    return f"{delivery.channel} (in digest {delivery.pk})" if is_digest else str(delivery.channel)


def _not_reached(delivery: Delivery) -> str:
    outcomes = {attempt.outcome for attempt in delivery.attempts.all()}
    may_have = Attempt.Outcome.UNCERTAIN in outcomes
    return "it may not have reached" if may_have else "it did not reach"


def _waits_for(delivery: Delivery, now: datetime) -> str:
    until = delivery.leased_until or delivery.next_attempt_at
    return waits_for(delivery, now, f"in {format_duration(until - now)}" if until else "")
