"""How things stand, in words: what is wrong first, and each figure with a link to its rows.

What is counted is counted up to CAP, by an index. The canary is in none of the figures; how it
fares is a line of its own.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any
from urllib.parse import urlencode

from django.db import Error, models
from django.db.models import Count, Q
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from accounts.models import Pause
from accounts.timezones import iso
from foam.monitoring import health
from foam.monitoring.doctor.finding import FAIL, OK
from foam.monitoring.doctor.running import TICK, look_at_beat
from foam.monitoring.metrics import CAP, bounded
from notifications.metrics import store
from notifications.metrics.hourly import Hour
from notifications.models import Channel, Delivery
from notifications.transports import Fault
from reminders.engine.tick import SET_ASIDE
from reminders.models import Backlog, Occurrence, Reminder
from reminders.schedule.message import format_duration, format_rounded

# As docs/monitoring/alerts.yml has them.
OVERDUE = timedelta(seconds=60)
WAITING = timedelta(seconds=120)
FAILING, ENOUGH = 0.5, 20
# A filter's judgement of so many mails within an hour is more than a matter of single messages.
SPAM = 20

NOT_READ = "could not be read in time"
FIRE_AND_ARRIVE = "Reminders fire and arrive."

MayView = Callable[[type[models.Model]], bool]


class Level(IntEnum):
    """How much a figure says that something is wrong; a note is a matter of single receivers."""

    WELL = 0
    NOTE = 1
    LOOK = 2
    WRONG = 3

    @property
    def word(self) -> str:
        return ("well", "for your information", "to look at", "wrong")[self]


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the list; `url` leads to the rows that it counts."""

    label: str
    text: str
    level: Level = Level.WELL
    url: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """`headline` is the answer to "is all well?"; `troubles` is what else is to be said."""

    level: Level
    headline: str
    troubles: list[str]
    figures: list[Figure]


def read(now: datetime, hours: list[Hour], may_view: MayView) -> State:
    """Return how things stand at `now`, as far as `may_view` lets the reader see the models.

    `hours` are what the meter tells; there are none where it could not be read.
    """
    ready = health.readiness(now)
    troubles, figures, is_whole = list(_troubles(ready, now)), list[Figure](), True
    for label, model, count in FIGURES:
        if not may_view(model):
            is_whole = False
            continue
        try:
            with bounded():
                figures += list(count(now, hours))
        except Error:
            figures.append(Figure(label, NOT_READ, Level.LOOK))
    told = [(each.level, f"{each.label}: {each.text}.") for each in figures]
    troubles += [(level, text) for level, text in told if level >= Level.LOOK]
    troubles.sort(key=lambda each: -each[0])
    return _sum_up(troubles, [*_alive(ready, may_view), *figures], is_whole)


def _sum_up(troubles: list[tuple[Level, str]], figures: list[Figure], is_whole: bool) -> State:
    level = max((level for level, _ in troubles), default=Level.WELL)
    sentences = [text for _, text in troubles]
    if level == Level.WRONG:
        return State(level, sentences[0], sentences[1:], figures)
    if level == Level.LOOK:
        return State(level, f"{FIRE_AND_ARRIVE} To look at:", sentences, figures)
    headline = f"All is well. {FIRE_AND_ARRIVE}" if is_whole else FIRE_AND_ARRIVE
    return State(level, headline, [], figures)


def _troubles(ready: dict[str, Any], now: datetime) -> Iterator[tuple[Level, str]]:
    """Yield what stops everything, and what the doctor finds of beat's rows."""
    for names in (("database",), ("tick", "canary"), ("broker",)):
        if wrong := [ready[name] for name in names if ready[name] != "ok"]:
            yield Level.WRONG, wrong[0]
    for finding in look_at_beat(now):
        if finding.state != OK:
            level = Level.WRONG if finding.state == FAIL else Level.LOOK
            yield level, f"{finding.text} {finding.fix}"


