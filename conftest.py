"""Fixtures that every app's tests use. `now` is a fixed moment; nothing here reads the clock."""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import TransactionTestCase
from rest_framework.test import APIClient

from accounts.models import SYSTEM_USER_ID, ApiToken, User
from notifications.metrics import store
from notifications.models import Channel
from notifications.operations.attempt_partitions import ATTEMPTS
from notifications.tests.counters import forget_statistics
from notifications.tests.recorder import Recorder
from reminders import initial_rows
from reminders.engine import canary
from reminders.engine.occurrence_partitions import OCCURRENCES, month
from reminders.models import Reminder

# Folders and files whose tests need more than PostgreSQL and Redis: processes, a browser, servers
# of their own, or tables of a size that takes long to fill. They get the marker `system`, so that
# `make test` leaves them out and `make test-system` runs them. Tests that are marked `browser` or
# `e2e` get it too, in any file.
SYSTEM_TESTS = (
    "foam/tests/admin/test_rights.py",
    "foam/tests/api/test_client.py",
    "foam/tests/api/test_fuzz.py",
    "foam/tests/api/test_http.py",
    "foam/tests/api/test_list_plans.py",
    "foam/tests/api/test_typescript.py",
    "foam/tests/deployment/",
    "foam/tests/faults/",
    "foam/tests/security/test_silent_receiver.py",
    "foam/tests/security/test_slow_clients.py",
    "foam/tests/security/test_broker_garbage.py",
    "foam/tests/security/test_foreign_sites.py",
    "foam/tests/security/test_http_shapes.py",
    "foam/tests/security/test_least_privilege.py",
    "foam/tests/security/test_files.py",
    "foam/tests/security/test_hostile_requests.py",
    "foam/tests/test_end_to_end.py",
    "foam/tests/test_initial_schema.py",
    "notifications/tests/outbox/test_plans.py",
    "notifications/tests/transports/test_batteries.py",
    "reminders/tests/engine/test_plans.py",
    "reminders/tests/reports/test_ledger_plans.py",
    "tools/tests/test_benchmarks.py",
    "tools/tests/test_capacity.py",
    "tools/tests/test_docs.py",
    "tools/tests/test_drill.py",
    "tools/tests/test_install.py",
    "tools/tests/test_local_stack.py",
    "tools/tests/test_seed.py",
    "tools/tests/test_testbed.py",
    "tools/tests/test_watch.py",
)

# Files that take longest begin first, so that no process is left alone with one at the end.
LONG_TESTS = (
    "foam/tests/pages/test_crawl.py",
    "foam/tests/deployment/test_production.py",
    "tools/tests/test_benchmarks.py",
    "foam/tests/security/test_hostile_requests.py",
    "tools/tests/test_drill.py",
    "foam/tests/security/test_slow_clients.py",
    "foam/tests/security/test_files.py",
    "foam/tests/api/test_fuzz.py",
    "tools/tests/test_local_stack.py",
    "foam/tests/test_end_to_end.py",
    "reminders/tests/exchange/test_feed.py",
    "tools/tests/test_capacity.py",
    "foam/tests/faults/test_hosts.py",
)

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3

# The same examples in each run, so that a red test is about the change at hand. New examples:
# HYPOTHESIS_PROFILE=random.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.register_profile("random", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_configure() -> None:
    """Keep what tests write in memory where there is room: a disk takes 5 ms for each fsync."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return
    about = os.statvfs(MEMORY)
    # Containers often have little of it, from which nothing can be run.
    if about.f_bavail * about.f_frsize >= ROOM and not about.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def path_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark the tests of SYSTEM_TESTS before pytest selects by markers, and put LONG_TESTS first.

    pytest-django puts tests without a database last, and with them whole files.
    """
    for item in items:
        if (
            path_of(item).startswith(SYSTEM_TESTS)
            or item.get_closest_marker("browser")
            or item.get_closest_marker("e2e")
        ):
            item.add_marker("system")
    yield
    places = {path: place for place, path in enumerate(LONG_TESTS)}
    items.sort(key=lambda item: places.get(path_of(item), len(places)))


