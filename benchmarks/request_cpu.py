"""The CPU that one request costs, in one process: the whole WSGI stack, rate limits included.

Each figure is the least of many calls, as everything else on the machine only adds. The floors of
`floors` are called in turn with them, so that a ratio is of one moment.
"""

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import override_settings
from django.urls import clear_url_caches

from accounts.models import ApiToken
from benchmarks import databases
from benchmarks.bench import Bench
from benchmarks.floors import PAGE_SIZE
from benchmarks.report import Goal, Part, Spread, Table, at_most, ratios
from notifications.models import Delivery, InboxMessage
from reminders.models import Occurrence, Reminder
from tools.testbed import seed

API, FLOOR = "/api/v1", "/floor"
NEW = {
    "title": "Take the bread out of the oven",
    "starts_at": "2027-03-01T18:00:00",
    "timezone": "Europe/Berlin",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "tags": ["kitchen"],
}
# Far more than a measurement sends: each request is counted, and none refused.
NO_REFUSAL = (1_000_000_000, 60)
SETTINGS = {
    "ROOT_URLCONF": "benchmarks.floors",
    **{f"FOAM_API{name}_RATE": NO_REFUSAL for name in ("", "_USER", "_WRITE", "_ANONYMOUS")},
}
# Milliseconds that a request may take.
GOALS = {"reminders, 50": 2.5, "reminder": 1.0, "create": 3.0, "occurrences, 50": 2.4}
STATIC = "static answer"

# One occurrence, delivery and inbox message of each of the first reminders of the seed.
HISTORY = """
INSERT INTO reminders_occurrence (reminder_id, due_at, lead, status, reason, recorded_at)
SELECT id, now() - id * interval '1 minute', '0', 'pending', '', now() FROM reminders_reminder
WHERE id > 0 ORDER BY id LIMIT %(count)s;
INSERT INTO notifications_delivery (channel_id, reference, title, body, due_at, data, status,
    attempt, max_attempts, reason, created_at, finished_at)
SELECT c.channel_id, 'occurrence:' || o.id, 'Tea', 'Green, this time', o.due_at, '{}', 'sent', 1, 9,
    '', now(), now()
FROM reminders_occurrence o JOIN reminders_reminder_channels c USING (reminder_id);
INSERT INTO notifications_inboxmessage (channel_id, message_id, reference, title, body, due_at,
    received_at)
SELECT channel_id, 'foam_' || id, reference, title, body, due_at, now()
FROM notifications_delivery;
"""


class MeasuredRequest(NamedTuple):
    """A request, and the floor that it is compared with."""

    method: str
    path: str
    floor: str = ""
    body: Any = None


def measure(bench: Bench) -> Part:
    before = databases.use(databases.EMPTY)
    size = bench.scale.api[0]
    databases.fill(size, 10)
    with connection.cursor() as cursor:
        cursor.execute(HISTORY, {"count": size})
    seed.vacuum()
    try:
        with served() as application:
            return report(bench, measure_cases(bench, application))
    finally:
        databases.use(before)
        databases.drop(databases.name_of(size))


@contextmanager
def served() -> Iterator[WSGIHandler]:
    with override_settings(**SETTINGS):
        clear_url_caches()
        yield WSGIHandler()
    clear_url_caches()


def cases() -> dict[str, MeasuredRequest]:
    """Return the requests to measure, by name."""
    requests = {}
    for noun, model in (
        ("reminders", Reminder),
        ("occurrences", Occurrence),
        ("deliveries", Delivery),
        ("inbox", InboxMessage),
    ):
        pk = model.objects.filter(pk__gt=0).values_list("pk", flat=True)[0]
        requests[f"{noun}, {PAGE_SIZE}"] = MeasuredRequest(
            "GET", f"{API}/{noun}/", f"{FLOOR}/{noun}/"
        )
        single = {"deliveries": "delivery", "inbox": "message"}.get(noun, noun.removesuffix("s"))
        requests[single] = MeasuredRequest("GET", f"{API}/{noun}/{pk}/", f"{FLOOR}/{noun}/{pk}/")
    requests["create"] = MeasuredRequest("POST", f"{API}/reminders/", body=NEW)
    requests["me"] = MeasuredRequest("GET", f"{API}/me/")
    return requests


def measure_cases(bench: Bench, application: WSGIHandler) -> dict[str, list[float]]:
    """Return the milliseconds of CPU by name; of each round the least."""
    _, token = ApiToken.issue(seed.seed_owner(), "bench")
    calls: dict[str, Callable[[], None]] = {}
    for name, case in {**cases(), STATIC: MeasuredRequest("GET", f"{FLOOR}/static/")}.items():
        calls[name] = caller(application, token, case)
        if case.floor:
            calls[f"{name}, values()"] = caller(
                application, token, MeasuredRequest("GET", case.floor)
            )
    least: dict[str, list[float]] = {name: [] for name in calls}
    for _ in bench.rounds():
        for name, call in calls.items():
            least[name].append(min(milliseconds(call) for _ in range(bench.scale.calls)))
    return least


def caller(application: WSGIHandler, token: str, case: MeasuredRequest) -> Callable[[], None]:
    body = b"" if case.body is None else json.dumps(case.body).encode()
    environ: Mapping[str, Any] = {
        "REQUEST_METHOD": case.method,
        "PATH_INFO": case.path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "application/json",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
    }

    def call() -> None:
        status = ""

        def start_response(line: str, headers: object) -> None:
            nonlocal status
            status = line

        response = application({**environ, "wsgi.input": io.BytesIO(body)}, start_response)
        answer = b"".join(response)
        response.close()
        assert status.startswith("2"), (status, answer[:500])

    return call


def milliseconds(call: Callable[[], object]) -> float:
    began = time.thread_time()
    call()
    return (time.thread_time() - began) * 1000


def report(bench: Bench, least: Mapping[str, list[float]]) -> Part:
    rows = []
    for name, of_rounds in least.items():
        floor = least.get(f"{name}, values()")
        of_floor = ratios(of_rounds, floor) if floor else None
        rows.append([name, Spread.of(of_rounds), of_floor, ratios(of_rounds, least[STATIC])])
    goals: list[Goal] = [
        at_most(f"CPU of {name}: {most} ms", most, Spread.of(least[name]), " ms")
        for name, most in GOALS.items()
    ]
    return Part(
        "request_cpu",
        "The cost of a request",
        goals=goals,
        tables=[
            Table(
                f"CPU of one request in one process, the least of {bench.scale.calls:,}",
                ["", "ms", "x values() and orjson", "x the static answer"],
                rows,
            )
        ],
    )
