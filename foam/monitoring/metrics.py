"""The metrics for Prometheus: counters that every process adds to, and gauges of this moment.

Every web process returns the same figures, so one address is enough to scrape. Each query reads a
bounded number of rows: rows are counted up to CAP.
"""

import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, product
from operator import itemgetter
from typing import Any

import django
from celery import current_app
from django.db import Error, connection, transaction
from kombu.exceptions import OperationalError as BrokerError

from accounts.timezones import tzdata_version
from foam.monitoring import request_metrics
from foam.monitoring.health import Pulse
from foam.version import VERSION
from notifications.metrics import store
from notifications.models import Channel
from notifications.outbox.queue import due_since
from notifications.transports import TRANSPORTS, Fault
from reminders.engine import firing, tick
from reminders.models import Backlog, Occurrence, Plan

CAP = 10_000
# A part of the page whose query takes longer is left out.
PATIENCE_MS = 2000
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_KINDS = {"kind": tuple(TRANSPORTS)}
QUEUES = ("dispatch", "deliver")
WHERE = ("database", "database_silent", "digest", "heartbeat", "record", "transport", "wake")
TASKS = ("reminders.tasks.dispatch", "notifications.tasks.deliver", "reminders.tasks.prune")


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's kind, help and labels; each listed combination of labels starts as 0.

    Prometheus' rate() would miss the first event of a series that appears with that event.
    """

    name: str
    kind: str
    text: str
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    bounds: tuple[float, ...] = ()


def _counter(name: str, text: str, **labels: tuple[str, ...]) -> Metric:
    return Metric(name, "counter", text, tuple(labels.items()))


def _histogram(histogram: store.Histogram, text: str, **labels: tuple[str, ...]) -> Metric:
    return Metric(histogram.name, "histogram", text, tuple(labels.items()), histogram.bounds)


def _gauge(name: str, text: str) -> Metric:
    return Metric(name, "gauge", text)


METRICS = [
    _histogram(
        store.LATENESS,
        "How long after its time a message was accepted by its receiver: at the first attempt, "
        "where nothing held it and the channel was answering.",
        **_KINDS,
    ),
    _histogram(firing.FIRED, "How long after its time an occurrence was recorded as fired."),
    _histogram(store.ATTEMPT, "How long attempts took, until the receiver's answer.", **_KINDS),
    _histogram(tick.TICK, "How long a tick took."),
    _histogram(store.BATCH, "How many rows a batch had.", of=("dispatch", "deliver")),
    _counter(
        "foam_attempts_total",
        "Attempts by what came of them.",
        **_KINDS,
        outcome=("sent", "transient", "permanent", "uncertain"),
    ),
    _counter(
        "foam_attempt_failures_total",
        "Failed attempts by where the cause lies: `foam` is the operator's to mend.",
        **_KINDS,
        fault=tuple(Fault),
    ),
    _counter(
        "foam_deliveries_ended_total",
        "Deliveries that a worker ended, by how.",
        **_KINDS,
        status=("sent", "dead"),
    ),
    _counter(
        "foam_bounces_total",
        "Mails that bounced after the mail server had taken them, by where the cause lies.",
        fault=tuple(Fault),
    ),
    _counter("foam_leases_lost_total", "Deliveries taken over from a worker that never came back."),
    _counter(
        "foam_set_aside_total",
        "Rows that raised, and are tried again in five minutes.",
        what=("reminder", "follow_up"),
    ),
    _counter("foam_errors_total", "What went wrong on FOAM's side, by where.", where=WHERE),
    _counter("foam_tasks_failed_total", "Celery tasks that ended with an exception.", task=TASKS),
    _counter("foam_requests_total", "Answered requests by view and status."),
    _histogram(request_metrics.SECONDS, "How long requests took."),
    _counter("foam_logins_total", "Sign-ins by outcome.", outcome=("accepted", "refused")),
    _gauge("foam_build_info", "1, with what runs here."),
    _gauge("foam_up", "Whether the database and the broker answer."),
    _gauge("foam_scrape_failed", "1 where a part of these figures could not be read in time."),
    _gauge("foam_tick_age_seconds", "How long ago the last tick was."),
    _gauge("foam_canary_age_seconds", "How long ago the last canary that arrived was due."),
    _gauge("foam_firing", "1 while the tick is fresh and canaries arrive, as /readyz has it."),
    _gauge("foam_overdue_seconds", "How long the longest-waiting one has been due."),
    _gauge("foam_overdue", f"How many are due and not taken; counted up to {CAP}."),
    _gauge("foam_backlog", "1 for the decision in force while a backlog is open; else 0."),
    _gauge("foam_deliveries", f"Unfinished deliveries by state; the first {CAP} of them."),
    _gauge("foam_queue_length", "Wake-ups on the broker that no worker has taken."),
    _gauge("foam_channels", f"Channels that nothing is sent to; counted up to {CAP}."),
    _gauge("foam_database_connections", "FOAM's connections to its database."),
    _gauge("foam_database_connections_max", "How many connections PostgreSQL allows in all."),
    _gauge("foam_database_longest_transaction_seconds", "Since when the oldest one is open."),
    _gauge("foam_meter_rows", f"Rows of the meter that wait to be folded; counted up to {CAP}."),
]
METRICS_BY_NAME = {metric.name: metric for metric in METRICS}

# A gauge's labels, and its value.
Sample = tuple[str, dict[str, str], float]


def page(now: datetime) -> str:
    """Return all metrics in Prometheus' text format, without the parts that cannot be read."""
    samples: list[Sample] = [("foam_build_info", _build(), 1)]
    counted: dict[str, float] = {}
    failed: list[str] = []
    for name, read in PARTS.items():
        try:
            with bounded():
                samples += list(read(now))
        except Error:
            failed.append(name)
    try:
        with bounded():
            counted = store.sums()
    except Error:
        failed.append("counters")
    samples += [
        ("foam_scrape_failed", {"part": name}, float(name in failed))
        for name in (*PARTS, "counters")
    ]
    answered = len(failed) < len(PARTS) + 1
    samples.append(("foam_up", {"what": "database"}, float(answered)))
    samples += _broker()
    lines = [*_gauges(samples), *([] if "counters" in failed else _counters(counted))]
    return "\n".join(lines) + "\n"