# What Django itself has in a fresh database, and makes anew after each flush.
LASTING = {"auth_permission", "django_content_type"}
# Tables with a trigger of ours on DELETE, which may refuse it.
KEPT = """
SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND tgtype & 8 <> 0
"""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Without the canary, which would be among what most tests count, and without partitions.

    Both have tests of their own; the partitions of today's date would be others each month.
    """
    with django_db_blocker.unblock():
        initial_rows.remove_canary(apps)
        drop_partitions()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: empty())
        yield


def drop_partitions() -> None:
    """Drop all partitions but the default ones."""
    with connection.cursor() as cursor:
        for table in (ATTEMPTS, OCCURRENCES):
            for partition in table.partitions():
                cursor.execute(f"DROP TABLE {partition.name}")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix) -> None:
    """Copy the database that FOAM_TEST_TEMPLATE names, which saves five seconds of migrations."""
    if template := os.environ.get("FOAM_TEST_TEMPLATE"):
        connection.settings_dict["TEST"]["TEMPLATE"] = template


def empty() -> None:
    """Take away what a test with real transactions left.

    Django truncates every table, which takes some fifty times as long as deleting what is there.
    """
    tables = set(connection.introspection.django_table_names(only_existing=True)) - LASTING
    asked = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in sorted(tables)
    )
    # In one transaction, at whose end foreign keys are checked: the order does not matter.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(KEPT)
        kept = {table for (table,) in cursor.fetchall()} & tables
        cursor.execute(asked)
        found = {table for (table,) in cursor.fetchall()}
        for table in kept & found:
            cursor.execute(f'TRUNCATE "{table}" CASCADE')
        for table in found - kept:
            cursor.execute(f'DELETE FROM "{table}"')


@pytest.fixture(autouse=True)
def unsettled(monkeypatch):
    """Counts stay in the process, as writing them would be one query more for whoever counts."""
    monkeypatch.setattr(store, "FLUSH_SECONDS", float("inf"))
    monkeypatch.setattr(store, "_buffered", Counter())


@pytest.fixture(autouse=True)
def quick_hasher(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def no_tour_of_the_files(settings):
    """Each test client has a chain of middleware, of which WhiteNoise looks at every file first."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def no_limits(settings):
    """So that no test is refused for what another has asked; limits have tests of their own."""
    for name in ("RATE", "USER_RATE", "WRITE_RATE", "ANONYMOUS_RATE", "SECONDS_RATE", "ROW_RATE"):
        setattr(settings, f"FOAM_API_{name}", None)


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


@pytest.fixture
def user(db) -> User:
    return User.objects.create_user("ada", "ada@example.com", "enigma-1843", timezone="UTC")


@pytest.fixture
def stranger(db) -> User:
    return User.objects.create_user("eve", "eve@example.com", "enigma-1843", timezone="UTC")


@pytest.fixture
def staff(db) -> User:
    return User.objects.create_superuser("grace", "grace@example.com", "enigma-1843")


@pytest.fixture
def api(user: User) -> APIClient:
    """A program with a token of `user` that may do everything."""
    return client_of(user)


@pytest.fixture
def stranger_api(stranger: User) -> APIClient:
    return client_of(stranger)


def confirm(client: Any, user: User) -> None:
    """Have the session of a test client confirm who it is, as by its password just now."""
    session = client.session
    records = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session["account_authentication_methods"] = records
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


def client_of(user: User, scopes: list[str] | None = None) -> APIClient:
    _, secret = ApiToken.issue(user, "test", scopes=scopes)
    client = APIClient()
    # With the same id for every request, equal problems are equal bytes.
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_X_REQUEST_ID="test")
    return client


