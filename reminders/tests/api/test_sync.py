"""`updated_since`: what has changed, what is deleted, and nothing missed."""

import base64
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from notifications.tests.counters import captured_statements
from reminders.api import sync
from reminders.engine import retention, tick
from reminders.models import Reminder, Revision

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"


def changes(api, since, **query):
    answer = api.get(URL, {"updated_since": since, **query})
    assert answer.status_code == 200, answer.json()
    return answer.json()


def ids(page):
    return [each["id"] for each in page["results"]]


def settle():
    """Wait for what is at work in any database here: changes since it began would come again."""

    def ask(which):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_snapshot_{which}(pg_current_snapshot())::text::bigint")
            return cursor.fetchone()[0]

    newest, deadline = ask("xmax"), time.monotonic() + 60
    while ask("xmin") < newest:
        assert time.monotonic() < deadline, "an older transaction does not end"


def copied(api):
    """Return where a program has come to that has a copy of everything."""
    settle()
    return changes(api, "start")["sync"]


@pytest.fixture
def mark(api, make_reminder):
    return copied(api)


def test_a_copy_begins_with_all_there_is(api, make_reminder, now):
    kept = [make_reminder().pk for _ in range(3)]
    make_reminder().close(now)
    page = changes(api, "start")
    assert (ids(page), page["deleted"], page["next"]) == (kept, [], None)


def test_nothing_has_changed_since(api, mark):
    page = changes(api, mark)
    assert (page["results"], page["deleted"]) == ([], [])


def test_changes_come_in_their_order(api, make_reminder, now):
    first, _, third = (make_reminder() for _ in range(3))
    mark = copied(api)
    third.pause(now - timedelta(minutes=1))
    api.patch(f"{URL}{first.pk}/", {"title": "New"})
    new = make_reminder()
    assert ids(changes(api, mark)) == [third.pk, first.pk, new.pk]


def test_deleted_reminder_leaves_a_tombstone_without_words(api, make_reminder, now):
    reminder = make_reminder(external_id="e1", title="Secret")
    mark = copied(api)
    reminder.close(now)
    assert changes(api, mark)["deleted"] == [
        {"id": reminder.pk, "external_id": "e1", "version": 2, "deleted_at": "2026-11-23T17:00:00Z"}
    ]


def test_what_another_deleted_is_not_told(api, stranger_api, make_reminder, now):
    mark = copied(stranger_api)
    make_reminder().close(now)
    page = changes(stranger_api, mark)
    assert (page["results"], page["deleted"]) == ([], [])


def test_firing_is_no_change(api, make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    mark = copied(api)
    assert tick.run(now) == 1
    reminder.refresh_from_db()
    assert reminder.next_due_at > now
    assert changes(api, mark)["results"] == []


@pytest.mark.parametrize("since", ["start", "mark", "instant"])
def test_pages_lead_to_all_of_it_and_then_to_what_comes_after(api, make_reminder, since):
    begin = {
        "start": "start",
        "mark": copied(api),
        "instant": (timezone.now() - timedelta(hours=1)).isoformat(),
    }[since]
    made = [make_reminder().pk for _ in range(5)]
    settle()
    page = changes(api, begin, page_size=2)
    seen = ids(page)
    while page["next"]:
        assert page["sync"] is None
        page = api.get(page["next"]).json()
        seen += ids(page)
    assert seen == made
    late = make_reminder().pk
    assert ids(changes(api, page["sync"])) == [late]


def test_change_between_two_pages_is_not_missed(api, make_reminder, now):
    made = [make_reminder() for _ in range(4)]
    settle()
    page = changes(api, "start", page_size=2)
    made[0].pause(now - timedelta(minutes=1))
    page = api.get(page["next"]).json()
    assert ids(changes(api, page["sync"])) == [made[0].pk]


def test_change_that_commits_late_is_not_missed(api, make_reminder, now):
    """The first to change is the last to commit: the time of its change would pass it by."""
    slow, quick = make_reminder(), make_reminder()
    mark = copied(api)
    changed, may_commit = threading.Event(), threading.Event()

    def change_slowly():
        try:
            with transaction.atomic():
                Reminder.objects.get(pk=slow.pk).pause(now - timedelta(minutes=1))
                changed.set()
                may_commit.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=change_slowly)
    thread.start()
    changed.wait(10)
    quick.pause(now - timedelta(minutes=1))
    page = changes(api, mark)
    assert ids(page) == [quick.pk]
    may_commit.set()
    thread.join()
    assert slow.pk in ids(changes(api, page["sync"]))


