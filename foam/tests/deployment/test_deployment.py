"""The deployment files keep their word: names, secrets, commands, one migration at a time."""

import importlib
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery.bin.beat import beat
from celery.bin.worker import worker
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command, get_commands
from django.core.management.base import CommandError
from django.db import OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from foam.management.commands import migrate_once

ROOT = settings.BASE_DIR
COMPOSE = (ROOT / "docker-compose.yml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
OURS = ["foam_web", "foam_celery_worker", "foam_celery_beat"]
REQUIRED = [
    "FOAM_BASE_URL",
    "ALLOWED_HOSTS",
    "SECRET_KEY",
    "FOAM_ENCRYPTION_KEYS",
    "DATABASE_URL",
    "REDIS_URL",
]
PRODUCTION = {
    "FOAM_BASE_URL": "https://foam.example.org",
    "ALLOWED_HOSTS": "foam.example.org",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
    "FOAM_ENCRYPTION_KEYS": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
    # Port 1: nobody is there, and nobody is asked.
    "DATABASE_URL": "postgres://foam@127.0.0.1:1/foam",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}


# docker-compose.yml and .env.example


def test_compose_has_the_six_services():
    assert set(SERVICES) == {*OURS, "foam_proxy", "foam_postgres", "foam_redis"}


def test_only_the_proxy_may_be_opened_to_the_network():
    ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert ports == {
        "foam_proxy": ["${FOAM_WEB_ADDRESS:-127.0.0.1}:8000:8000"],
        "foam_web": [],
        "foam_postgres": [],
        "foam_redis": [],
        "foam_celery_worker": [],
        "foam_celery_beat": [],
    }


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_watched_restarted_and_confined(name: str):
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert service["init"] is service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] <= 512
    assert "mem_limit" in service or name == "foam_postgres"


def test_web_migrates_before_worker_and_beat_start():
    web = {"foam_web": {"condition": "service_healthy"}}
    assert SERVICES["foam_celery_worker"]["depends_on"] == web
    assert SERVICES["foam_celery_beat"]["depends_on"] == web
    assert set(SERVICES["foam_web"]["depends_on"]) == {"foam_postgres", "foam_redis"}


