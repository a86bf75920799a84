"""/metrics: what Prometheus reads, who may read it, and what it costs."""

import re
from datetime import timedelta

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from foam.monitoring import metrics
from notifications.metrics import store
from notifications.models import Channel, Delivery
from notifications.outbox.post import Post, post_messages
from notifications.outbox.queue import wake_workers
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError
from reminders.engine import tick

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

TOKEN = "0123456789abcdef"


def read(now) -> dict[tuple[str, frozenset], float]:
    """As Prometheus does."""
    families = text_string_to_metric_families(metrics.page(now))
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(now, name: str, **labels: str) -> float:
    return read(now)[name, frozenset(labels.items())]


def test_page_is_what_prometheus_can_read(now):
    families = list(text_string_to_metric_families(metrics.page(now)))
    told = {f"{f.name}_total" if f.type == "counter" else f.name: f for f in families}
    assert {m.name for m in metrics.METRICS} - told.keys() == {
        "foam_canary_age_seconds",
        "foam_tick_age_seconds",
    }
    for metric in metrics.METRICS:
        if metric.name in told:
            assert told[metric.name].type == metric.kind
            assert told[metric.name].documentation == metric.text


def test_buckets_grow_and_end_with_the_count(reminder, now):
    tick.run(now + timedelta(seconds=3))
    assert value(now, "foam_fired_lateness_seconds_bucket", le="2.5") == 0
    assert value(now, "foam_fired_lateness_seconds_bucket", le="5") == 1
    assert value(now, "foam_fired_lateness_seconds_bucket", le="+Inf") == 1
    assert value(now, "foam_fired_lateness_seconds_count") == 1
    assert value(now, "foam_fired_lateness_seconds_sum") == 3


def test_counters_begin_at_0_so_that_the_first_is_a_growth(now):
    assert value(now, "foam_attempts_total", kind="webhook", outcome="transient") == 0
    assert value(now, "foam_errors_total", where="wake") == 0
    assert value(now, "foam_leases_lost_total") == 0


def test_what_is_overdue_is_told_by_age_and_number(reminder, now):
    later = now + timedelta(seconds=90)
    assert value(later, "foam_overdue_seconds", what="reminder") == 90
    assert value(later, "foam_overdue", what="reminder") == 1
    tick.run(later)
    assert value(later, "foam_overdue", what="reminder") == 0
    assert value(later, "foam_overdue", what="delivery") == 1
    assert value(later, "foam_deliveries", state="due") == 1


def test_deliveries_are_told_by_state(channel, recorder, now):
    posts = [Post(channel.pk, f"test:{n}", "Title", "", now) for n in range(5)]
    post_messages(posts, now)
    ids = list(Delivery.objects.values_list("pk", flat=True))
    row = Delivery.objects.filter
    soon, past = now + timedelta(seconds=9), now - timedelta(seconds=9)
    row(pk=ids[0]).update(status="sending", attempt=1, leased_until=soon)
    row(pk=ids[1]).update(status="sending", attempt=1, leased_until=past)
    row(pk=ids[2]).update(attempt=1, next_attempt_at=soon)
    row(pk=ids[3]).update(held="digest", next_attempt_at=soon)
    for state in ("leased", "lost", "retrying", "held", "due"):
        assert value(now, "foam_deliveries", state=state) == 1


def test_channels_that_nothing_is_sent_to_are_counted(channel, now):
    Channel.objects.filter(pk=channel.pk).update(disabled_at=now, held_until=now + LATER)
    assert value(now, "foam_channels", state="disabled") == 1
    assert value(now, "foam_channels", state="held") == 1


LATER = timedelta(minutes=1)


@pytest.fixture
def nothing_waits():
    """What tests before have sent, no worker may have taken."""
    with current_app.connection_for_write() as broker:
        for queue in ("dispatch", "deliver"):
            broker.default_channel.queue_purge(queue)


@pytest.mark.usefixtures("nothing_waits")
def test_build_and_broker_are_told(now):
    assert any(name == "foam_build_info" for name, _ in read(now))
    assert value(now, "foam_up", what="broker") == 1
    assert value(now, "foam_queue_length", queue="deliver") == 0


@pytest.mark.usefixtures("nothing_waits")
def test_wake_ups_that_nobody_takes_are_counted(now):
    with current_app.connection_for_write() as broker:
        queue = broker.SimpleQueue("deliver")
        queue.put({})
        try:
            assert value(now, "foam_queue_length", queue="deliver") == 1
        finally:
            queue.clear()


def test_broker_that_is_away_is_told_at_once(now, monkeypatch):
    monkeypatch.setattr(
        metrics, "queue_lengths", lambda: (_ for _ in ()).throw(ConnectionRefusedError())
    )
    assert value(now, "foam_up", what="broker") == 0
    assert value(now, "foam_up", what="database") == 1


def test_database_that_is_away_is_told_and_the_rest_goes_on(now, monkeypatch):
    def away(*_):
        raise OperationalError("gone")

    monkeypatch.setattr(metrics.transaction, "atomic", away)
    assert value(now, "foam_up", what="database") == 0
    assert value(now, "foam_up", what="broker") == 1
    assert value(now, "foam_scrape_failed", part="counters") == 1
    assert not any(name == "foam_attempts_total" for name, _ in read(now))