def _alive(ready: dict[str, Any], may_view: MayView) -> Iterator[Figure]:
    links = {"tick": listed(PeriodicTask, task=TICK) if may_view(PeriodicTask) else ""}
    for name, label in (("tick", "Last tick"), ("canary", "Last canary that arrived")):
        seconds = ready["seconds"][name]
        text = "never" if seconds is None else f"{format_duration(timedelta(seconds=seconds))} ago"
        level = Level.WELL if ready[name] == "ok" else Level.WRONG
        yield Figure(label, text, level, links.get(name, ""))
    is_up = ready["broker"] == "ok"
    text = "answers" if is_up else "does not answer"
    yield Figure("Broker", text, Level.WELL if is_up else Level.WRONG)


def _reminders(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    stored = Reminder.objects.of_users()
    due = _by("next_fire_at", stored.due(now))
    url = listed(Reminder, status__exact="active", next_fire_at__lte=iso(now))
    yield _overdue("Reminders overdue", due, now, OVERDUE, url)
    # None is pushed further ahead than that; a backlog, which may be long, comes after them.
    latest = now + SET_ASIDE
    nearest = stored.due(latest).order_by("-next_fire_at").values("error")[: CAP + 1]
    found = nearest.aggregate(all=Count("*"), aside=Count("error", filter=~Q(error="")))
    yield _stuck(
        "Reminders set aside with an error",
        found["aside"],
        listed(Reminder, status__exact="active", error__gt="", next_fire_at__lte=iso(latest)),
        is_more=found["all"] > CAP,
    )


def _follow_ups(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    due = _by("follow_up_at", Occurrence.objects.of_users().filter(follow_up_at__lte=now))
    url = listed(Occurrence, follow_up_at__lte=iso(now))
    yield _overdue("Snoozes and nags overdue", due, now, OVERDUE, url)


def _deliveries(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    queued = Delivery.objects.of_users().filter(status="queued", next_attempt_at__lte=now)
    url = listed(Delivery, status__exact="queued", next_attempt_at__lte=iso(now))
    due = _by("next_attempt_at", queued)
    yield _overdue("Deliveries due and not taken", due, now, WAITING, url)
    # What is leased is among the oldest: of a backlog no more is looked at.
    waiting = Delivery.objects.of_users().filter(next_attempt_at__lte=now)
    oldest = waiting.order_by("next_attempt_at").values("status", "leased_until")[: CAP + 1]
    is_lost = Q(status="sending", leased_until__lte=now)
    found = oldest.aggregate(all=Count("*"), lost=Count("status", filter=is_lost))
    yield _stuck(
        "Deliveries whose lease has run out",
        found["lost"],
        # What is leased was due then: so its rows are found by the index of those.
        listed(
            Delivery,
            status__exact="sending",
            leased_until__lte=iso(now),
            next_attempt_at__lte=iso(now),
        ),
        is_more=found["all"] > CAP and found["lost"] > 0,
    )
    yield _given_up(hours)
    yield from _failing(hours)
    yield from _refused(hours)


def _given_up(hours: list[Hour]) -> Figure:
    label = "Deliveries given up in 24 h"
    since = next((hour.counted_from for hour in hours if hour.counted_from), None)
    if since is None:
        return Figure(label, "not counted yet")
    dead = [store.ENDED.series(kind=kind, status="dead") for kind in Channel.Kind.values]
    number = sum(hour.sums[series] for hour in hours for series in dead)
    url = listed(Delivery, status__exact="dead", finished_at__gte=iso(since))
    return _noted(label, number, url)


def _failing(hours: list[Hour]) -> Iterator[Figure]:
    """Yield the kinds of channel of which most attempts fail, since the hour began."""
    for kind in Channel.Kind:
        tried = attempts(hours[-1], kind.value) if hours else {}
        failed, number = sum(tried.values()) - tried.get("sent", 0), sum(tried.values())
        if number > ENOUGH and failed / number > FAILING:
            url = listed(Delivery, channel__kind__exact=kind.value, status__exact="queued")
            text = f"{failed:,} of {number:,} in this hour"
            yield Figure(f"Attempts that fail, {kind.label}", text, Level.WRONG, url)


def _refused(hours: list[Hour]) -> Iterator[Figure]:
    """Yield what the mail server has refused of late that is not the recipients' fault."""
    url = listed(Delivery, channel__kind__exact="email", status__exact="queued")
    for label, fault, most in (
        ("Mails refused to FOAM itself", Fault.FOAM, 0),
        ("Mails taken for spam", Fault.SPAM, SPAM),
    ):
        series = store.FAILURES.series(kind="email", fault=fault.value)
        if hours and (number := hours[-1].sums[series]) > most:
            yield Figure(label, f"{number:,g} in this hour", Level.LOOK, url)


def attempts(hour: Hour, kind: str) -> dict[str, int]:
    """Return how many attempts had which outcome in an hour, by one kind of channel."""
    outcomes = ("sent", "transient", "permanent", "uncertain")
    return {each: hour.sums[store.ATTEMPTS.series(kind=kind, outcome=each)] for each in outcomes}


def _channels(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    stored = Channel.objects.of_users()
    disabled = stored.filter(disabled_at__isnull=False, deleted_at=None).order_by("pk")
    held = stored.filter(held_until__gt=now).order_by("held_until")
    url = listed(Channel, disabled_at__isnull=False, deleted_at__isnull=True)
    yield _noted("Channels disabled", disabled[: CAP + 1].count(), url)
    url = listed(Channel, held_until__gt=iso(now))
    yield _noted("Channels resting after a time-out", held[: CAP + 1].count(), url)


# The list, in its order: what stands for each where it cannot be read, whose figures they are, and
# what counts them.
def _late(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    """Of the open backlog: what becomes of it, and that somebody is to decide where it is held."""
    if told := health.backlog():
        held = Backlog.objects.open().filter(decision=Backlog.Decision.HOLD).exists()
        level = Level.LOOK if held else Level.NOTE
        yield Figure("Backlog", told, level, reverse("admin:reminders_backlog"))


def _silence(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    active = Pause.objects.active(now)
    if everything := Pause.objects.everything(now):
        told = f"everything is {everything.told('UTC')}"
        yield Figure("Pauses", told, Level.LOOK, listed(Pause))
    elif count := active.exclude(scope=Pause.Scope.ACCOUNT)[: CAP + 1].count():
        yield Figure("Pauses", f"{many(count)} of tags or users", Level.NOTE, listed(Pause))


FIGURES: list[
    tuple[str, type[models.Model], Callable[[datetime, list[Hour]], Iterable[Figure]]]
] = [
    ("Reminders", Reminder, _reminders),
    ("Snoozes and nags", Occurrence, _follow_ups),
    ("Deliveries", Delivery, _deliveries),
    ("Channels", Channel, _channels),
    ("Backlog", Backlog, _late),
    ("Pauses", Pause, _silence),
]


def listed(model: type[models.Model], **lookups: Any) -> str:
    """Return the address of the admin's list of those rows of a model that these lookups find."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return f"{reverse(name)}?{urlencode(lookups)}"


def many(number: int) -> str:
    return f"more than {CAP:,}" if number > CAP else f"{number:,}"


def _overdue(
    label: str, since: models.QuerySet, now: datetime, limit: timedelta, url: str
) -> Figure:
    """Tell of rows that are due, by the instants since when they are, the oldest first."""
    oldest = since.first()
    if oldest is None:
        return Figure(label, "none", Level.WELL, url)
    waits = now - oldest
    text = f"{many(since[: CAP + 1].count())}, the oldest for {format_rounded(waits)}"
    return Figure(label, text, Level.WRONG if waits > limit else Level.WELL, url)


def _by(field: str, rows: models.QuerySet) -> models.QuerySet:
    return rows.order_by(field).values_list(field, flat=True)


def _stuck(label: str, number: int, url: str, *, is_more: bool) -> Figure:
    text = f"at least {number:,}" if is_more else f"{number:,}" if number else "none"
    return Figure(label, text, Level.LOOK if number else Level.WELL, url)


def _noted(label: str, number: int, url: str) -> Figure:
    if not number:
        return Figure(label, "none", Level.WELL, url)
    return Figure(label, many(number), Level.NOTE, url)
