"""What is counted for operators: by everybody into one sum, with what it counts, never twice."""

from collections import Counter
from datetime import timedelta
from threading import Thread

import pytest
from django.db import OperationalError, connection, transaction

from notifications.metrics import store
from notifications.models import Delivery, Meter
from notifications.outbox.lease import LEASE
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError

SENT = 'foam_attempts_total{kind="webhook",outcome="sent"}'
FAILED = 'foam_attempts_total{kind="webhook",outcome="transient"}'
COUNT = "foam_lateness_seconds_bucket"


@pytest.fixture
def post(channel, now, woken):
    def post(*names, **fields):
        posts = [
            Post(channel.pk, f"test:{name}", "Title", "", **{"due_at": now, **fields})
            for name in names
        ]
        post_messages(posts, now)

    return post


def late() -> dict[str, float]:
    return {s: v for s, v in store.sums().items() if s.startswith(COUNT)}


@pytest.mark.django_db
def test_attempts_are_counted_by_outcome_and_kind(post, recorder, now):
    post("a", "b")
    recorder.fail_with(TransportError("busy"))
    deliver_due(now)
    recorder.recover()
    deliver_due(now + timedelta(hours=1))
    sums = store.sums()
    assert (sums[FAILED], sums[SENT]) == (2, 2)
    assert sums['foam_deliveries_ended_total{kind="webhook",status="sent"}'] == 2


@pytest.mark.django_db
def test_what_is_rolled_back_is_not_counted(db):
    with transaction.atomic():
        store.add(Counter({"foam_errors_total": 1}))
        transaction.set_rollback(True)
    assert store.sums() == {}


@pytest.mark.django_db
def test_lateness_runs_from_the_due_instant(post, recorder, now):
    post("a", due_at=now - timedelta(seconds=7))
    deliver_due(now)
    assert late() == {f'{COUNT}{{kind="webhook",le="10"}}': 1}


@pytest.mark.django_db
def test_early_alert_is_late_from_when_it_was_to_go_out(post, recorder, now):
    post("a", due_at=now + timedelta(hours=1))
    deliver_due(now + timedelta(seconds=2))
    assert late() == {f'{COUNT}{{kind="webhook",le="2.5"}}': 1}


@pytest.mark.django_db
def test_what_was_held_or_failed_before_is_not_late(post, recorder, now):
    post("held")
    Delivery.objects.update(held="quiet")
    deliver_due(now + timedelta(hours=9))
    post("failed")
    recorder.fail_with(TransportError("busy"))
    deliver_due(now + timedelta(hours=9))
    recorder.recover()
    deliver_due(now + timedelta(hours=10))
    assert store.sums()[SENT] == 2
    assert late() == {}


@pytest.mark.django_db
def test_lease_of_a_lost_worker_is_counted(post, recorder, now):
    post("a")
    Delivery.objects.update(
        status="sending", attempt=1, leased_until=now - timedelta(seconds=1), next_attempt_at=now
    )
    deliver_due(now + LEASE)
    assert store.sums()["foam_leases_lost_total"] == 1


@pytest.mark.django_db
def test_folded_rows_add_up_to_the_same(monkeypatch):
    monkeypatch.setattr(store, "COMPACT_ABOVE", 10)
    for number in range(30):
        store.add(Counter({f"series{number % 3}": number}))
    before = store.sums()
    assert store.compact()
    assert store.sums() == before
    assert Meter.objects.count() == 3
    assert not store.compact()


@pytest.mark.django_db(transaction=True)
def test_parallel_folds_lose_nothing_and_count_nothing_twice(monkeypatch):
    monkeypatch.setattr(store, "COMPACT_ABOVE", 0)
    store.add(Counter({f"series{number}": 1 for number in range(500)}))

    def work() -> None:
        try:
            for _ in range(10):
                store.add(Counter({"foam_errors_total": 1}))
                store.compact()
        finally:
            connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(store.sums().values()) == 540
    assert store.sums()["foam_errors_total"] == 40


@pytest.mark.django_db(transaction=True)
def test_what_the_database_does_not_take_is_kept_until_it_does():
    store.error("database")

    def broken(*_):
        raise OperationalError("gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "add", broken)
        store.flush(every=0)
    assert store.sums() == {}
    store.flush(every=0)
    assert store.sums() == {'foam_errors_total{where="database"}': 1}


def test_value_on_a_bound_belongs_to_it():
    histogram = store.Histogram("h", (1, 2))
    assert histogram.of([1, 1.5, 2, 3]) == {
        'h_bucket{le="1"}': 1,
        'h_bucket{le="2"}': 2,
        'h_bucket{le="+Inf"}': 1,
        "h_sum": 7.5,
    }


def test_label_cannot_break_out_of_its_quotes():
    assert store.Counter("c").series(a='x"\\\n') == 'c{a="x\\"\\\\\\n"}'