@pytest.fixture
def channel(user: User, now: datetime) -> Channel:
    return Channel.objects.create(
        owner=user,
        kind="webhook",
        name="Hook",
        address="http://127.0.0.1:9/hook",
        verified_at=now,
    )


@pytest.fixture
def make_reminder(user: User, channel: Channel, now: datetime) -> Any:
    """Return a function that stores a reminder as of an hour before `now`, due at `now`."""

    def make(**fields: Any) -> Reminder:
        channels = fields.pop("channels", [channel])
        further = fields.pop("escalate_channels", None)
        stored_at = fields.pop("stored_at", now - timedelta(hours=1))
        reminder = Reminder(
            **{
                "owner": user,
                "title": "Stand-up",
                "starts_at": now.replace(tzinfo=None),
                "timezone": "UTC",
                **fields,
            }
        )
        reminder.store(stored_at, channels, further)
        return reminder

    return make


@pytest.fixture
def reminder(make_reminder: Any) -> Reminder:
    return make_reminder()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Stands in for every transport; says what was sent and fails as it is told."""
    recorder = Recorder()
    monkeypatch.setattr("notifications.outbox.round.transport", lambda kind: recorder)
    return recorder


@pytest.fixture
def empty_cache(db) -> None:
    """Take away what a test before has kept there: no flush does."""
    cache.clear()


@pytest.fixture
def beat_rows(db) -> None:
    """Put beat's rows back as the first migration adds them: a test may have flushed them."""
    initial_rows.add_tick(apps)
    initial_rows.add_prune(apps)


@pytest.fixture
def later_migration(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., tuple[str, str]]]:
    """Return a function that adds a migration of reminders after those on disk, and names it."""
    package = tmp_path / "later_migrations"
    monkeypatch.syspath_prepend(tmp_path)

    def add(*lines: str) -> tuple[str, str]:
        package.mkdir()
        (package / "__init__.py").write_text(
            "from reminders import migrations\n__path__.extend(migrations.__path__)\n"
        )
        body = [f"dependencies = [{last!r}]", *lines]
        (package / "9999_made_up.py").write_text(
            "from django.contrib.postgres.operations import AddIndexConcurrently\n"
            "from django.db.migrations import Migration, RunSQL\n"
            "from django.db.models import Index\n\n\n"
            "class Migration(Migration):\n" + "".join(f"    {line}\n" for line in body)
        )
        settings.MIGRATION_MODULES = {"reminders": package.name}
        return "reminders", "9999_made_up"

    [last] = MigrationLoader(None).graph.leaf_nodes("reminders")
    yield add
    for name in [each for each in sys.modules if each.split(".")[0] == package.name]:
        del sys.modules[name]


@pytest.fixture
def unknown(db) -> None:
    """Have tables of which no statistics are known; to build an index leaves some, as do tests."""
    tables = ["reminders_plan", "reminders_reminder", "reminders_occurrence"]
    tables += ["notifications_channel", "notifications_delivery", "accounts_pause"]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
    forget_statistics(tables)


@pytest.fixture
def partitions(db, now, monkeypatch) -> Iterator[None]:
    """Partitions of three years up to two months ahead, and as many of the attempts."""
    monkeypatch.setattr("notifications.operations.partitions.LOCK_LIMIT", timedelta(seconds=30))
    for number in range(-33, 3):
        OCCURRENCES.make(month(now, number), month(now, number + 1), f"{number + 33}")
        lower = (number + 33) * 1000
        ATTEMPTS.make(lower, lower + 1000, f"{lower}")
    yield
    drop_partitions()


@pytest.fixture
def planted(db, now) -> Reminder:
    """The canary, due at `now`."""
    canary.plant(now)
    return Reminder.objects.get(pk=SYSTEM_USER_ID)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tasks that were woken; nothing goes to the broker."""
    names: list[str] = []
    monkeypatch.setattr(
        "notifications.outbox.queue.current_app.send_task",
        lambda name, **options: names.append(name),
    )
    return names
