"""FOAM's cache: in PostgreSQL, for all processes, and never emptied to make room."""

import threading
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty(db):
    cache.clear()


def rows():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_cache")
        return cursor.fetchone()[0]


def test_what_is_set_is_read_and_replaced():
    cache.set("a", [1.5, 2], 60)
    cache.set("a", [3], 60)
    assert cache.get("a") == [3]


def test_what_is_there_is_not_added_again():
    assert cache.add("a", 1, 60)
    assert not cache.add("a", 2, 60)
    assert cache.get("a") == 1


def test_what_has_run_out_is_as_if_it_were_not_there():
    cache.set("a", 1, -1)
    assert cache.get("a") is None
    assert not cache.touch("a", 60)
    assert cache.add("a", 2, 60)


def test_touched_lasts_longer():
    cache.set("a", 1, 1)
    assert cache.touch("a", timedelta(hours=1).total_seconds())
    assert cache.has_key("a")


def test_writing_forgets_what_has_run_out():
    for number in range(30):
        cache.set(f"old{number}", 1, -1)
    cache.set("new", 1, 60)
    cache.set("newer", 1, 60)
    assert rows() <= 20


def test_nothing_that_counts_is_thrown_out_however_much_there_is():
    for number in range(400):
        cache.set(str(number), 1, 60)
    assert rows() == 400


@pytest.mark.django_db(transaction=True)
def test_of_all_who_add_at_once_one_is_first():
    won = []
    ready = threading.Barrier(6)

    def add():
        ready.wait()
        won.append(cache.add("code", 1, 60))
        connection.close()

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won.count(True) == 1
