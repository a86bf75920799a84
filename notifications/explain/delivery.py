"""The steps of an explanation: a delivery, its attempts, and the reason why it waits."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.models import Pause
from notifications.explain.causes import cause_of
from notifications.models import Attempt, Delivery
from notifications.models.channel import FOREVER
from notifications.retry import MAX_ATTEMPTS


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chain of causes.

    `what` is a word for programs, `text` a sentence for people; `at` is the instant of the step, in
    UTC. The parent of a step is the last one before it with a smaller `depth`. `url` is the admin
    page of its subject.
    """

    what: str
    depth: int
    text: str
    at: datetime | None = None
    data: dict[str, Any] = field(default_factory=dict)
    url: str = ""


# The meaning of each status; the delivery's reason follows it.
DELIVERY: dict[str, str] = {
    Delivery.Status.QUEUED: "not sent yet",
    Delivery.Status.SENDING: "being sent",
    Delivery.Status.SENT: "the receiver accepted it",
    Delivery.Status.DEAD: "given up; it can be retried by hand",
    Delivery.Status.CANCELLED: "cancelled",
    Delivery.Status.COLLECTED: "it went into a digest",
}
DIGEST: dict[str, str] = {
    Delivery.Status.QUEUED: "which has not been sent yet",
    Delivery.Status.SENDING: "which is being sent",
    Delivery.Status.SENT: "which was sent",
    Delivery.Status.DEAD: "which was given up",
    Delivery.Status.CANCELLED: "which was cancelled",
}
HELD: dict[str, str] = {
    Delivery.Held.QUIET: "held by quiet hours",
    Delivery.Held.DIGEST: "held for a digest",
    Delivery.Held.FLOOD: "held by the flood guard",
    Delivery.Held.PAUSED: "it waited for the end of its channel's pause",
    Delivery.Held.ALONE: "it waited for others, and went out as itself, as there were none",
}
ATTEMPT: dict[str, str] = {
    Attempt.Outcome.SENT: "the receiver accepted it",
    Attempt.Outcome.TRANSIENT: "failed, and may work later",
    Attempt.Outcome.PERMANENT: "failed, and would fail again",
    Attempt.Outcome.UNCERTAIN: "it is not known whether it arrived; if it is sent again, under the "
    "same id",
}


# The pause that stops an owner's messages, by instant: one cache for deliveries read together.
PausesByInstant = dict[datetime, Pause | None]
PAUSES_ATTRIBUTE = "_pauses"


def deliveries_of(owner_id: int, causes: Iterable[str]) -> list[Delivery]:
    """Return the deliveries of causes and of what followed, oldest first.

    Their channels, attempts and digests are read with them.
    """
    deliveries = list(
        Delivery.objects.of(*causes)
        .filter(channel__owner=owner_id)
        .select_related("channel", "digest__channel")
        .prefetch_related("attempts", "digest__attempts")
        .order_by("id")
    )
    pauses: PausesByInstant = {}
    for delivery in deliveries:
        setattr(delivery, PAUSES_ATTRIBUTE, pauses)
    return deliveries


def story_of(delivery: Delivery, now: datetime) -> Iterator[Step]:
    """Yield the steps of one delivery: its cause, its posting, and its course up to now."""
    cause = cause_of(delivery.reference)
    yield Step("cause", 0, cause.text, cause.at, {"reference": delivery.reference}, cause.url)
    urgent = ", urgent: nothing holds it back" if delivery.urgent else ""
    yield Step("posted", 1, f"queued{urgent}", delivery.created_at)
    yield from steps_of(delivery, now, 1)


def steps_of(delivery: Delivery, now: datetime, depth: int) -> Iterator[Step]:
    """Yield the steps of a delivery read by `deliveries_of`: its status, digest and attempts.

    A channel is shown by kind and name, as its address may contain a secret.
    """
    yield Step(
        "delivery",
        depth,
        " · ".join(_delivery(delivery)),
        delivery.finished_at or delivery.created_at,
        {
            "id": delivery.pk,
            "channel": delivery.channel_id,
            "kind": delivery.channel.kind,
            "status": delivery.status,
            "reason": delivery.reason,
            "held": delivery.held,
            "digest": delivery.digest_id,
            "message_id": delivery.message_id,
        },
    )
    if delivery.digest:
        yield from steps_of(delivery.digest, now, depth + 1)
    for attempt in delivery.attempts.all():
        data = _attempt_data(attempt)
        yield Step("attempt", depth + 1, _attempt(attempt), attempt.ended_at, data)
    if delivery.next_attempt_at is not None:
        at = delivery.leased_until or delivery.next_attempt_at
        then = at if at < FOREVER else None
        yield Step("next", depth + 1, waits_for(delivery, now), then)


