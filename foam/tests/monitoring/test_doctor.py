"""The doctor: each thing is broken in turn, and is named with its fix; the rest is told as ever."""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from foam import replaced_migrations
from foam.monitoring import doctor
from foam.monitoring.doctor import broker, clock, database, host, mail, running
from foam.monitoring.doctor.finding import Check, ok
from foam.tests import processes
from notifications.models import Attempt, Channel, Delivery
from notifications.operations import partitions
from notifications.operations.attempt_partitions import ATTEMPTS
from notifications.outbox.post import Post, post_messages
from notifications.tests.receivers import SmtpReceiver
from reminders.engine import retention
from reminders.engine.occurrence_partitions import OCCURRENCES

pytestmark = pytest.mark.django_db

KEY = Fernet.generate_key().decode()


def worst(look, now=None) -> tuple[str, str]:
    """Return the state and the text of the worst that a check finds."""
    found = list(look(now or timezone.now()))
    assert all(bool(each.fix) == (each.state != "ok") for each in found)
    rank = ("ok", "warn", "fail")
    each = max(found, key=lambda each: rank.index(each.state))
    return each.state, each.text


# All is well


def test_what_is_well_is_ok(beat_rows, monkeypatch):
    monkeypatch.setattr(partitions, "LOCK_LIMIT", timedelta(seconds=30))
    retention.make_partitions(timezone.now())
    # Of dead rows that tests before have left.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_reset()")
    for look in (
        host.look_at_settings,
        host.look_at_keys,
        host.look_at_https,
        host.look_at_files,
        database.look_at_migrations,
        database.look_at_tables,
        database.look_at_connections,
        database.look_at_secrets,
        database.look_at_disk,
        broker.look_at_broker,
        broker.look_at_queues,
        running.look_at_beat,
        clock.look_at_clock,
        clock.look_at_rules,
    ):
        assert worst(look)[0] == "ok", worst(look)


# The database


@pytest.mark.parametrize("table", [OCCURRENCES, ATTEMPTS])
def test_missing_partition_is_a_warning(monkeypatch, table):
    monkeypatch.setattr(partitions, "LOCK_LIMIT", timedelta(seconds=30))
    retention.make_partitions(timezone.now())
    with connection.cursor() as cursor:
        for partition in table.partitions():
            cursor.execute(f"DROP TABLE {partition.name}")
    rows = table.name.rpartition("_")[2]
    state, text = worst(database.look_at_tables)
    assert (state, f"The next partition of the {rows}s is missing" in text) == ("warn", True)


# This machine


def test_host_that_is_not_allowed_is_named(settings):
    settings.FOAM_BASE_URL = "https://foam.example.org"
    settings.ALLOWED_HOSTS = ["other.example.org"]
    state, text = worst(host.look_at_settings)
    assert state == "fail"
    assert "foam.example.org" in text


def test_short_secret_key_is_a_warning_and_is_not_shown(settings):
    settings.SECRET_KEY = "xyzzy"
    state, text = worst(host.look_at_settings)
    assert state == "warn"
    assert "xyzzy" not in text


def test_key_that_is_none_is_counted_and_not_shown(settings):
    settings.FOAM_ENCRYPTION_KEYS = [KEY, "no key"]
    assert worst(host.look_at_keys) == (
        "fail",
        "Number 2 of FOAM_ENCRYPTION_KEYS is no Fernet key: no secret can be read.",
    )


def test_plain_http_in_production_fails(settings):
    settings.PRODUCTION, settings.FOAM_BASE_URL = True, "http://foam.example.org"
    assert worst(host.look_at_https)[0] == "fail"


def test_https_without_a_trusted_proxy_is_a_warning(settings):
    settings.FOAM_BASE_URL, settings.SECURE_PROXY_SSL_HEADER = "https://foam.example.org", None
    assert worst(host.look_at_https)[0] == "warn"


def test_missing_static_files_fail_in_production(settings, tmp_path):
    settings.PRODUCTION, settings.STATIC_ROOT = True, str(tmp_path)
    state, text = worst(host.look_at_files)
    assert (state, "static files" in text) == ("fail", True)


