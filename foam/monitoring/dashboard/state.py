"""The state of FOAM in words: troubles first, then figures with links to their rows.

Rows are counted up to CAP, by an index. The canary is in none of the counts; it has a line of its
own.
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
from reminders.models import Backlog, Occurrence, Plan, Reminder
from reminders.schedule.message import format_duration, format_rounded

# The limits of docs/monitoring/alerts.yml.
OVERDUE = timedelta(seconds=60)
WAITING = timedelta(seconds=120)
FAILING, ENOUGH = 0.5, 20
# A filter that refuses more mails than this within an hour has taken against the sender.
SPAM = 20

NOT_READ = "could not be read in time"
FIRE_AND_ARRIVE = "Reminders fire and arrive."

MayView = Callable[[type[models.Model]], bool]


class Level(IntEnum):
    """The severity of a figure; NOTE concerns single receivers, not FOAM itself."""

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
    """The answer to "is all well?": a headline, further troubles, and the figures."""

    level: Level
    headline: str
    troubles: list[str]
    figures: list[Figure]


def read(now: datetime, hours: list[Hour], may_view: MayView) -> State:
    """Return the state at `now`, without the figures of models that `may_view` hides.

    `hours` are the counters of the last hours, oldest first; empty if they could not be read.
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
    troubles += [
        (figure.level, f"{figure.label}: {figure.text}.")
        for figure in figures
        if figure.level >= Level.LOOK
    ]
    troubles.sort(key=lambda trouble: -trouble[0])
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
    """Yield the failed checks of readiness, and the doctor's findings about beat's rows."""
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
    stored = Plan.objects.exclude_system()
    due = _by("next_fire_at", stored.due(now))
    url = listed(Reminder, due="now")
    yield _overdue("Reminders overdue", due, now, OVERDUE, url)
    # Reminders set aside lie at most SET_ASIDE ahead. Newest first, so that a long backlog cannot
    # fill the sample.
    latest = now + SET_ASIDE
    nearest = stored.due(latest).order_by("-next_fire_at").values("error")[: CAP + 1]
    counts = nearest.aggregate(all=Count("*"), aside=Count("error", filter=~Q(error="")))
    yield _stuck(
        "Reminders set aside with an error",
        counts["aside"],
        listed(Reminder, due="hour", state="error"),
        is_more=counts["all"] > CAP,
    )