def test_data_outlive_the_containers():
    volumes = {volume for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert volumes == {
        "postgres:/var/lib/postgresql",
        "redis:/data",
        "./deploy/postgres:/docker-entrypoint-initdb.d:ro",
        "./deploy/proxy.conf:/etc/nginx/nginx.conf:ro",
    }


def test_env_example_has_every_name_that_compose_reads():
    passed_on = {name for name, value in environment("foam_web").items() if value is None}
    assert interpolated() | passed_on == env_example(commented=True).keys()


def test_compose_refuses_to_start_without_a_secret():
    left_empty = {name for name, value in env_example().items() if not value}
    passwords = {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert left_empty == {"SECRET_KEY", "FOAM_ENCRYPTION_KEYS", *passwords}
    for name in left_empty:
        assert set(re.findall(rf"\${{{name}[^}}]*}}", COMPOSE)) == {
            f"${{{name}:?set {name} in .env}}"
        }


@pytest.mark.parametrize("name", OURS)
def test_compose_sets_everything_that_production_requires(name: str):
    assert set(REQUIRED) <= environment(name).keys()


def test_celery_services_have_options_that_celery_knows():
    commands = celery_commands("foam_celery_worker") + celery_commands("foam_celery_beat")
    assert [words[2] for words in commands] == ["worker", "worker", "beat"]
    for words in commands:
        assert words[1] == "--app=foam"
        command = {"worker": worker, "beat": beat}[words[2]]
        known = {option for each in command.params for option in each.opts}
        assert {word.split("=")[0] for word in words[3:]} <= known
    assert importlib.import_module("foam").celery_app.main == "foam"


def test_each_queue_has_a_worker_of_its_own():
    queues = [
        word.removeprefix("--queues=")
        for words in celery_commands("foam_celery_worker")
        for word in words
        if word.startswith("--queues=")
    ]
    used = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert sorted(queues) == sorted(used | {settings.CELERY_TASK_DEFAULT_QUEUE})


@pytest.mark.parametrize("name", OURS[1:])
def test_health_check_wants_word_of_every_node_that_runs(name: str):
    check = SERVICES[name]["healthcheck"]["test"][1]
    options = [word for words in celery_commands(name) for word in words]
    nodes = re.findall(r"--hostname=(\w+)@%h", " ".join(options))
    assert re.findall(r"-name '(\w+)@\*'", check) == nodes
    assert environment(name)["FOAM_ALIVE_DIR"] in check
    assert SERVICES[name]["healthcheck"]["interval"] == "5s"


def test_one_service_builds_the_image_that_all_three_run():
    assert [name for name in OURS if "build" in SERVICES[name]] == ["foam_web"]
    images = {(SERVICES[name]["image"], SERVICES[name]["pull_policy"]) for name in OURS}
    assert images == {("foam", "never")}


def environment(service: str) -> dict[str, str | None]:
    return SERVICES[service]["environment"]


def interpolated() -> set[str]:
    return set(re.findall(r"(?<!\$)\${(\w+)", COMPOSE))


def env_example(commented: bool = False) -> dict[str, str]:
    mark = "#?" if commented else ""
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(rf"^{mark}([A-Z_]+)=(.*)$", text, re.MULTILINE))


def celery_commands(service: str) -> list[list[str]]:
    """Return the Celery commands of a service, one or several in a script, in words."""
    command = SERVICES[service]["command"]
    if command[0] == "celery":
        return [command]
    script = re.sub(r"\${\w+:-(\w+)}", r"\1", command[-1])
    work = re.search(r'^work="(.*)"$', script, re.MULTILINE)
    assert work
    lines = re.findall(r"^\$\$work (.*) &$", script, re.MULTILINE)
    return [shlex.split(f"{work[1]} {line}") for line in lines]


# The image and run.sh


def test_image_holds_every_application_of_ours_and_no_secret():
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    ours = {name for name in settings.INSTALLED_APPS if (ROOT / name).is_dir()} - {"tools"}
    assert allowed[1] == "*"
    assert {"!" + name for name in ours if name != "tools"} <= set(allowed)
    assert "!tools" not in allowed
    assert not [line for line in allowed if line.startswith("!.")]


def test_run_sh_applies_migrations_and_never_makes_them():
    script = (ROOT / "run.sh").read_text()
    assert "makemigrations" not in script
    assert re.findall(r"manage\.py (\w+)", script) == ["migrate_once"]
    assert get_commands()["migrate_once"] == "foam"
    assert os.access(ROOT / "run.sh", os.X_OK)


def test_run_sh_names_the_secret_that_is_missing():
    environment = {**PRODUCTION, "SECRET_KEY": ""}
    result = run(["./run.sh"], environment)
    assert result.returncode != 0
    assert "SECRET_KEY" in result.stderr.splitlines()[-1]


def test_gunicorn_configuration_serves_an_application_that_exists(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "7")
    assert runpy.run_path(str(ROOT / "foam" / "processes" / "gunicorn_conf.py"))["workers"] == 7
    target = re.findall(r"[\w.]+:\w+", (ROOT / "run.sh").read_text())
    assert target == ["foam.wsgi:application"]
    assert settings.WSGI_APPLICATION == "foam.wsgi.application"


def run(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


# Settings


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least that production needs, and nothing of this test run's own."""
    for name in names_read():
        monkeypatch.delenv(name, raising=False)
    for name in REQUIRED:
        monkeypatch.setenv(name, PRODUCTION[name])


def load() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "foam" / "settings.py"))


def test_production_is_the_default(production: None):
    assert load()["PRODUCTION"] is True