def _delivery(delivery: Delivery) -> Iterator[str]:
    yield f"to {delivery.channel}"
    if delivery.status == Delivery.Status.COLLECTED:
        yield in_digest(delivery)
    else:
        yield DELIVERY.get(delivery.status, delivery.status)
        if delivery.held and delivery.next_attempt_at is None:
            yield HELD.get(delivery.held, delivery.held)
    if delivery.reason:
        yield delivery.reason
    if delivery.channel.disabled_at and delivery.status == Delivery.Status.DEAD:
        yield "the channel is disabled now"
    if delivery.max_attempts > MAX_ATTEMPTS:
        yield "it was retried by hand"


def in_digest(delivery: Delivery) -> str:
    """Return the sentence about the digest of a collected delivery, and its status."""
    digest = delivery.digest
    if digest is None:
        return "in a digest that is not there"
    held = "by the flood guard, " if delivery.held == Delivery.Held.FLOOD else ""
    return f"{held}in digest {digest.pk}, {DIGEST.get(digest.status, digest.status)}"


def outcome_of(delivery: Delivery, now: datetime, format_instant: Callable[[datetime], str]) -> str:
    """Return in a line why a delivery ended or what it waits for; empty if it was sent."""
    if at := delivery.leased_until or delivery.next_attempt_at:
        return waits_for(delivery, now, f"at {format_instant(at)}")
    return in_digest(delivery) if delivery.status == Delivery.Status.COLLECTED else delivery.reason


def _attempt(attempt: Attempt) -> str:
    meaning = ATTEMPT.get(attempt.outcome, attempt.outcome)
    text = f"attempt {attempt.number}: {meaning}"
    if attempt.latency is not None:
        text += f", after {attempt.latency.total_seconds():.2f} s"
    return f"{text} · {attempt.detail}" if attempt.detail else text


def _attempt_data(attempt: Attempt) -> dict[str, Any]:
    latency = attempt.latency
    return {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "detail": attempt.detail,
        "latency_ms": None if latency is None else round(latency.total_seconds() * 1000, 1),
    }


def waits_for(delivery: Delivery, now: datetime, then: str = "then") -> str:
    """Return what an unfinished delivery waits for; `then` is the text of its next instant."""
    channel, next_attempt_at = delivery.channel, delivery.next_attempt_at
    assert next_attempt_at is not None  # noqa: S101  for the type checker
    if delivery.leased_until is not None:
        number, is_alive = delivery.attempt, delivery.leased_until > now
        ahead = f"attempt {number} is under way: its worker's lease runs out {then}"
        return ahead if is_alive else f"the worker of attempt {number} is lost: another takes over"
    if reason := _stop_reason(delivery, now):
        return reason
    if delivery.held and next_attempt_at > now:
        return f"{_held(delivery)} {then}"
    if channel.is_held(now):
        return f"the channel is left alone ({channel.held_reason}): it is tried again {then}"
    if next_attempt_at <= now:
        return "its time has come, and no worker has taken it yet: is the worker running?"
    number = max((attempt.number for attempt in delivery.attempts.all()), default=0)
    failure = f"attempt {number} failed; attempt {number + 1} follows {then}"
    return failure if number else f"the first attempt is {then}"


def _stop_reason(delivery: Delivery, now: datetime) -> str:
    """Return why nothing is sent to the delivery's channel at present; empty if messages are."""
    channel, next_attempt_at = delivery.channel, delivery.next_attempt_at
    if reason := channel.transport.unavailable():
        return f"this kind of channel is not set up on this server: {reason}"
    if channel.is_paused(now):
        return f"its channel is {channel.pause_text()}"
    is_due = next_attempt_at is not None and next_attempt_at <= now
    pause = _pause(delivery, now)
    is_stopped = pause is not None and (is_due or pause.scope == Pause.Scope.ACCOUNT)
    return pause.sentence("UTC") if pause and is_stopped else ""


def _pause(delivery: Delivery, now: datetime) -> Pause | None:
    pauses: PausesByInstant = delivery.__dict__.setdefault(PAUSES_ATTRIBUTE, {})
    if now not in pauses:
        pauses[now] = Pause.objects.stopping(delivery.channel.owner_id, now)
    return pauses[now]


def _held(delivery: Delivery) -> str:
    """Return the rule that holds a delivery, as the beginning of a sentence."""
    if delivery.held == Delivery.Held.DIGEST:
        return "held for the digest that goes out"
    if delivery.held == Delivery.Held.FLOOD:
        limit = delivery.channel.limit
        beyond = f": more than {limit} within the hour" if limit else ""
        return f"held by the flood guard{beyond}; a digest goes out"
    attempt = "the next attempt is" if delivery.attempt else "the first attempt is"
    if delivery.held == Delivery.Held.PAUSED:
        return f"held by a pause of its channel: {attempt}"
    return f"held by quiet hours: {attempt}"