def _follow_ups(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    due = _by("follow_up_at", Occurrence.objects.exclude_system().filter(follow_up_at__lte=now))
    url = listed(Occurrence, follow_up_at__lte=iso(now))
    yield _overdue("Snoozes and nags overdue", due, now, OVERDUE, url)


def _deliveries(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    queued = Delivery.objects.exclude_system().filter(status="queued", next_attempt_at__lte=now)
    url = listed(Delivery, status__exact="queued", next_attempt_at__lte=iso(now))
    due = _by("next_attempt_at", queued)
    yield _overdue("Deliveries due and not taken", due, now, WAITING, url)
    # Leased deliveries are among the oldest, so the first CAP rows of a backlog suffice.
    waiting = Delivery.objects.exclude_system().filter(next_attempt_at__lte=now)
    oldest = waiting.order_by("next_attempt_at").values("status", "leased_until")[: CAP + 1]
    is_lost = Q(status="sending", leased_until__lte=now)
    counts = oldest.aggregate(all=Count("*"), lost=Count("status", filter=is_lost))
    yield _stuck(
        "Deliveries whose lease has run out",
        counts["lost"],
        # A leased delivery was due then; naming that makes PostgreSQL use the index of due ones.
        listed(
            Delivery,
            status__exact="sending",
            leased_until__lte=iso(now),
            next_attempt_at__lte=iso(now),
        ),
        is_more=counts["all"] > CAP and counts["lost"] > 0,
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
    """Yield the kinds of channel whose attempts mostly failed since the hour began."""
    for kind in Channel.Kind:
        counts = count_attempts(hours[-1], kind.value) if hours else {}
        number = sum(counts.values())
        failed = number - counts.get("sent", 0)
        if number > ENOUGH and failed / number > FAILING:
            url = listed(Delivery, channel__kind__exact=kind.value, status__exact="queued")
            text = f"{failed:,} of {number:,} in this hour"
            yield Figure(f"Attempts that fail, {kind.label}", text, Level.WRONG, url)


def _refused(hours: list[Hour]) -> Iterator[Figure]:
    """Yield the refusals of the mail server that are not the recipients' fault, of this hour."""
    url = listed(Delivery, channel__kind__exact="email", status__exact="queued")
    for label, fault, most in (
        ("Mails refused to FOAM itself", Fault.FOAM, 0),
        ("Mails taken for spam", Fault.SPAM, SPAM),
    ):
        series = store.FAILURES.series(kind="email", fault=fault.value)
        if hours and (number := hours[-1].sums[series]) > most:
            yield Figure(label, f"{number:,g} in this hour", Level.LOOK, url)


def count_attempts(hour: Hour, kind: str) -> dict[str, int]:
    """Return the number of attempts of an hour by outcome, for one kind of channel."""
    outcomes = ("sent", "transient", "permanent", "uncertain")
    return {
        outcome: hour.sums[store.ATTEMPTS.series(kind=kind, outcome=outcome)]
        for outcome in outcomes
    }


def _channels(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    stored = Channel.objects.exclude_system()
    disabled = stored.filter(disabled_at__isnull=False, deleted_at=None).order_by("pk")
    held = stored.filter(held_until__gt=now).order_by("held_until")
    url = listed(Channel, disabled_at__isnull=False, deleted_at__isnull=True)
    yield _noted("Channels disabled", disabled[: CAP + 1].count(), url)
    url = listed(Channel, held_until__gt=iso(now))
    yield _noted("Channels resting after a time-out", held[: CAP + 1].count(), url)


def _late(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    """Yield the decision about the open backlog; a held backlog waits for staff."""
    if text := health.backlog():
        held = Backlog.objects.open().filter(decision=Backlog.Decision.HOLD).exists()
        level = Level.LOOK if held else Level.NOTE
        yield Figure("Backlog", text, level, reverse("admin:reminders_backlog"))


def _silence(now: datetime, hours: list[Hour]) -> Iterator[Figure]:
    active = Pause.objects.active(now)
    if everything := Pause.objects.everything(now):
        text = f"everything is {everything.predicate('UTC')}"
        yield Figure("Pauses", text, Level.LOOK, listed(Pause))
    elif count := active.exclude(scope=Pause.Scope.ACCOUNT)[: CAP + 1].count():
        yield Figure(
            "Pauses", f"{format_capped(count)} of tags or users", Level.NOTE, listed(Pause)
        )


# In the order of the page: a label for when the rows cannot be read, the model whose rows they are,
# and the function that counts them.
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
    """Return the address of the admin's list of a model, filtered by `lookups`."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return f"{reverse(name)}?{urlencode(lookups)}"


def format_capped(number: int) -> str:
    return f"more than {CAP:,}" if number > CAP else f"{number:,}"


def _overdue(
    label: str, since: models.QuerySet, now: datetime, limit: timedelta, url: str
) -> Figure:
    """Return the figure of overdue rows, from the instants since when each is due, oldest first."""
    oldest = since.first()
    if oldest is None:
        return Figure(label, "none", Level.WELL, url)
    waits = now - oldest
    text = f"{format_capped(since[: CAP + 1].count())}, the oldest for {format_rounded(waits)}"
    return Figure(label, text, Level.WRONG if waits > limit else Level.WELL, url)


def _by(field: str, rows: models.QuerySet) -> models.QuerySet:
    return rows.order_by(field).values_list(field, flat=True)


def _stuck(label: str, number: int, url: str, *, is_more: bool) -> Figure:
    text = f"at least {number:,}" if is_more else f"{number:,}" if number else "none"
    return Figure(label, text, Level.LOOK if number else Level.WELL, url)


def _noted(label: str, number: int, url: str) -> Figure:
    if not number:
        return Figure(label, "none", Level.WELL, url)
    return Figure(label, format_capped(number), Level.NOTE, url)
