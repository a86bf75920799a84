"""`manage.py import_reminders` and `export_reminders`."""

import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

from reminders.exchange.crontab import REMINDS
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("user")]

CRONTAB = "# Back up\n0 3 * * * backup\n@reboot warm-up\n"


@pytest.fixture
def run(capsys):
    def run(*arguments):
        out = io.StringIO()
        call_command(*arguments, stdout=out, stderr=io.StringIO())
        return out.getvalue()

    return run


@pytest.fixture
def crontab(tmp_path):
    path = tmp_path / "mine.crontab"
    path.write_text(CRONTAB)
    return str(path)


@pytest.fixture
def task():
    crontab = CrontabSchedule.objects.create(minute="0", hour="9")
    return PeriodicTask.objects.create(name="Water", task="garden.remind", crontab=crontab)


def test_file_is_taken_in_and_told(run, crontab):
    told = run("import_reminders", crontab, "--owner", "ada")
    assert Reminder.objects.get().title == "Back up"
    assert told.splitlines() == [
        "Reminders:",
        "  created    line 2                        Back up",
        "",
        "Not carried over:",
        f"  the file: {REMINDS}",
        "  line 3: @reboot is no time, so this is not carried over: warm-up",
        "",
        "Reminders: 1 created, 0 updated, 0 unchanged, 0 refused.",
    ]


def test_dry_run_keeps_nothing(run, crontab):
    told = run("import_reminders", crontab, "--owner", "ada", "--dry-run")
    assert told.endswith("Nothing was kept: a dry run.\n")
    assert not Reminder.objects.exists()


def test_json_is_the_report_of_the_api(run, crontab):
    told = json.loads(run("import_reminders", crontab, "--owner", "ada", "--json"))
    assert told["counts"]["created"] == 1


def test_standard_input_needs_a_format(run, monkeypatch):
    with pytest.raises(CommandError, match="Say --format"):
        run("import_reminders", "-", "--owner", "ada")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(CRONTAB.encode())))
    run(
        "import_reminders", "-", "--owner", "ada", "--format", "crontab", "--timezone", "Asia/Tokyo"
    )
    assert Reminder.objects.get().timezone == "Asia/Tokyo"


def test_ends_with_1_when_something_is_refused(run, tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_text('{"type":"foam","version":1}\n{"type":"reminder","title":"x"}\n')
    with pytest.raises(CommandError, match=r"Some of it was refused\.") as ended:
        run("import_reminders", str(file), "--owner", "ada")
    assert ended.value.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "Give either a FILE or --from-beat"),
        (["x.jsonl", "--from-beat"], "Give either a FILE or --from-beat"),
        (["x.jsonl", "--disable"], "go with --from-beat"),
        (["/nowhere.jsonl"], "/nowhere.jsonl: No such file or directory"),
        (["--from-beat", "--using", "other"], "The settings have no database 'other'"),
        (["--from-beat", "--database", "nonsense"], "--database: postgres://user"),
        (["--from-beat", "--task", "Nobody"], "Beat has no task 'Nobody'"),
    ],
)
def test_wrong_use_ends_with_2(run, arguments, why):
    with pytest.raises(CommandError, match=why) as ended:
        run("import_reminders", *arguments, "--owner", "ada")
    assert ended.value.returncode == 2


def test_file_that_cannot_be_read_ends_with_2(run, tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_text("hello")
    with pytest.raises(CommandError, match="Line 1: ") as ended:
        run("import_reminders", str(file), "--owner", "ada")
    assert ended.value.returncode == 2


def test_tables_of_beat_are_taken_in(run, task):
    run("import_reminders", "--from-beat", "--owner", "ada")
    assert Reminder.objects.get().title == "Water"
    task.refresh_from_db()
    assert task.enabled


def test_what_was_taken_in_is_disabled_in_beat(run, task):
    other = PeriodicTask.objects.create(
        name="Often", task="t", interval=every_second(), enabled=True
    )
    before = PeriodicTasks.last_change()
    run("import_reminders", "--from-beat", "--owner", "ada", "--disable")
    task.refresh_from_db()
    other.refresh_from_db()
    assert (task.enabled, other.enabled) == (False, True)
    assert PeriodicTasks.last_change() > before


def test_dry_run_disables_nothing(run, task):
    run("import_reminders", "--from-beat", "--owner", "ada", "--disable", "--dry-run")
    task.refresh_from_db()
    assert task.enabled


def test_only_tasks_that_are_named_are_taken_in(run, task):
    PeriodicTask.objects.create(name="Other", task="t", crontab=task.crontab)
    run("import_reminders", "--from-beat", "--owner", "ada", "--task", "Other")
    assert Reminder.objects.get().title == "Other"


def test_second_run_after_disabling_pauses_nothing(run, task):
    run("import_reminders", "--from-beat", "--owner", "ada", "--disable")
    run("import_reminders", "--from-beat", "--owner", "ada", "--disable")
    assert Reminder.objects.get().status == "active"


@pytest.mark.django_db(transaction=True)
def test_tables_of_another_database_are_taken_in(task):
    at = connection.settings_dict
    url = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    command = [sys.executable, "manage.py", "import_reminders", "--from-beat", "--owner", "ada"]
    done = subprocess.run(
        [*command, "--database", "SHOP_DATABASE_URL", "--disable"],
        env={**os.environ, "DATABASE_URL": url, "SHOP_DATABASE_URL": url},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Reminder.objects.get().title == "Water"
    task.refresh_from_db()
    assert not task.enabled


def test_export_is_taken_in_by_import(run, tmp_path, reminder, stranger):
    file = str(tmp_path / "out.jsonl")
    assert run("export_reminders", "--owner", "ada", "-o", file) == (
        f"1 reminders are in {file}.\n"
    )
    run("import_reminders", file, "--owner", "eve")
    assert Reminder.objects.filter(owner=stranger).count() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_export_goes_to_the_standard_output(run, reminder):
    assert run("export_reminders", "--owner", "ada").startswith('{"type":"foam","version":1}\n')


def test_export_says_what_it_does_not_write(run):
    with pytest.raises(CommandError, match="FOAM reads crontab, and does not write it"):
        run("export_reminders", "--owner", "ada", "-o", "x.crontab")


def every_second():
    from django_celery_beat.models import IntervalSchedule

    return IntervalSchedule.objects.create(every=1, period="seconds")