@contextmanager
def bounded() -> Iterator[None]:
    """End each query after PATIENCE_MS, with an OperationalError."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {PATIENCE_MS}")
        yield


def _build() -> dict[str, str]:
    return {
        "version": VERSION,
        "python": platform.python_version(),
        "django": django.get_version(),
        "tzdata": tzdata_version(),
    }


def _pulse(now: datetime) -> Iterator[Sample]:
    pulse = Pulse.take(now)
    for name, at in (("tick", pulse.tick_at), ("canary", pulse.arrived_at)):
        if at is not None:
            yield f"foam_{name}_age_seconds", {}, max(0.0, (now - at).total_seconds())
    yield "foam_firing", {}, float(not (pulse.tick_trouble or pulse.canary_trouble))


def _overdue(now: datetime) -> Iterator[Sample]:
    # Snoozes and nags that are due have an index of their own.
    follow_ups = Occurrence.objects.filter(follow_up_at__lte=now)
    since = follow_ups.order_by("follow_up_at").values_list("follow_up_at", flat=True).first()
    reminders = Plan.objects.due(now).order_by("next_fire_at")
    for what, oldest, rows in (
        ("reminder", tick.next_fire_at(), reminders),
        ("follow_up", since, follow_ups.order_by("follow_up_at")),
    ):
        waits = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
        yield "foam_overdue_seconds", {"what": what}, waits
        yield "foam_overdue", {"what": what}, float(rows[:CAP].count())
    oldest = due_since(now)
    waits = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    yield "foam_overdue_seconds", {"what": "delivery"}, waits
    in_force = Backlog.objects.open().values_list("decision", flat=True).first()
    for decision in Backlog.Decision.values:
        yield "foam_backlog", {"decision": decision}, float(decision == in_force)


# By the index notifications_delivery_due: due and leased deliveries come first in its order.
STATES = """
SELECT CASE WHEN leased_until > %(now)s THEN 'leased'
            WHEN status = 'sending' THEN 'lost'
            WHEN held IN ('digest', 'flood') OR next_attempt_at > %(now)s AND held IS NOT NULL
                THEN 'held'
            WHEN next_attempt_at <= %(now)s THEN 'due'
            WHEN attempt > 0 THEN 'retrying'
            ELSE 'waiting' END AS state, count(*)
FROM (
    SELECT status, leased_until, held, attempt, next_attempt_at FROM notifications_delivery
    WHERE next_attempt_at IS NOT NULL ORDER BY next_attempt_at LIMIT %(cap)s
) AS first GROUP BY 1
"""


def _deliveries(now: datetime) -> Iterator[Sample]:
    states = dict.fromkeys(("due", "held", "leased", "lost", "retrying", "waiting"), 0)
    with connection.cursor() as cursor:
        cursor.execute(STATES, {"now": now, "cap": CAP})
        states |= dict(cursor.fetchall())
    for state, count in states.items():
        yield "foam_deliveries", {"state": state}, float(count)
    yield "foam_overdue", {"what": "delivery"}, float(states["due"] + states["lost"])


def _channels(now: datetime) -> Iterator[Sample]:
    disabled = Channel.objects.filter(disabled_at__isnull=False, deleted_at=None)
    held = Channel.objects.filter(held_until__gt=now)
    for state, rows in (("disabled", disabled.order_by("pk")), ("held", held)):
        yield "foam_channels", {"state": state}, float(rows[:CAP].count())


# Without the role pg_monitor this sees only the sessions of FOAM's own user.
ACTIVITY = """
SELECT count(*), current_setting('max_connections')::int,
    coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)
        FILTER (WHERE pid <> pg_backend_pid())), 0)::float8
FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
"""


def _database(now: datetime) -> Iterator[Sample]:
    with connection.cursor() as cursor:
        cursor.execute(ACTIVITY)
        count, limit, longest = cursor.fetchone() or (0, 0, 0)
        cursor.execute(store.COUNT_ROWS, {"limit": CAP})
        (rows,) = cursor.fetchone() or (0,)
    yield "foam_database_connections", {}, float(count)
    yield "foam_database_connections_max", {}, float(limit)
    yield "foam_database_longest_transaction_seconds", {}, float(longest)
    yield "foam_meter_rows", {}, float(rows)


PARTS: dict[str, Callable[[datetime], Iterable[Sample]]] = {
    "pulse": _pulse,
    "overdue": _overdue,
    "deliveries": _deliveries,
    "channels": _channels,
    "database": _database,
}


def _broker() -> list[Sample]:
    """Return the lengths of the queues, and whether the broker answers."""
    samples: list[Sample] = []
    is_up = True
    try:
        lengths = queue_lengths()
        samples = [("foam_queue_length", {"queue": q}, float(n)) for q, n in lengths.items()]
    except (BrokerError, OSError):
        is_up = False
    return [*samples, ("foam_up", {"what": "broker"}, float(is_up))]


def queue_lengths() -> dict[str, int]:
    """Return the number of waiting wake-ups by queue. Raises BrokerError if the broker is down."""
    lengths = {}
    with current_app.connection_for_read() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
        for queue in QUEUES:
            with broker.channel() as opened:
                channel: Any = opened
                # queue_declare of kombu 5.7 leaves out the prefix on Redis and finds no queue.
                if size := getattr(channel, "_size", None):
                    lengths[queue] = size(queue)
                else:
                    lengths[queue] = channel.queue_declare(queue, passive=True).message_count
    return lengths


# The text format


def _gauges(samples: Iterable[Sample]) -> Iterator[str]:
    for name, of in groupby(sorted(samples, key=itemgetter(0)), key=itemgetter(0)):
        yield from _head(METRICS_BY_NAME[name])
        for _, labels, value in of:
            yield f"{store.Counter(name).series(**labels)} {_number(value)}"


def _counters(counted: dict[str, float]) -> Iterator[str]:
    for metric in METRICS:
        if metric.kind == "counter":
            yield from _head(metric)
            yield from (f"{s} {_number(v)}" for s, v in sorted(_started(metric, counted).items()))
        elif metric.kind == "histogram":
            yield from _head(metric)
            for labels in _combinations(metric):
                yield from _buckets(metric, labels, counted)


def _head(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.text}"
    yield f"# TYPE {metric.name} {metric.kind}"


def _combinations(metric: Metric) -> list[dict[str, str]]:
    names = [name for name, _ in metric.labels]
    values = product(*(values for _, values in metric.labels))
    return [dict(zip(names, combination, strict=True)) for combination in values]


def _started(metric: Metric, counted: dict[str, float]) -> dict[str, float]:
    """Return the series of a counter, with 0 for the listed labels that have not been counted."""
    is_listed = bool(metric.labels) or metric.name == store.LOST.name
    series = [store.Counter(metric.name).series(**labels) for labels in _combinations(metric)]
    stored = {s: v for s, v in counted.items() if s.split("{")[0] == metric.name}
    return dict.fromkeys(series if is_listed else (), 0.0) | stored


def _buckets(metric: Metric, labels: dict[str, str], counted: dict[str, float]) -> Iterator[str]:
    histogram, total = store.Histogram(metric.name, metric.bounds), 0.0
    for bound in (*metric.bounds, float("inf")):
        series = histogram.bucket(bound, **labels)
        total += counted.get(series, 0)
        yield f"{series} {_number(total)}"
    of_sum = store.Counter(f"{metric.name}_sum").series(**labels)
    yield f"{of_sum} {_number(counted.get(of_sum, 0))}"
    yield f"{store.Counter(f'{metric.name}_count').series(**labels)} {_number(total)}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else repr(round(value, 6))
