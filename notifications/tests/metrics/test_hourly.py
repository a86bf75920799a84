"""What each hour brought, from marks of how far the meter had come."""

from collections import Counter
from datetime import timedelta

import pytest

from notifications.metrics import hourly, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_cache")]

SENT = store.ATTEMPTS.series(kind="webhook", outcome="sent")
HOUR = timedelta(hours=1)


def add(number):
    store.add(Counter({SENT: number}))


def brought(now, count=3):
    return [(hour.begin, hour.sums[SENT]) for hour in hourly.last(count, now) if hour.counted_from]


def test_hour_brings_what_came_between_its_mark_and_the_next(now):
    add(5)
    hourly.mark(now)
    add(2)
    hourly.mark(now + HOUR)
    add(4)
    later = now + 1.5 * HOUR
    assert brought(later) == [(now, 2), (now + HOUR, 4)]


def test_hour_is_marked_once_and_by_whoever_is_first(now):
    hourly.mark(now)
    add(3)
    hourly.mark(now + timedelta(minutes=30))
    assert brought(now + timedelta(minutes=31)) == [(now, 3)]


def test_hour_that_nobody_marked_is_not_known_nor_is_the_one_before(now):
    hourly.mark(now)
    add(3)
    hourly.mark(now + 2 * HOUR)
    known = [hour.counted_from for hour in hourly.last(3, now + 2 * HOUR)]
    assert known == [None, None, now + 2 * HOUR]


def test_hour_that_began_without_us_says_from_when_it_is_counted(now):
    start = now + timedelta(minutes=20)
    hourly.mark(start)
    (hour,) = hourly.last(1, start)
    assert (hour.begin, hour.counted_from) == (now, start)


def test_meter_that_began_anew_brings_what_it_has(now):
    add(10)
    hourly.mark(now)
    add(-6)
    assert brought(now + HOUR / 2) == [(now, 4)]


def test_folding_changes_no_hour(now, monkeypatch):
    monkeypatch.setattr(store, "COMPACT_ABOVE", 1)
    add(1)
    hourly.mark(now)
    add(2)
    assert store.compact()
    assert brought(now + HOUR / 2) == [(now, 2)]
