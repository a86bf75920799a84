"""FOAM's own rows in beat's table: staff say when they run, and nobody can break them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from django_celery_beat.schedulers import ModelEntry

from accounts.models import User
from foam.celery import app
from foam.processes import beat_rows
from reminders import initial_rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("beat_rows")]

TASKS = "/admin/django_celery_beat/periodictask/"
INTERVALS = "/admin/django_celery_beat/intervalschedule/"


@pytest.fixture
def root(client, staff):
    """Staff who may do anything."""
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    client.force_login(User.objects.get(pk=staff.pk))
    return client


@pytest.fixture
def tick():
    return PeriodicTask.objects.get(name="tick")


def refused(act):
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        act()
    return str(error.value)


def sql(text):
    with connection.cursor() as cursor:
        cursor.execute(text)


def act(client, name, rows, **more):
    chosen = {
        "action": name,
        "_selected_action": [row.pk for row in rows],
        "confirmed": "1",
        **more,
    }
    return client.post(TASKS, chosen, follow=True)


def told(answer):
    return " ".join(str(message) for message in answer.context["messages"])


def form_of(client, row):
    form = client.get(f"{TASKS}{row.pk}/change/").context["adminform"].form
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    return {
        name: value for name, value in values.items() if value not in (None, False) and name != "id"
    }


def save(client, row, **changes):
    return client.post(f"{TASKS}{row.pk}/change/", {**form_of(client, row), **changes})


# In the database


@pytest.mark.parametrize("name", beat_rows.OWN)
@pytest.mark.parametrize("by", ["queryset", "row", "sql"])
def test_nobody_deletes_them(name, by):
    rows = PeriodicTask.objects.filter(name=name)
    ways = {
        "queryset": rows.delete,
        "row": rows.get().delete,
        "sql": lambda: sql(f"DELETE FROM django_celery_beat_periodictask WHERE name = '{name}'"),
    }
    assert "it cannot be deleted" in refused(ways[by])
    assert rows.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "tock"),
        ("task", "os.system"),
        ("args", "[1]"),
        ("kwargs", '{"a": 1}'),
        ("queue", "nowhere"),
        ("exchange", "nowhere"),
        ("routing_key", "nowhere"),
        ("headers", '{"a": 1}'),
        ("one_off", True),
        ("start_time", datetime(2090, 1, 1, tzinfo=UTC)),
        ("expires", datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_nobody_makes_another_task_of_them(field, value):
    assert field in beat_rows.FIXED
    for name in beat_rows.OWN:
        rows = PeriodicTask.objects.filter(name=name)
        assert "as it is" in refused(lambda rows=rows: rows.update(**{field: value}))


def test_every_fixed_field_is_tried_above():
    (tried,) = test_nobody_makes_another_task_of_them.pytestmark
    assert tuple(field for field, _ in tried.args[1]) == beat_rows.FIXED


def test_schedule_of_ours_is_not_deleted_under_it():
    for row in (IntervalSchedule.objects.get(periodictask__name="tick"),
                CrontabSchedule.objects.get(periodictask__name="prune")):  # fmt: skip
        assert "it cannot be deleted" in refused(row.delete)


@pytest.mark.parametrize(("every", "period"), [(0, "seconds"), (61, "seconds"), (2, "minutes")])
def test_tick_has_sane_limits_whichever_row_is_edited(tick, every, period):
    other = IntervalSchedule.objects.create(every=every, period=period)
    rows = PeriodicTask.objects.filter(pk=tick.pk)
    assert "1 to 60 seconds" in refused(lambda: rows.update(interval=other))
    mine = IntervalSchedule.objects.filter(pk=tick.interval_id)
    assert "1 to 60 seconds" in refused(lambda: mine.update(every=every, period=period))


def test_tick_runs_at_no_other_kind_of_schedule(tick):
    at = CrontabSchedule.objects.create(minute="0")
    rows = PeriodicTask.objects.filter(pk=tick.pk)
    assert "interval" in refused(lambda: rows.update(interval=None, crontab=at))


@pytest.mark.parametrize(("every", "period"), [(1, "seconds"), (60, "seconds"), (1, "minutes")])
def test_interval_within_limits_is_taken(tick, every, period):
    other = IntervalSchedule.objects.create(every=every, period=period)
    assert PeriodicTask.objects.filter(pk=tick.pk).update(interval=other) == 1


def test_beat_goes_on_writing_when_they_ran(tick):
    entry = ModelEntry(tick, app=app)
    next(entry).save()
    tick.refresh_from_db()
    assert tick.total_run_count == 1
    assert tick.last_run_at is not None


def test_rows_of_others_are_as_ever(tick):
    task = PeriodicTask.objects.create(name="Other", task="t", interval=tick.interval)
    PeriodicTask.objects.filter(pk=task.pk).update(name="Another", enabled=False)
    hour = IntervalSchedule.objects.create(every=1, period="hours")
    IntervalSchedule.objects.filter(pk=hour.pk).update(every=2)
    assert PeriodicTask.objects.filter(pk=task.pk).delete()[0] == 1


def test_first_migration_leaves_a_tick_that_is_there(tick):
    initial_rows.add_tick(apps)
    assert PeriodicTask.objects.filter(name="tick").count() == 1


# In the admin


def test_interval_of_the_tick_can_be_edited(root, tick):
    five = IntervalSchedule.objects.create(every=5, period="seconds")
    assert save(root, tick, interval=five.pk).status_code == 302
    tick.refresh_from_db()
    assert (tick.interval, tick.enabled, tick.task) == (five, True, "reminders.tasks.dispatch")
    page = root.get(f"{TASKS}{tick.pk}/history/").content.decode()
    assert "“every second” → “every 5 seconds”" in page


def test_what_is_fixed_is_not_changed_by_the_form(root, tick):
    sent = {"name": "tock", "task": "os.system", "args": "[1]", "one_off": "on", "enabled": ""}
    assert save(root, tick, **sent).status_code == 302
    tick.refresh_from_db()
    assert (tick.name, tick.task, tick.args) == ("tick", "reminders.tasks.dispatch", "[]")
    assert (tick.one_off, tick.enabled) == (False, True)


def test_unusable_interval_is_an_error_that_names_what_is_allowed(root, tick):
    hour = IntervalSchedule.objects.create(every=1, period="hours")
    answer = save(root, tick, interval=hour.pk)
    assert answer.context["adminform"].errors["interval"] == [beat_rows.TICK_INTERVAL_RULE]
    answer = root.post(f"{INTERVALS}{tick.interval_id}/change/", form_of_interval(90))
    assert answer.context["adminform"].errors["every"] == [beat_rows.TICK_INTERVAL_RULE]
    assert root.post(f"{INTERVALS}{hour.pk}/change/", form_of_interval(90)).status_code == 302


def form_of_interval(every):
    none = {"TOTAL_FORMS": "0", "INITIAL_FORMS": "0"}
    inlines = {f"periodictask_set-{name}": value for name, value in none.items()}
    return {"every": every, "period": "seconds", **inlines}


def test_tick_is_not_switched_off_by_an_action(root, tick):
    other = PeriodicTask.objects.create(name="Other", task="t", interval=tick.interval)
    for name in ("disable_tasks", "toggle_tasks"):
        PeriodicTask.objects.update(enabled=True)
        answer = act(root, name, [tick, other])
        assert "nothing fires" in told(answer)
        enabled = dict(PeriodicTask.objects.values_list("name", "enabled"))
        assert (enabled["tick"], enabled["Other"]) == (True, False)


def test_tick_that_was_switched_off_can_be_switched_on(root, tick):
    PeriodicTask.objects.filter(pk=tick.pk).update(enabled=False)
    assert save(root, tick, enabled="on").status_code == 302
    tick.refresh_from_db()
    assert tick.enabled


def test_prune_is_switched_off_with_a_warning(root):
    prune = PeriodicTask.objects.get(name="prune")
    assert "nothing that is old is removed" in told(act(root, "disable_tasks", [prune]))
    assert not PeriodicTask.objects.get(name="prune").enabled
    entries = root.get(f"{TASKS}{prune.pk}/history/").context["entries"]
    assert entries[0].text == "Disabled."


def test_deletion_is_refused_with_its_reason(root, tick):
    other = PeriodicTask.objects.create(name="Other", task="t", interval=tick.interval)
    page = act(root, "delete_selected", [tick, other]).content.decode()
    assert "FOAM&#x27;s own periodic task “tick”" in page
    act(root, "delete_selected", [tick, other], post="yes")
    assert PeriodicTask.objects.filter(name__in=["tick", "Other"]).count() == 2
    answer = root.post(f"{TASKS}{tick.pk}/delete/", {"post": "yes"})
    assert "own periodic task “tick”" in answer.content.decode()
    act(root, "delete_selected", [other], post="yes")
    assert not PeriodicTask.objects.filter(name="Other").exists()


def test_interval_in_use_by_ours_is_not_deleted(root, tick):
    url = f"{INTERVALS}{tick.interval_id}/delete/"
    assert "own periodic task “tick”" in root.get(url).content.decode()
    root.post(url, {"post": "yes"})
    assert PeriodicTask.objects.filter(name="tick").exists()


@pytest.mark.parametrize(
    "model", [IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule]
)
def test_schedules_open_with_their_history(root, model):
    made = {
        IntervalSchedule: {"every": 3, "period": "hours"},
        CrontabSchedule: {"minute": "5"},
        ClockedSchedule: {"clocked_time": datetime.now(UTC) + timedelta(days=1)},
        SolarSchedule: {"event": "sunrise", "latitude": 52, "longitude": 13},
    }[model]
    row = model.objects.create(**made)
    url = f"/admin/django_celery_beat/{model._meta.model_name}/"
    for page in ("", "add/", f"{row.pk}/change/", f"{row.pk}/history/", f"{row.pk}/delete/"):
        assert root.get(f"{url}{page}").status_code == 200
