"""Logs: a line for a machine or for people, an id to follow, and nothing that is secret."""

import json
import logging
from io import StringIO

import pytest
from celery import current_app
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from foam import celery as celery_module
from foam import logs
from notifications.models import Delivery
from notifications.outbox.post import Post, post_messages
from notifications.outbox.record import FAILURES_LOGGED
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError

MARKER = "Xyzzy"


@pytest.fixture
def said():
    """Return a function that logs, and returns what each form makes of it."""
    streams = {}
    logger = logging.getLogger("foam.tests.said")
    logger.setLevel(logging.DEBUG)
    for form, formatter in (("json", logs.JsonFormatter()), ("lines", logs.LineFormatter())):
        handler = logging.StreamHandler(StringIO())
        handler.setFormatter(formatter)
        logger.addHandler(handler)
        streams[form] = handler

    def said(*args, **kwargs) -> dict[str, str]:
        for each in streams.values():
            each.setStream(StringIO())
        logger.error(*args, **kwargs)
        return {form: each.stream.getvalue() for form, each in streams.items()}

    yield said
    for each in streams.values():
        logger.removeHandler(each)


def test_json_is_one_object_with_event_and_fields(said):
    line = said("dispatched claimed=%d fired=%d seconds=%.3f", 3, 2, 0.1)["json"]
    assert line.count("\n") == 1
    told = json.loads(line)
    assert (told["event"], told["claimed"], told["fired"]) == ("dispatched", 3, 2)
    assert (told["level"], told["logger"]) == ("ERROR", "foam.tests.said")
    assert told["at"].endswith("+00:00")


def test_line_for_people_is_readable(said):
    line = said("dispatched claimed=%d seconds=%.3f", 3, 0.12345)["lines"]
    assert line.endswith("ERROR foam.tests.said dispatched claimed=3 seconds=0.123\n")


def test_text_without_fields_stays_as_it_is(said):
    assert json.loads(said("reminder %s set aside", 7)["json"])["event"] == "reminder 7 set aside"
    assert json.loads(said("100% sure")["json"])["event"] == "100% sure"


def test_line_break_begins_no_new_line(said):
    line = said("odd what=%s", 'a\n{"event": "forged"}')["json"]
    assert line.count("\n") == 1
    assert json.loads(line)["event"] == "odd"


def test_exception_is_told_without_what_it_quotes(said):
    def fail():
        raise ValueError(f"invalid literal: {MARKER!r}")

    try:
        fail()
    except ValueError:
        lines = said("it broke", exc_info=True)
    for line in lines.values():
        assert "ValueError: invalid literal: …" in line
        assert "in fail" in line
        assert MARKER not in line


def test_causes_of_an_exception_are_told_likewise(said):
    try:
        try:
            raise KeyError(MARKER)
        except KeyError as error:
            raise RuntimeError("could not") from error
    except RuntimeError:
        line = said("it broke", exc_info=True)["json"]
    assert "KeyError" in line
    assert "RuntimeError: could not" in line
    assert MARKER not in line


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"title": MARKER * 100}, ""),
        ({"status": "dead", "title": MARKER}, "notifications_delivery_end_has_reason"),
    ],
)
def test_row_that_the_database_refuses_is_not_told(said, channel, woken, change, name):
    now = timezone.now()
    post_messages([Post(channel.pk, "test:1", MARKER, MARKER, now)], now)
    with pytest.raises((DataError, IntegrityError)) as caught, transaction.atomic():
        Delivery.objects.update(**change)
    line = said("refused", exc_info=caught.value)["json"]
    assert name in line
    assert MARKER not in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("to https://hooks.example.com/T0/secret?x=1 now", "to https://hooks.example.com/… now"),
        ("redis://user:pass@redis.example.com:6379/0", "redis://redis.example.com:6379/…"),
        ("GET /do/abc.def-ghi", "GET /do/…"),
        (f"Bearer foam_{'a' * 43}", "Bearer foam_…"),
    ],
)
def test_what_leads_somewhere_is_cut(text, told):
    assert logs.scrub(text) == told


