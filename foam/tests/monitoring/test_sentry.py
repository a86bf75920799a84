"""Errors to Sentry: from web, worker and beat, over HTTP as Sentry gets them, and without words."""

import gzip
import json
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta

import brotli
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from foam.monitoring import sentry
from foam.tests import processes
from notifications.tests.receivers import HttpReceiver
from reminders.models import Plan, Reminder

MARKER = "Xyzzyplugh"


@pytest.fixture
def server():
    with HttpReceiver() as receiver:
        yield receiver


def dsn(server: HttpReceiver) -> str:
    return server.url.replace("http://", "http://key@").rsplit("/", 1)[0] + "/1"


def plain(request) -> bytes:
    packed = request.headers.get("content-encoding", "")
    return {"gzip": gzip.decompress, "br": brotli.decompress}.get(packed, bytes)(request.body)


def events(server: HttpReceiver) -> list[dict]:
    """What Sentry would store of the envelopes that have come."""
    found = []
    for request in list(server.requests):
        lines = plain(request).split(b"\n")
        for head, payload in zip(lines[1::2], lines[2::2], strict=False):
            if json.loads(head).get("type") == "event":
                found.append(json.loads(payload))
    return found


def test_words_people_and_addresses_are_taken_out():
    event = {
        "user": {"email": MARKER},
        "request": {"url": f"http://x/do/{MARKER}", "method": "GET", "data": MARKER, "env": {}},
        "extra": {"sys.argv": [MARKER], "celery-job": {"args": [MARKER]}},
        "breadcrumbs": {"values": [{"message": MARKER}]},
        "logentry": {"message": "reminder %s set aside", "params": [MARKER], "formatted": MARKER},
        "exception": {
            "values": [
                {
                    "type": "ValueError",
                    "value": f"cannot read '{MARKER}' of {MARKER}@example.com\n{MARKER}",
                    "stacktrace": {"frames": [{"function": "f", "vars": {"title": MARKER}}]},
                }
            ]
        },
        "server_name": "host",
    }
    sent = sentry.before_send(event, {})
    assert MARKER not in json.dumps(sent)
    assert sent["exception"]["values"][0]["value"] == "cannot read … of …"
    assert sent["logentry"] == {"message": "reminder %s set aside"}
    assert sent["request"] == {"method": "GET"}


def test_without_the_library_the_start_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(ImproperlyConfigured, match=r"requirements/sentry\.txt"):
        sentry.start("https://key@sentry.example.org/1", "production")


def test_without_a_dsn_the_library_is_not_even_loaded(db):
    code = "import django, sys; django.setup(); sys.exit('sentry_sdk' in sys.modules)"
    env = processes.environment()
    subprocess.run([sys.executable, "-c", code], env=env, cwd=processes.PROJECT, check=True)


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_error_of_the_tick_arrives_without_a_word_of_the_reminder(
    server, make_reminder, beat_rows, tmp_path
):
    now = timezone.now().replace(microsecond=0) + timedelta(seconds=1)
    bad = make_reminder(title=MARKER, body=MARKER, starts_at=now.replace(tzinfo=None))
    # A zone that is no more: it raises at each tick.
    Reminder.objects.filter(pk=bad.pk).update(timezone=f"Mars/{MARKER}")
    Plan.objects.filter(pk=bad.pk).update(next_fire_at=now, next_due_at=now, status="active")
    env = processes.environment(SENTRY_DSN=dsn(server))
    with ExitStack() as started:
        for name, words in (("worker", processes.worker("w")), ("beat", processes.beat())):
            started.enter_context(processes.running(words, env, tmp_path / f"{name}.log"))
        processes.wait_until(lambda: events(server), 60, "an event arrives")
    event = events(server)[0]
    assert event["logentry"]["message"] == "reminder %s set aside"
    assert event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert event["tags"]["request_id"]
    whole = b"".join(plain(request) for request in server.requests)
    assert MARKER.encode() not in whole
    assert b"ada@example.com" not in whole


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_error_of_the_web_and_of_beat_arrive(server, tmp_path):
    code = (
        "import django, logging; django.setup(); import foam.processes.beat_scheduler; "
        "log = logging.getLogger('foam.processes.beat_scheduler'); "
        "exec('try:\\n 1/0\\nexcept ZeroDivisionError:\\n log.exception(\"beat cannot go on\")'); "
        "from django.test import Client; import foam.views; "
        "foam.views.readiness = None; Client(raise_request_exception=False).get('/readyz'); "
        "import sentry_sdk; sentry_sdk.flush(5)"
    )
    env = processes.environment(SENTRY_DSN=dsn(server))
    subprocess.run([sys.executable, "-c", code], env=env, cwd=processes.PROJECT, check=True)
    kinds = {event["exception"]["values"][-1]["type"] for event in events(server)}
    assert kinds == {"ZeroDivisionError", "TypeError"}
