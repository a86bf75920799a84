"""An upgrade without a pause: migrations that the release before can live with, and none waits."""

import pytest
from django.conf import settings
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.models import Q
from django.db.models.functions import Random

from tools import migration_check


def test_every_migration_can_be_applied_beside_the_release_before():
    assert migration_check.troubles() == []


def test_every_app_of_ours_has_a_baseline():
    loader = MigrationLoader(None)
    ours = {app for app, _ in loader.graph.nodes if (settings.BASE_DIR / app).is_dir()}
    assert migration_check.BASELINE.keys() == ours


@pytest.fixture(scope="module")
def state():
    return MigrationLoader(None).project_state()


def found(state, *operations, atomic=True, app="reminders"):
    """Return why a migration with these operations is refused."""
    migration = type("Migration", (migrations.Migration,), {"operations": operations})
    written = migration("9999_test", app)
    written.atomic = atomic
    lines = migration_check.of_migration(written, state.clone())
    return [line.split(" - ", 1)[1] for line in lines]


INDEX = models.Index(fields=["title"], name="test_index")
CHECK = models.CheckConstraint(condition=~Q(title="x"), name="test_check")


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (migrations.RemoveField("reminder", "body"), "the release before still reads"),
        (migrations.DeleteModel("change"), "the release before still reads"),
        (migrations.RenameField("reminder", "body", "text"), "the old name only"),
        (migrations.AlterModelTable("reminder", "r"), "the old name only"),
        (migrations.AddField("reminder", "x", models.TextField(default="")), "db_default"),
        (
            migrations.AddField("reminder", "x", models.FloatField(db_default=Random())),
            "for each row",
        ),
        (
            migrations.AddField("reminder", "x", models.TextField(null=True, db_index=True)),
            "builds the index",
        ),
        (
            migrations.AddField(
                "reminder",
                "x",
                models.ForeignKey("accounts.User", models.CASCADE, null=True, db_index=False),
            ),
            "checks the key",
        ),
        (migrations.AlterField("reminder", "title", models.CharField(max_length=20)), "anew"),
        (migrations.AlterField("reminder", "version", models.BigIntegerField()), "anew"),
        (
            migrations.AlterField(
                "reminder", "title", models.CharField(max_length=200, unique=True)
            ),
            "builds the index",
        ),
        (
            migrations.AlterField("plan", "next_fire_at", models.DateTimeField()),
            "SET NOT NULL",
        ),
        (migrations.AddIndex("reminder", INDEX), "Concurrently"),
        (migrations.RemoveIndex("plan", "reminders_plan_due"), "Concurrently"),
        (migrations.AddConstraint("reminder", CHECK), "AddConstraintNotValid"),
        (AddConstraintNotValid("reminder", CHECK), "say in ALLOWED why"),
        (
            migrations.AddConstraint(
                "reminder", models.UniqueConstraint(fields=["title"], name="test_unique")
            ),
            "builds the index",
        ),
        (
            migrations.RemoveConstraint(
                "reminder", "reminders_reminder_external_id_once_per_owner"
            ),
            "ON CONFLICT",
        ),
        (migrations.RunSQL("SELECT 1"), "cannot be read"),
        (migrations.RunPython(migrations.RunPython.noop), "cannot be read"),
        (
            migrations.SeparateDatabaseAndState(
                state_operations=[migrations.RemoveField("reminder", "title")]
            ),
            "cannot be written without it",
        ),
        (
            migrations.SeparateDatabaseAndState(
                database_operations=[migrations.RunSQL("SELECT 1")]
            ),
            "hidden",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_what_breaks_the_release_before_or_holds_it_up_is_refused(state, operation, why):
    assert any(why in line for line in found(state, operation))


@pytest.mark.parametrize(
    "operation",
    [
        migrations.CreateModel("new", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("reminder", "x", models.TextField(null=True)),
        migrations.AddField("reminder", "x", models.BooleanField(db_default=False)),
        migrations.AlterField("reminder", "title", models.CharField(max_length=300)),
        migrations.AlterField("reminder", "title", models.CharField("name", max_length=200)),
        migrations.AddIndex("heartbeat", models.Index(fields=["id"], name="test_index")),
        # The first step of two.
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("plan", "fired_due_at")]
        ),
    ],
    ids=lambda value: value.describe(),
)
def test_what_harms_nobody_is_taken(state, operation):
    assert found(state, operation) == []


def test_index_and_check_that_nobody_waits_for_are_taken_outside_of_a_transaction(state):
    later = [AddIndexConcurrently("reminder", INDEX), ValidateConstraint("reminder", CHECK.name)]
    assert found(state, *later, atomic=False) == []
    assert found(state, AddConstraintNotValid("reminder", CHECK), later[1]) != []
    altered = migrations.AddField("reminder", "x", models.TextField(null=True))
    assert "not in a transaction" in found(state, altered, *later, atomic=False)[0]


def test_table_that_is_new_may_be_locked(state):
    fields = [("id", models.BigAutoField(primary_key=True)), ("title", models.TextField())]
    create = migrations.CreateModel("new", fields)
    assert found(state, create, migrations.AddIndex("new", INDEX)) == []


def test_what_is_allowed_needs_a_reason_and_must_be_there(later_migration):
    app, migration = later_migration("operations = [RunSQL('SELECT 1')]")
    name = f"{app}.{migration}: Raw SQL operation"
    assert f"{name} - what it does cannot be read from it" in migration_check.troubles({})
    reasons = {name: "It changes nothing.", "reminders.0001_gone: Nothing": "Gone."}
    lines = migration_check.troubles(reasons)
    assert not any(line.startswith(name) for line in lines)
    assert "reminders.0001_gone: Nothing - not needed in ALLOWED" in lines
    assert any(line.startswith(name) for line in migration_check.troubles({name: " "}))