# Request ids


def test_answer_bears_the_id_that_was_asked_with(client):
    assert client.get("/", headers={"x-request-id": "abc-1.2:3_4"})["X-Request-ID"] == "abc-1.2:3_4"


@pytest.mark.parametrize("odd", ["", "a b", "a\tb", "x" * 65, "ä", '{"a":1}', "../../etc"])
def test_id_that_is_odd_is_replaced(client, odd):
    given = client.get("/", headers={"x-request-id": odd})["X-Request-ID"]
    assert given != odd
    assert len(given) == 32


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "lines"), [("foam/icon.svg", 0), ("foam/none.svg", 1)])
def test_file_of_a_page_is_told_only_when_it_is_missing(client, caplog, path, lines):
    with caplog.at_level("INFO"):
        client.get(f"/static/{path}").close()
    assert len([each for each in caplog.records if each.name == "foam.middleware"]) == lines


def test_request_is_told_by_view_and_not_by_address(client, caplog):
    with caplog.at_level("INFO"):
        client.get(f"/api/v1/reminders/?search={MARKER}", headers={"x-request-id": "abc"})
    [record] = [r for r in caplog.records if r.name == "foam.middleware"]
    event, fields = logs.parts_of(record)
    assert (event, fields["view"], fields["status"]) == ("answered", "reminder-list", 401)
    assert MARKER not in caplog.text


def test_each_line_of_a_request_bears_its_id_and_no_other_does(said):
    with logs.request("abc"):
        lines = said("within")
    assert json.loads(lines["json"])["request_id"] == "abc"
    assert "request_id=abc" in lines["lines"]
    assert "request_id" not in said("after")["json"]


def test_task_takes_up_the_id_of_who_woke_it():
    seen = []

    class Task:
        class request:
            request_id = "abc"

    celery_module.take_id_up(task_id="t1", task=Task)
    seen.append(logs.current_request_id())
    headers = {}
    celery_module.pass_id_on(headers=headers)
    celery_module.let_id_go()
    assert seen == ["abc"]
    assert headers == {"request_id": "abc"}
    assert logs.current_request_id() == ""


def test_task_that_no_request_woke_bears_its_own():
    @current_app.task(name="foam.tests.own")
    def own() -> str:
        return logs.current_request_id()

    result = own.apply()
    assert result.get() == result.id


# One line for each batch, and for failures


@pytest.mark.django_db
def test_failed_attempt_is_told_without_the_receivers_words(channel, recorder, now, woken, caplog):
    post_messages([Post(channel.pk, "test:1", MARKER, MARKER, now)], now)
    recorder.fail_with(TransportError(f"answered 500: {MARKER}"))
    with caplog.at_level("DEBUG"):
        deliver_due(now)
    [record] = [r for r in caplog.records if r.name == "notifications.outbox.record"]
    event, fields = logs.parts_of(record)
    assert event == "attempt failed"
    assert fields["delivery"] == Delivery.objects.get().pk
    assert (fields["kind"], fields["outcome"], fields["then"]) == ("webhook", "transient", "queued")
    assert MARKER not in caplog.text


@pytest.mark.django_db
def test_batch_of_failures_does_not_drown_the_log(channel, recorder, now, woken, caplog):
    posts = [Post(channel.pk, f"test:{n}", "Title", "", now) for n in range(300)]
    post_messages(posts, now)
    recorder.fail_with(TransportError("busy"))
    with caplog.at_level("INFO"):
        deliver_due(now)
    told = [r for r in caplog.records if r.name == "notifications.outbox.record"]
    assert len(told) == FAILURES_LOGGED + 1
    assert logs.parts_of(told[-1])[1] == {"count": 300 - FAILURES_LOGGED}
