"""django-celery-beat's tables: the same instants as beat, in FOAM's words."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from reminders.exchange import celery_beat
from reminders.exchange.importer import take
from reminders.models import Reminder
from reminders.recurrence import Schedule

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


def make(name="Water the plants", **fields):
    crontab = {"minute": "0", "hour": "9", **fields.pop("crontab", {})}
    if not fields.keys() & {"interval", "clocked", "solar"}:
        fields["crontab"] = CrontabSchedule.objects.create(**crontab)
    return PeriodicTask.objects.create(name=name, task="garden.tasks.remind", **fields)


def every(number, period):
    return IntervalSchedule.objects.create(every=number, period=period)


def read(timezone="UTC", now=NOW):
    return celery_beat.read(celery_beat.tasks("default"), timezone, now)


def only(**options):
    (draft,) = read(**options).drafts
    return draft


def schedule_of(draft):
    fields = {name: draft.fields[name] for name in ("timezone", "recurrence")}
    return Schedule(starts_at=datetime.fromisoformat(draft.fields["starts_at"]), **fields)


def upcoming(draft, count=5, now=NOW):
    return schedule_of(draft).upcoming(now, count)


def by_beat(row, count, now=NOW):
    """What beat's own schedule says, one after the other."""
    tz = ZoneInfo(str(row.timezone))
    found, last = [], now
    while len(found) < count:
        schedule = row.schedule
        schedule.nowfun = lambda last=last: last.astimezone(tz)
        start, ends_in, _ = schedule.remaining_delta(last.astimezone(tz))
        wall = start.replace(tzinfo=None) + ends_in
        last = wall.replace(tzinfo=tz).astimezone(UTC)
        found.append(last)
    return found


def field(rng, low, high, names=()):
    kind = rng.randrange(5)
    if kind == 0:
        return "*"
    if kind == 1:
        return f"*/{rng.randint(2, max(2, high // 2))}"
    a, b = sorted(rng.sample(range(low, high + 1), 2))
    if kind == 2:
        return f"{a}-{b}"
    if names and kind == 3:
        return rng.choice(names)
    return f"{a},{b}"


def rows(seed):
    rng = random.Random(seed)
    for _ in range(25):
        yield CrontabSchedule(
            minute=field(rng, 0, 59),
            hour=field(rng, 0, 23),
            day_of_month=field(rng, 1, 28),
            month_of_year=field(rng, 1, 12, ["jan", "jun"]),
            day_of_week=field(rng, 0, 6, ["mon", "fri", "wed-fri", "fri-mon"]),
            # No clock is set in these between now and the end of what is compared.
            timezone=rng.choice(["UTC", "Asia/Tokyo", "Asia/Kolkata", "America/Phoenix"]),
        )


@pytest.mark.parametrize("seed", range(12))
def test_crontab_is_due_when_beat_says(seed):
    for row in rows(seed):
        task = PeriodicTask(name="x", task="t", crontab=row, date_changed=NOW)
        (draft,) = celery_beat.read([task], "UTC", NOW).drafts
        assert upcoming(draft) == by_beat(row, 5), row


@pytest.mark.parametrize("seed", range(4))
def test_crontab_that_expires_is_due_when_beat_says_and_no_longer(seed):
    for row in rows(seed):
        third = by_beat(row, 3)[2]
        task = PeriodicTask(name="x", task="t", crontab=row, date_changed=NOW, expires=third)
        (draft,) = celery_beat.read([task], "UTC", NOW).drafts
        assert upcoming(draft) == by_beat(row, 2), row


def test_both_day_fields_have_to_fit():
    make(crontab={"day_of_month": "13", "day_of_week": "5"})
    assert [due.date().isoformat() for due in upcoming(only(), 2)] == ["2027-08-13", "2028-10-13"]


def test_crontab_is_told_in_its_zone():
    make(crontab={"timezone": "Europe/Berlin"})
    assert only().fields | {"external_id": ""} == {
        "title": "Water the plants",
        "body": "Task: garden.tasks.remind",
        "starts_at": "2000-01-01T00:00:00",
        "timezone": "Europe/Berlin",
        "recurrence": "0 9 * * *",
        "external_id": "",
    }