@pytest.mark.parametrize("name", REQUIRED)
def test_production_refuses_to_start_without(
    name: str, production: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(name, "")
    with pytest.raises(ImproperlyConfigured, match=rf"\b{name}\b"):
        load()
    monkeypatch.delenv(name)
    with pytest.raises(ImproperlyConfigured, match=rf"\b{name}\b"):
        load()


@pytest.mark.parametrize("url", ["hc-ping.com/x", "ftp://example.org", "https://", "https://ü.de"])
def test_production_refuses_a_heartbeat_address_that_is_none(
    url: str, production: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOAM_HEARTBEAT_URL", url)
    with pytest.raises(ImproperlyConfigured, match="FOAM_HEARTBEAT_URL"):
        load()


@pytest.mark.parametrize("name", ["FOAM_BACKLOG_RATE", "FOAM_BACKLOG_HOLD_OVER"])
@pytest.mark.parametrize("value", ["-1", "many", "1e3", "99999999999"])
def test_production_refuses_numbers_of_a_backlog_that_are_none(
    name: str, value: str, production: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=f"{name} must be a number"):
        load()


@pytest.mark.parametrize("name", ["FOAM_SIGNUP", "FOAM_OIDC_SIGNUP"])
def test_sign_up_is_closed_in_production_and_nothing_but_open_or_closed(
    name: str, production: None, monkeypatch: pytest.MonkeyPatch
):
    assert load()[name] == "closed"
    monkeypatch.setenv(name, "yes")
    with pytest.raises(ImproperlyConfigured, match=f"{name} must be"):
        load()


def test_staff_need_a_second_factor_in_production(production: None):
    assert load()["FOAM_STAFF_SECOND_FACTOR"] is True


@pytest.mark.parametrize("issuer", ["http://sso.example.com", "sso.example.com", "ftp://x.example"])
def test_provider_without_tls_is_refused(
    issuer: str, production: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOAM_OIDC_ISSUER", issuer)
    with pytest.raises(ImproperlyConfigured, match="FOAM_OIDC_ISSUER must be"):
        load()


def test_provider_needs_the_name_and_the_secret_that_it_gave(
    production: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOAM_OIDC_ISSUER", "https://sso.example.com")
    with pytest.raises(ImproperlyConfigured, match="FOAM_OIDC_CLIENT_ID"):
        load()


@pytest.mark.parametrize("lease", ["49", "3601", "2 min", ""])
def test_lease_shorter_than_a_round_or_unreadable_is_refused(
    lease: str, production: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOAM_LEASE_SECONDS", lease)
    with pytest.raises(ImproperlyConfigured, match="FOAM_LEASE_SECONDS must be"):
        load()


@pytest.mark.parametrize("days", ["0", "-1", "36501", "90d", ""])
def test_keeping_for_less_than_a_day_or_an_unreadable_time_is_refused(
    days: str, production: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOAM_KEEP_DAYS", days)
    with pytest.raises(ImproperlyConfigured, match="FOAM_KEEP_DAYS must be"):
        load()


@pytest.mark.parametrize("url", ["memory://", "sentinel://one:26379/0"])
def test_broker_that_foam_does_not_know_is_refused(
    url: str, production: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOAM_BROKER_URL", url)
    with pytest.raises(ImproperlyConfigured, match=r"^FOAM_BROKER_URL"):
        load()


def test_wake_up_is_sent_again_only_where_a_dead_connection_would_stay_for_ever(
    production: None, monkeypatch: pytest.MonkeyPatch
):
    assert load()["CELERY_TASK_PUBLISH_RETRY"] is False
    monkeypatch.setenv("FOAM_BROKER_URL", "amqp://foam@rabbit.invalid/foam")
    settings = load()
    assert settings["CELERY_BROKER_URL"] == "amqp://foam@rabbit.invalid/foam"
    assert settings["CELERY_TASK_PUBLISH_RETRY"] is True
    assert settings["CELERY_TASK_PUBLISH_RETRY_POLICY"]["max_retries"] == 1


def test_deployment_checks_are_clean():
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    result = run(command, PRODUCTION)
    assert (result.returncode, result.stderr) == (0, "")


def test_every_setting_is_documented():
    documented = re.findall(
        r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE
    )
    assert len(documented) == len(set(documented))
    assert names_read() | interpolated() <= set(documented)


def names_read() -> set[str]:
    text = (ROOT / "foam" / "settings.py").read_text()
    return set(re.findall(r'\benv\.\w+\(\s*"(\w+)"', text))


# migrate_once


@pytest.fixture
def elsewhere(db: None) -> Iterator[BaseDatabaseWrapper]:
    """A second session, as another starting process has one."""
    other = connection.copy()
    yield other
    other.close()


@pytest.fixture
def migrations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the commands that were called; none of them runs."""
    called: list[str] = []
    monkeypatch.setattr(migrate_once, "unfinished", list)
    monkeypatch.setattr(migrate_once, "call_command", lambda name, **options: called.append(name))
    return called


def test_second_migration_waits_for_the_first(
    elsewhere: BaseDatabaseWrapper,
    migrations: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    assert migrate_once.is_ours(elsewhere)
    pauses: list[list[str]] = []

    def pause(seconds: float) -> None:
        pauses.append(list(migrations))
        if len(pauses) == 3:
            elsewhere.rollback()

    monkeypatch.setattr(migrate_once.time, "sleep", pause)
    call_command("migrate_once")
    assert pauses == [[], [], []]
    assert migrations == ["migrate"]
    assert capsys.readouterr().out == "Another process applies migrations; waiting for it.\n"


def test_migration_holds_the_lock_and_lets_it_go(
    elsewhere: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
):
    held: list[bool] = []
    monkeypatch.setattr(
        migrate_once,
        "call_command",
        lambda name, **options: held.append(not migrate_once.is_ours(elsewhere)),
    )
    call_command("migrate_once")
    assert held == [True]
    lock_within_seconds(elsewhere)


def test_migration_that_fails_lets_the_lock_go(
    elsewhere: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
):
    def fail(name: str, **options: Any) -> None:
        raise CommandError("no")

    monkeypatch.setattr(migrate_once, "call_command", fail)
    with pytest.raises(CommandError, match="no"):
        call_command("migrate_once")
    lock_within_seconds(elsewhere)


def lock_within_seconds(session: BaseDatabaseWrapper) -> None:
    """Wait in the server until the lock is free: a session's end frees it a moment later."""
    with session.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
        cursor.execute("SELECT pg_advisory_lock(%s)", [migrate_once.LOCK])
        cursor.execute("SELECT pg_advisory_unlock(%s)", [migrate_once.LOCK])


@pytest.mark.django_db(transaction=True)
def test_waiting_for_its_turn_or_having_it_holds_up_no_index_that_is_built_concurrently(
    elsewhere: BaseDatabaseWrapper,
):
    command = migrate_once.Command()
    with command.turn(), connection.cursor() as cursor:
        assert not migrate_once.is_ours(elsewhere)
        cursor.execute("SET statement_timeout = '10s'")
        cursor.execute("CREATE INDEX CONCURRENTLY try_it ON reminders_reminder (title)")
        cursor.execute("DROP INDEX CONCURRENTLY try_it")
        cursor.execute("RESET statement_timeout")


@pytest.mark.django_db(transaction=True)
def test_migration_lets_those_go_first_who_use_the_table(
    elsewhere: BaseDatabaseWrapper,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    tries: list[str] = []

    def alter(name: str, **options: Any) -> None:
        tries.append(name)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE reminders_reminder ADD COLUMN try_it integer")
            cursor.execute("ALTER TABLE reminders_reminder DROP COLUMN try_it")

    monkeypatch.setattr(migrate_once, "call_command", alter)
    # Whoever comes after it waits as well, so it gives up and starts over.
    monkeypatch.setattr(migrate_once, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = '50ms'")
    monkeypatch.setattr(migrate_once.time, "sleep", lambda seconds: elsewhere.rollback())
    elsewhere.set_autocommit(False)
    elsewhere.cursor().execute("SELECT 1 FROM reminders_reminder")
    call_command("migrate_once")
    assert tries == ["migrate", "migrate"]
    assert "A table is in use; trying again.\n" in capsys.readouterr().out


def test_statement_of_a_migration_gives_a_table_up_within_seconds(transactional_db: None):
    with (
        connection.execute_wrapper(migrate_once.give_up_soon),
        connection.cursor() as cursor,
    ):
        with transaction.atomic():
            cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'")
            assert 0 < cursor.fetchone()[0] <= 2000
        # Nothing stays behind in the session, which may be another's next.
        cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
def test_migration_gives_up_on_a_table_that_is_always_in_use(
    elsewhere: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
):
    def lock(name: str, **options: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE reminders_reminder IN ACCESS EXCLUSIVE MODE")

    monkeypatch.setattr(migrate_once, "call_command", lock)
    monkeypatch.setattr(migrate_once, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = '50ms'")
    elsewhere.set_autocommit(False)
    elsewhere.cursor().execute("SELECT 1 FROM reminders_reminder")
    with pytest.raises(CommandError, match="A table was in use for 0 s"):
        call_command("migrate_once", patience=0)
    elsewhere.rollback()


def test_index_of_a_migration_that_was_cut_off_is_made_anew(
    transactional_db: None,
    elsewhere: BaseDatabaseWrapper,
    later_migration: Callable,
    capsys: pytest.CaptureFixture[str],
):
    key = later_migration(
        "atomic = False",
        "operations = [AddIndexConcurrently('reminder', Index(fields=['title'], name='made_up'))]",
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX made_up ON reminders_reminder (body)")
    call_command("migrate_once", verbosity=0)
    assert capsys.readouterr().out == "Dropping made_up, left by a migration that was cut off.\n"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef('made_up'::regclass)")
        [definition] = cursor.fetchone()
        cursor.execute("DROP INDEX made_up")
    assert "(title)" in definition
    assert migrate_once.unfinished() == []
    MigrationRecorder(connection).record_unapplied(*key)
    lock_within_seconds(elsewhere)


@pytest.mark.parametrize("app", ["accounts", "notifications", "reminders"])
def test_database_that_lacks_a_replaced_migration_is_refused_in_a_sentence(
    elsewhere: BaseDatabaseWrapper, app: str
):
    newest = MigrationRecorder.Migration.objects.filter(app=app).latest("name")
    newest.delete()
    with pytest.raises(CommandError, match=rf"^The database lacks {app}\.{newest.name}, which"):
        call_command("migrate_once", verbosity=0)
    lock_within_seconds(elsewhere)


def test_database_that_has_only_the_former_first_migration_is_refused(
    elsewhere: BaseDatabaseWrapper,
):
    MigrationRecorder.Migration.objects.filter(app="reminders").exclude(
        name="0001_initial"
    ).delete()
    with pytest.raises(CommandError, match=r"^The database lacks reminders\.0002_tick, "):
        call_command("migrate_once", verbosity=0)
    lock_within_seconds(elsewhere)


def test_migration_waits_for_a_database_that_starts_later(
    db: None,
    migrations: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    answers = [OperationalError("connection\nrefused"), OperationalError("starting up")]

    def connect() -> None:
        if answers:
            raise answers.pop(0)

    monkeypatch.setattr(connection, "ensure_connection", connect)
    monkeypatch.setattr(migrate_once.time, "sleep", lambda seconds: None)
    call_command("migrate_once")
    assert migrations == ["migrate"]
    assert capsys.readouterr().out == "Waiting up to 60 s for the database: connection refused\n"


def test_migration_gives_up_on_a_database_that_never_answers(
    migrations: list[str], monkeypatch: pytest.MonkeyPatch
):
    def connect() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "ensure_connection", connect)
    with pytest.raises(CommandError, match=r"^The database did not answer within 0 s: connection"):
        call_command("migrate_once", wait=0)
    assert migrations == []
