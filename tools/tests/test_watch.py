"""`manage.py watch`: what is new is shown as it happens, each once."""

import pytest
from django.db import connection

from foam.management.commands.watch import Follow
from foam.tests import processes
from foam.tests.processes import wait_until
from reminders.engine import tick
from reminders.models import Occurrence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]


@pytest.fixture
def follow():
    return Follow(Occurrence.objects.exclude_system())


def test_what_is_new_is_shown_once(follow, make_reminder, now):
    make_reminder()
    tick.run(now)
    assert follow.new() == ([Occurrence.objects.get()], 0)
    assert follow.new() == ([], 0)


def test_of_a_burst_the_first_are_shown_and_the_rest_counted(follow, make_reminder, now):
    for _ in range(Follow.MAX_ROWS + 3):
        make_reminder()
    tick.run(now)
    shown, more = follow.new()
    assert (len(shown), more) == (Follow.MAX_ROWS, 3)
    assert follow.new() == ([], 0)


def test_what_is_committed_after_a_later_one_is_shown(follow, make_reminder, now):
    make_reminder()
    make_reminder()
    tick.run(now)
    first, second = Occurrence.objects.order_by("pk")
    late = Follow(Occurrence.objects.exclude(pk=first.pk))
    late.rows = Occurrence.objects.all()
    assert late.new() == ([first], 0)
    assert second.pk in late.seen


# A database that ends its sessions

SESSIONS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_database_that_ends_its_sessions_is_connected_to_again(make_reminder, now, tmp_path):
    log = tmp_path / "watch.log"
    words = ["django", "watch", "--every", "0.1"]
    with processes.running(words, processes.environment(), log) as watch:
        wait_until(has_watched, 60, "it watches")
        with connection.cursor() as cursor:
            cursor.execute(SESSIONS)
        wait_until(lambda: "answers again" in log.read_text(), 30, "it is back")
        make_reminder()
        tick.run(now)
        wait_until(lambda: "Stand-up" in log.read_text(), 30, "it shows what fires")
        assert watch.poll() is None


def has_watched():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query LIKE '%notifications_attempt%'"
        )
        return cursor.fetchone() is not None