def test_crontab_does_not_begin_before_its_start():
    make(start_time=datetime(2027, 1, 1, 12, 0, tzinfo=UTC))
    assert upcoming(only(), 1) == [datetime(2027, 1, 2, 9, 0, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("number", "period"),
    [(1, "days"), (3, "days"), (7, "hours"), (90, "minutes"), (7200, "seconds"), (49, "hours")],
)
def test_interval_goes_on_from_its_last_run(number, period):
    length = timedelta(**{period: number})
    last = NOW - timedelta(minutes=1)
    make(interval=every(number, period), last_run_at=last)
    celery = PeriodicTask.objects.get(name="Water the plants").schedule
    celery.nowfun = lambda: NOW
    first = NOW + celery.remaining_estimate(last)
    assert upcoming(only(), 3) == [first, first + length, first + 2 * length]


def test_interval_that_never_ran_begins_at_its_start():
    start = NOW + timedelta(days=3, seconds=7)
    make(interval=every(2, "days"), start_time=start)
    assert upcoming(only(), 2) == [start, start + timedelta(days=2)]


def test_interval_without_a_start_counts_from_its_last_change():
    task = make(interval=every(2, "hours"))
    PeriodicTask.objects.filter(pk=task.pk).update(date_changed=NOW - timedelta(minutes=30))
    assert upcoming(only(), 1) == [NOW + timedelta(minutes=90)]


def test_interval_ends_when_it_expires():
    expires = NOW + timedelta(hours=2)
    make(interval=every(1, "hours"), last_run_at=NOW, expires=expires)
    assert upcoming(only()) == [NOW + timedelta(hours=1)]


def test_clocked_is_a_one_off_on_the_owners_clock():
    at = ClockedSchedule.objects.create(clocked_time=NOW + timedelta(days=1))
    make(clocked=at, one_off=True)
    fields = only(timezone="Europe/Berlin").fields
    assert (fields["starts_at"], fields["recurrence"]) == ("2026-11-24T18:00:00", "")


def test_task_that_runs_once_is_a_one_off():
    make(one_off=True, crontab={"timezone": "Europe/Berlin"})
    fields = only().fields
    assert (fields["starts_at"], fields["recurrence"]) == ("2026-11-24T09:00:00", "")


def test_words_are_those_of_the_task():
    make(
        name="Pay {rent}",
        description="To the landlord",
        args='["ada"]',
        kwargs='{"amount": 900}',
    )
    fields = only().fields
    assert fields["title"] == "Pay {{rent}}"
    assert fields["body"].replace("{{", "{").replace("}}", "}") == (
        'To the landlord\nTask: garden.tasks.remind\nArgs: ["ada"]\nKwargs: {"amount": 900}'
    )


def test_disabled_task_arrives_paused(user):
    make(enabled=False)
    take(user, read(), NOW)
    assert Reminder.objects.get().status == "paused"


def test_message_that_may_not_wait_is_not_sent_late():
    make(expire_seconds=90)
    assert (only().fields["misfire"], only().fields["grace"]) == ("none", "PT90S")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"interval": (30, "seconds")}, "FOAM counts in whole minutes, and this is every 30 sec"),
        ({"interval": (90, "seconds")}, "FOAM counts in whole minutes"),
        ({"interval": (1, "microseconds")}, "FOAM counts in whole minutes"),
        ({"expires": NOW}, "it has expired, at 2026-11-23T17:00:00Z."),
        ({"one_off": True, "total_run_count": 1}, "it was to run once, and has."),
        ({"crontab": {"hour": "25"}}, "its crontab cannot be read"),
        (
            {"crontab": {"day_of_week": "8"}},
            "its crontab cannot be read: Invalid end range: 8 > 6.",
        ),
    ],
)
def test_what_cannot_be_a_reminder_is_told(fields, why):
    if "interval" in fields:
        fields = {"interval": every(*fields["interval"])}
    make(**fields)
    reading = read()
    assert reading.drafts == []
    assert why in reading.losses[0].what
    assert not reading.losses[0].what.endswith("..")


def test_sun_is_not_followed():
    solar = SolarSchedule.objects.create(event="sunrise", latitude=52, longitude=13)
    make(solar=solar)
    assert "does not follow the sun (Sunrise)" in read().losses[0].what


def test_routing_is_told_as_left_behind():
    make(queue="slow", headers='{"a": 1}')
    assert [loss.what for loss in read().losses[1:]] == [
        "queue 'slow' is for messages to workers.",
        "Its headers are for messages to workers.",
    ]


def test_own_rows_of_foam_and_celery_are_no_reminders(beat_rows):
    PeriodicTask.objects.create(
        name="celery.backend_cleanup",
        task="celery.backend_cleanup",
        crontab=CrontabSchedule.objects.create(),
    )
    assert PeriodicTask.objects.count() == 3
    assert read().drafts == []


def test_same_tables_again_change_nothing(user):
    make()
    make("Another", interval=every(1, "days"), last_run_at=NOW)
    make(
        "A third",
        clocked=ClockedSchedule.objects.create(clocked_time=NOW.replace(year=2030)),
        one_off=True,
    )
    take(user, read(), NOW)
    counts = take(user, read(), NOW).counts
    assert counts == {"created": 0, "updated": 0, "unchanged": 3, "refused": 0}


def test_longest_name_has_an_id_that_fits():
    make("n" * 200)
    assert len(only().fields["external_id"]) <= 200