def test_bulk_changes_count_whoever_makes_them(api, make_reminder):
    reminder = make_reminder()
    mark = copied(api)
    Reminder.objects.filter(pk=reminder.pk).update(version=7)
    assert ids(changes(api, mark)) == [reminder.pk]


@pytest.mark.parametrize(
    "since", ["", "yesterday", "2026-11-23", "2026-11-23T17:00:00", "W10", "é", "x" * 5000]
)
def test_nonsense_is_named(api, since):
    answer = api.get(URL, {"updated_since": since})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "updated_since"


def test_goes_with_no_filter(api):
    answer = api.get(URL, {"updated_since": "start", "status": "active"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "status"


def test_too_old_says_to_start_anew(api, user, settings):
    old = timezone.now() - timedelta(days=settings.FOAM_KEEP_DAYS, minutes=1)
    answers = [
        api.get(URL, {"updated_since": old.isoformat()}),
        api.get(URL, {"updated_since": sync.Mark(sync._era(), 5, old, 4, 1).encode(user.pk)}),
    ]
    assert [answer.status_code for answer in answers] == [410, 410]
    assert answers[0].json()["code"] == "sync_too_old"


def test_mark_of_another_database_says_to_start_anew(api, user):
    foreign = sync.Mark(1, 5, timezone.now(), 4, 1)
    ahead = foreign._replace(era=sync._era(), horizon=2**60)
    for mark in (foreign, ahead):
        assert api.get(URL, {"updated_since": mark.encode(user.pk)}).status_code == 410


def test_mark_from_before_marks_were_signed_says_to_start_anew(api):
    fields = [sync._era(), 5, "2026-11-23T17:00:00Z", 4, 1, None]
    old = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
    answer = api.get(URL, {"updated_since": old})
    assert (answer.status_code, answer.json()["code"]) == (410, "sync_too_old")


@pytest.mark.parametrize("change", [lambda m: m[:-2] + "AA", lambda m: "AAAA" + m[4:],
                                    lambda m: m[:-1], lambda m: m + "A", lambda m: "a\0",
                                    lambda m: "\ud7ff" + m, lambda m: "W10"])  # fmt: skip
def test_forged_mark_is_refused_and_told_how_to_begin(api, change):
    answer = api.get(URL, {"updated_since": change(copied(api))})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "updated_since"


def test_mark_of_another_user_is_refused(api, stranger_api):
    answer = api.get(URL, {"updated_since": copied(stranger_api)})
    assert "updated_since=start" in answer.json()["errors"][0]["detail"]


def test_prune_forgets_what_no_mark_asks_for(make_reminder, monkeypatch):
    make_reminder()
    later = datetime.now(UTC) + timedelta(days=91)
    retention.prune(later - timedelta(days=2), timedelta(days=90))
    assert Revision.objects.exists()
    retention.prune(later, timedelta(days=90))
    assert not Revision.objects.exists()


def test_statements_are_the_same_however_many_have_changed(api, make_reminder):
    mark = copied(api)
    for _ in range(10):
        make_reminder()
    with captured_statements() as texts:
        assert len(changes(api, mark)["results"]) == 10
    # The token, the horizon, the changes, their ids, and what is shown.
    assert len(texts) == 5