def test_part_that_takes_too_long_is_left_out(now, monkeypatch):
    def slow(_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(10)")
        yield from ()

    monkeypatch.setattr(metrics, "PATIENCE_MS", 50)
    monkeypatch.setitem(metrics.PARTS, "channels", slow)
    assert value(now, "foam_scrape_failed", part="channels") == 1
    assert value(now, "foam_scrape_failed", part="overdue") == 0


# However many rows there are


@pytest.fixture
def many(make_reminder, channel, now):
    """20,000 finished deliveries and 20,000 sleeping reminders: PostgreSQL knows them all."""
    make_reminder(starts_at=(now + timedelta(days=9)).replace(tzinfo=None))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notifications_delivery (channel_id, reference, title, body, due_at, data,"
            " status, attempt, max_attempts, reason, created_at, finished_at)"
            " SELECT %s, 'test:' || n, '', '', now(), '{}', 'sent', 1, 8, '', now(), now()"
            " FROM generate_series(1, 20000) AS n",
            [channel.pk],
        )
        cursor.execute(
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
            " WHERE table_name = 'reminders_reminder' AND column_name NOT IN ('id', 'external_id')"
            " AND is_generated = 'NEVER'"
        )
        ((columns,),) = cursor.fetchall()
        cursor.execute(
            f"INSERT INTO reminders_reminder ({columns}) SELECT {columns} FROM reminders_reminder,"
            " generate_series(1, 20000) WHERE id > 0"
        )
        cursor.execute(
            "INSERT INTO reminders_plan (reminder_id, owner_id, status, next_fire_at, next_due_at,"
            " next_lead, missed_count, fired_count, error) SELECT r.id, p.owner_id, p.status,"
            " p.next_fire_at, p.next_due_at, p.next_lead, 0, 0, '' FROM reminders_plan p,"
            " reminders_reminder r WHERE p.reminder_id > 0 AND r.id NOT IN"
            " (SELECT reminder_id FROM reminders_plan)"
        )
        cursor.execute("ANALYZE notifications_delivery, reminders_plan")


def test_no_query_reads_a_table_that_grows(many, now):
    with CaptureQueriesContext(connection) as asked:
        metrics.page(now)
    selects = [each["sql"] for each in asked if each["sql"].lstrip().startswith("SELECT")]
    assert len(selects) > 8
    with connection.cursor() as cursor:
        for sql in selects:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            # The table of occurrences is empty here, and its index is asked for elsewhere.
            assert not re.search(r"Seq Scan on (notifications_delivery|reminders_plan)\b", plan), (
                plan
            )


# Who may read


def test_without_a_token_there_is_nothing_in_production(client, settings):
    settings.PRODUCTION, settings.FOAM_METRICS_TOKEN = True, ""
    assert client.get("/metrics").status_code == 404


def test_in_development_this_machine_may_look_and_no_other(client, settings):
    settings.PRODUCTION, settings.FOAM_METRICS_TOKEN = False, ""
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 404


@pytest.mark.parametrize("shown", ["", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"])
def test_only_the_token_opens_it(client, settings, shown):
    settings.FOAM_METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers={"authorization": shown})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert b"foam_" not in answer.content


def test_token_opens_it_by_whatever_name_one_comes(client, settings):
    settings.FOAM_METRICS_TOKEN = TOKEN
    settings.SECURE_SSL_REDIRECT = True
    headers = {"authorization": f"Bearer {TOKEN}", "host": "10.1.2.3:8000"}
    answer = client.get("/metrics", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, metrics.CONTENT_TYPE)


def test_command_prints_the_same(capsys, now):
    call_command("metrics")
    assert "foam_build_info{" in capsys.readouterr().out


# What goes wrong on our side


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_sent_or_said_is_counted(channel, recorder, now, monkeypatch):
    from kombu.exceptions import OperationalError as BrokerError

    def away(*_, **__):
        raise BrokerError("gone")

    monkeypatch.setattr("notifications.outbox.queue.current_app.send_task", away)
    wake_workers()
    monkeypatch.setattr("notifications.outbox.round.collect_digests", lambda now: 1 / 0)
    deliver_due(now)
    monkeypatch.setattr(store, "FLUSH_SECONDS", 0)
    store.flush()
    assert value(now, "foam_errors_total", where="wake") == 1
    assert value(now, "foam_errors_total", where="digest") == 1


def test_reminder_that_is_set_aside_is_counted(make_reminder, now):
    from reminders.models import Reminder

    bad = make_reminder()
    Reminder.objects.filter(pk=bad.pk).update(timezone="Mars/Olympus")
    tick.run(now)
    assert value(now, "foam_set_aside_total", what="reminder") == 1


@pytest.mark.django_db(transaction=True)
def test_requests_and_sign_ins_are_counted(client, user, now):
    client.get("/api/v1/reminders/?search=words")
    client.login(email="ada@example.com", password="enigma-1843")
    client.login(email="ada@example.com", password="no")
    store.flush(every=0)
    assert value(now, "foam_requests_total", view="reminder-list", status="4xx") == 1
    assert value(now, "foam_logins_total", outcome="accepted") == 1
    assert value(now, "foam_logins_total", outcome="refused") == 1


def test_failed_attempt_is_counted_by_kind(channel, recorder, now):
    post_messages([Post(channel.pk, "test:1", "Title", "", now)], now)
    recorder.fail_with(TransportError("gone", permanent=True))
    deliver_due(now)
    assert value(now, "foam_attempts_total", kind="webhook", outcome="permanent") == 1
    assert value(now, "foam_deliveries_ended_total", kind="webhook", status="dead") == 1