def test_secrets_that_others_may_read_and_code_they_may_write_are_told(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    (tmp_path / "foam").mkdir()
    (tmp_path / ".env").write_text("SECRET_KEY=x")
    (tmp_path / ".env").chmod(0o644)
    assert worst(host.look_at_files)[0] == "warn"
    (tmp_path / "foam").chmod(0o777)
    assert worst(host.look_at_files)[0] == "fail"


def test_address_where_nobody_is_is_told(settings):
    settings.FOAM_BASE_URL = f"http://127.0.0.1:{processes.free_port()}"
    state, text = worst(host.look_at_address)
    assert state == "warn"
    assert "cannot be reached" in text


def test_address_that_answers_as_foam_is_ok(settings, live_server):
    settings.FOAM_BASE_URL = live_server.url
    assert worst(host.look_at_address)[0] == "ok"


# The database


def test_missing_migration_is_named(monkeypatch):
    from django.db.migrations.recorder import MigrationRecorder

    newest = MigrationRecorder.Migration.objects.filter(app="mfa").latest("name")
    newest.delete()
    state, text = worst(database.look_at_migrations)
    assert state == "fail"
    assert f"1 migrations are not applied: mfa.{newest.name}" in text


def test_database_that_has_all_replaced_migrations_is_complete():
    from django.db.migrations.recorder import MigrationRecorder

    gone = replaced_migrations.names()
    assert gone <= MigrationRecorder(connection).applied_migrations().keys()
    assert ("reminders", "0002_tick") in gone
    assert worst(database.look_at_migrations) == ("ok", "All migrations are applied.")


@pytest.mark.parametrize("app", ["accounts", "notifications", "reminders"])
def test_database_that_lacks_a_replaced_migration_is_told(app):
    from django.db.migrations.recorder import MigrationRecorder

    newest = MigrationRecorder.Migration.objects.filter(app=app).latest("name")
    newest.delete()
    assert worst(database.look_at_migrations) == (
        "fail",
        f"1 migrations are not applied and are no longer files: {app}.{newest.name}.",
    )


def test_database_that_is_ahead_of_the_code_is_told():
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder.Migration.objects.create(
        app="reminders", name="9999_later", applied=timezone.now()
    )
    assert worst(database.look_at_migrations) == (
        "warn",
        "The database is ahead of this code: reminders.9999_later.",
    )


@pytest.mark.parametrize(
    ("rows", "look", "state"),
    [
        ([[("14.1", 140001, "foam", False, "on")], [(True,)]], database.look_at_database, "fail"),
        ([[("18.0", 180000, "foam", True, "on")], [(True,)]], database.look_at_database, "fail"),
        ([[("18.0", 180000, "foam", False, "off")], [(True,)]], database.look_at_database, "warn"),
        ([[("18.0", 180000, "foam", False, "on")], [(False,)]], database.look_at_database, "fail"),
        ([[(301,)], [("on",)], []], database.look_at_tables, "warn"),
        ([[(0,)], [("off",)], []], database.look_at_tables, "fail"),
        ([[(0,)], [("on",)], [("t", 900000, 1000)]], database.look_at_tables, "warn"),
        ([[(95, 3, 100)]], database.look_at_connections, "warn"),
    ],
)
def test_what_postgresql_says_of_itself_is_judged(monkeypatch, rows, look, state):
    answers = iter(rows)
    monkeypatch.setattr(database, "rows", lambda sql, *values: next(answers))
    assert worst(look)[0] == state


def test_secret_that_no_key_reads_is_named_by_row(channel, settings):
    Channel.objects.filter(pk=channel.pk).update(secret="whsec_words")
    settings.FOAM_ENCRYPTION_KEYS = [KEY]
    state, text = worst(database.look_at_secrets)
    assert state == "fail"
    assert f"row {channel.pk}" in text
    assert "whsec" not in text


# The broker


def test_broker_that_is_away_is_told_by_each_check(settings, monkeypatch):
    settings.REDIS_URL = f"redis://127.0.0.1:{processes.free_port()}/0"
    assert worst(broker.look_at_broker)[0] == "fail"
    # The clocks of the others are compared all the same.
    assert worst(clock.look_at_clock)[0] == "ok"
    monkeypatch.setattr(broker, "queue_lengths", lambda: (_ for _ in ()).throw(OSError()))
    (unknown,) = broker.look_at_queues(timezone.now())
    assert (unknown.state, unknown.fix) == ("warn", "")


@pytest.mark.parametrize(
    "info",
    [
        {"redis_version": "5.0.7"},
        {"redis_version": "8.0.0", "maxmemory": 100, "maxmemory_policy": "allkeys-lru"},
        {"redis_version": "8.0.0", "maxmemory": 100, "maxmemory_policy": "noeviction",
         "used_memory": 95},
    ],
)  # fmt: skip
def test_what_redis_says_of_itself_is_judged(monkeypatch, info):
    class Server:
        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *_: None  # noqa: E731

        def info(self):
            return info

    monkeypatch.setattr(broker, "redis", Server)
    assert worst(broker.look_at_broker)[0] == "warn"


def test_queue_that_nobody_works_off_fails(monkeypatch):
    monkeypatch.setattr(broker, "queue_lengths", lambda: {"dispatch": 5000, "deliver": 0})
    assert worst(broker.look_at_queues)[0] == "fail"


# What is to run


def row(task="reminders.tasks.dispatch"):
    return PeriodicTask.objects.filter(task=task)


def test_tick_that_is_switched_off_fails_with_its_name(beat_rows):
    row().update(enabled=False)
    state, text = worst(running.look_at_beat)
    assert (state, "switched off" in text) == ("fail", True)


def test_tick_that_is_not_there_fails(beat_rows):
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER reminders_keep_own_task ON django_celery_beat_periodictask")
    row().delete()
    assert worst(running.look_at_beat)[0] == "fail"


def test_tick_that_is_there_twice_or_seldom_is_a_warning(beat_rows):
    minute = IntervalSchedule.objects.create(every=1, period="minutes")
    PeriodicTask.objects.create(name="again", task="reminders.tasks.dispatch", interval=minute)
    texts = [each.text for each in running.look_at_beat(timezone.now()) if each.state == "warn"]
    assert len(texts) == 2
    assert "2 times" in texts[0]
    assert "every 60 s" in texts[1]


def test_prune_that_is_switched_off_is_a_warning(beat_rows):
    row("reminders.tasks.prune").update(enabled=False)
    assert worst(running.look_at_beat)[0] == "warn"


def test_tick_and_canary_that_do_not_come_fail():
    assert [each.state for each in running.look_alive(timezone.now())] == ["fail", "fail"]


# Clocks and rules


@pytest.mark.parametrize(("ahead", "state"), [(0, "ok"), (5, "warn"), (-5, "warn"), (60, "fail")])
def test_clock_that_is_off_is_told(monkeypatch, ahead, state):
    at = timezone.now() - timedelta(seconds=ahead)
    monkeypatch.setattr(clock, "_postgres_time", lambda: at)
    assert worst(clock.look_at_clock)[0] == state


def test_old_rules_are_a_warning(monkeypatch):
    monkeypatch.setattr(clock, "tzdata_version", lambda: "2019.3")
    assert worst(clock.look_at_rules)[0] == "warn"


# Mail


def test_mail_that_is_not_set_up_is_a_warning(settings):
    settings.EMAIL_URL = ""
    assert worst(mail.look_at_mail)[0] == "warn"


@pytest.fixture
def mailing(settings):
    settings.EMAIL_URL = "smtp://"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    with SmtpReceiver() as server:
        url = server.url.removeprefix("smtp://").split("/")[0]
        settings.EMAIL_HOST, settings.EMAIL_PORT = url.split(":")[0], int(url.split(":")[1])
        yield server


def test_mail_server_is_tried_without_a_letter(mailing):
    assert worst(mail.look_at_mail)[0] == "ok"
    assert not mailing.mails


def test_own_authorities_are_named_and_a_file_that_is_none_fails(monkeypatch, tmp_path):
    assert worst(host.look_at_authorities)[0] == "ok"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    state, text = worst(host.look_at_authorities)
    assert (state, "SSL_CERT_FILE" in text) == ("fail", True)
    (tmp_path / "none.pem").write_text("no certificate")
    assert worst(host.look_at_authorities)[0] == "fail"


def refuse_mail(channel, now, detail):
    Channel.objects.filter(pk=channel.pk).update(kind="email", address="ada@example.com")
    message = Post(channel.pk, "occurrence:1", "Title", "", now)
    post_messages([message], now)
    Delivery.objects.update(attempt=1)
    Attempt.objects.create(
        delivery=Delivery.objects.get(), number=1, outcome="transient", detail=detail, ended_at=now
    )


def test_mail_server_that_refuses_foam_itself_is_told(channel, now, woken):
    refuse_mail(channel, now, "answered 554: 5.7.1 <foam@foam.example>: Sender address rejected")
    state, text = worst(mail.look_at_refusals)
    assert (state, "1 × 554 5.7.1" in text) == ("warn", True)


@pytest.mark.parametrize("detail", ["answered 450: 4.2.0 greylisted", "answered 552: 5.2.2 full"])
def test_mail_that_waits_for_its_recipient_is_not(channel, now, woken, detail):
    refuse_mail(channel, now, detail)
    assert worst(mail.look_at_refusals)[0] == "ok"


def test_letter_is_sent_where_it_is_asked_for(mailing):
    assert worst(mail.send_to("grace@example.com").look)[0] == "ok"


def test_mail_server_without_starttls_or_at_all_fails(mailing, settings):
    settings.EMAIL_USE_TLS = True
    state, text = worst(mail.look_at_mail)
    assert (state, "STARTTLS" in text) == ("fail", True)
    settings.EMAIL_PORT = processes.free_port()
    assert worst(mail.look_at_mail)[0] == "fail"


# The whole


def test_check_that_hangs_or_breaks_holds_up_none_of_the_others(now):
    checks = [
        Check("slow", lambda now: time.sleep(30)),
        Check("broken", lambda now: [1 / 0]),
        Check("fine", lambda now: [ok("fine", "Fine.")]),
    ]
    began = time.monotonic()
    found = list(doctor.examine(now, checks, 0.2))
    assert time.monotonic() - began < 15
    assert [(each.check, each.state) for each in found] == [
        ("slow", "fail"),
        ("broken", "fail"),
        ("fine", "ok"),
    ]


def test_command_ends_with_1_when_something_fails(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "CHECKS", [Check("keys", host.look_at_keys)])
    call_command("doctor")
    assert capsys.readouterr().out.startswith("ok   keys: ")
    monkeypatch.setattr(doctor, "CHECKS", [Check("x", lambda now: [1 / 0])])
    with pytest.raises(CommandError, match="1 failed, 0 to look at"):
        call_command("doctor")


def test_command_without_a_database_ends_with_a_sentence():
    env = processes.environment(DATABASE_URL="postgres://foam@127.0.0.1:1/foam")
    command = [sys.executable, "manage.py", "ledger"]
    done = subprocess.run(
        command, check=False, env=env, cwd=processes.PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The database failed: OperationalError: connection failed")
    assert "manage.py doctor" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_command_without_settings_ends_with_a_sentence():
    env = {name: text for name, text in os.environ.items() if not name.startswith("FOAM_")}
    command = [sys.executable, "manage.py", "doctor"]
    done = subprocess.run(
        command, check=False, env=env, cwd=processes.PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Not set up: Set the environment variable ")
    assert len(done.stderr.splitlines()) == 1


def test_doctor_works_when_everything_is_down():
    env = processes.environment(
        DATABASE_URL="postgres://foam@127.0.0.1:1/foam", REDIS_URL="redis://127.0.0.1:1/0"
    )
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json", "--within", "20"],
        check=False, env=env, cwd=processes.PROJECT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    told = json.loads(done.stdout)
    states = {each["check"]: each["state"] for each in told["findings"]}
    assert told["ok"] is False
    assert (states["database"], states["broker"], states["keys"]) == ("fail", "fail", "ok")
    assert {each.name for each in doctor.CHECKS} <= states.keys()
