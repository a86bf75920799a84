"""Checks that the previous release can go on working while, and after, a migration is applied.

An upgrade migrates first and replaces processes one by one, so that for a while old code meets the
new schema, and running processes must not wait long for a lock. `troubles` lists the operations
that break either. It runs none of them. It refuses an operation that it cannot judge, until a line
in `ALLOWED` gives the reason why that is harmless.

It does not use django-migration-linter, which reads SQL and so finds 14 of the 22 dangerous
operations in the tests only: not keys, NOT VALID constraints or removals in the state alone.

Removing a column takes two releases. The first removes it from the state: SeparateDatabaseAndState
with RemoveField among its state_operations, after the column was made nullable or got a db_default,
so that rows can be written without it. The next release drops it, with a line in `ALLOWED` that
names the first.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.postgres import operations as postgres
from django.db import connection, models
from django.db.migrations import operations as ops
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, CheckConstraint, Field

# The last migration of each app beside which the release before cannot work: FOAM stops for it.
BASELINE = {
    "accounts": "0001_initial",
    "notifications": "0001_initial",
    "reminders": "0004_lists",
}
# Tables with few rows, for which an index or a check takes no time.
SMALL = {
    "accounts.apitoken",
    "accounts.pause",
    "accounts.user",
    "notifications.channel",
    "notifications.flood",
    "notifications.deliverytally",
    "reminders.heartbeat",
    "reminders.occurrencetally",
}
# From "app.migration: operation" to the reason why it is harmless.
ALLOWED: dict[str, str] = {
    "notifications.0002_attempt_partitions: Raw SQL operation": "The partitioned table takes the "
    "same statements. It is locked while its primary key is built: about a second a million rows.",
    "reminders.0005_occurrence_partitions: Raw SQL operation": "As notifications.0002.",
}

HARMLESS = (
    ops.CreateModel,
    ops.AlterModelOptions,
    ops.AlterModelManagers,
    ops.AlterModelTableComment,
    postgres.CreateExtension,
    postgres.AddIndexConcurrently,
    postgres.RemoveIndexConcurrently,
    postgres.ValidateConstraint,
)
# These run outside a transaction and block no other session.
ALONE = (
    postgres.AddIndexConcurrently,
    postgres.RemoveIndexConcurrently,
    postgres.ValidateConstraint,
)


def troubles(allowed: dict[str, str] | None = None) -> list[str]:
    """Return a line for each operation since the baseline that is neither safe nor allowed.

    Each key of `allowed` (ALLOWED if None) that matches no such operation gets a line as well.
    """
    reasons = ALLOWED if allowed is None else allowed
    loader = MigrationLoader(None)
    lines = [
        line
        for key in keys_after_baseline(loader)
        for line in of_migration(loader.graph.nodes[key], loader.project_state(key, at_end=False))
    ]
    names = {line.split(" - ")[0] for line in lines}
    refused = [line for line in lines if not reasons.get(line.split(" - ")[0], "").strip()]
    return refused + [f"{name} - not needed in ALLOWED" for name in reasons if name not in names]


def keys_after_baseline(loader: MigrationLoader) -> list[tuple[str, str]]:
    """Return FOAM's migrations after the baseline, in the order of the graph."""
    old = {key for app, name in BASELINE.items() for key in loader.graph.forwards_plan((app, name))}
    leaves = [leaf for app in BASELINE for leaf in loader.graph.leaf_nodes(app)]
    keys = [key for leaf in leaves for key in loader.graph.forwards_plan(leaf)]
    return [key for key in dict.fromkeys(keys) if key[0] in BASELINE and key not in old]


def of_migration(migration: Migration, state: ProjectState) -> Iterator[str]:
    """Yield "app.migration: operation - reason" for each operation that is not safe.

    `state` is the state before the migration; it is changed.
    """
    label = migration.app_label
    new: set[str] = set()
    for operation in migration.operations:
        after = state.clone()
        operation.state_forwards(label, after)
        name = f"{label}.{migration.name}: {operation.describe()}"
        for reason in _of_operation(operation, label, state, after, new):
            yield f"{name} - {reason}"
        if not migration.atomic and not isinstance(operation, (*ALONE, ops.RunPython, ops.RunSQL)):
            yield f"{name} - not in a transaction, where it would give up a lock it cannot get"
        if isinstance(operation, ops.CreateModel):
            new.add(operation.name_lower)
        state = after
    if migration.atomic and len(migration.operations) > 1:
        for operation in migration.operations:
            if isinstance(operation, postgres.ValidateConstraint):
                yield (
                    f"{label}.{migration.name}: {operation.describe()} - in one transaction with "
                    "others, whose locks it would hold for as long as it reads the table"
                )


def _of_operation(
    operation: Operation, label: str, before: ProjectState, after: ProjectState, new: set[str]
) -> Iterator[str]:
    model = str(getattr(operation, "model_name", "")).lower()
    is_small = f"{label}.{model}" in SMALL
    if isinstance(operation, HARMLESS) or model in new:
        return
    if isinstance(operation, ops.SeparateDatabaseAndState):
        yield from _of_separate(operation, label, before)
    elif isinstance(operation, ops.AddField):
        yield from _of_new_field(operation.field, is_small)
    elif isinstance(operation, ops.AlterField):
        old_field, new_field = (
            state.apps.get_model(label, model)._meta.get_field(operation.name)
            for state in (before, after)
        )
        yield from _of_changed_field(old_field, new_field)
    elif isinstance(operation, (ops.AddIndex, ops.RemoveIndex)):
        if not is_small:
            yield "it locks the table; the same that ends with Concurrently does not"
    elif isinstance(operation, ops.AddConstraint):
        yield from _of_new_constraint(operation, is_small)
    elif isinstance(operation, ops.RemoveConstraint):
        constraints = before.models[label, model].options["constraints"]
        [old] = [constraint for constraint in constraints if constraint.name == operation.name]
        if not isinstance(old, CheckConstraint):
            yield "ON CONFLICT of the release before may need it"
    else:
        yield _refusal(operation)


def _refusal(operation: Operation) -> str:
    if isinstance(operation, (ops.RemoveField, ops.DeleteModel)):
        return (
            "the release before still reads and writes it; see the two steps in migration_check.py"
        )
    if isinstance(operation, (ops.RenameField, ops.RenameModel, ops.AlterModelTable)):
        return "the release before knows the old name only"
    if isinstance(operation, (ops.RunPython, ops.RunSQL)):
        return "what it does cannot be read from it"
    return "nobody has said that this is safe"


def _of_separate(
    operation: ops.SeparateDatabaseAndState, label: str, before: ProjectState
) -> Iterator[str]:
    if operation.database_operations:
        yield "what it does to the database is hidden from its state"
    for part in operation.state_operations:
        if isinstance(part, ops.RemoveField):
            field = before.models[label, part.model_name_lower].fields[part.name_lower]
            if not can_be_left_out(field):
                yield "rows cannot be written without it: no null and no db_default"
        else:
            yield "only RemoveField is known to be safe in the state alone"


def _of_new_field(field: Any, is_small: bool) -> Iterator[str]:
    if field.many_to_many:
        return
    if not can_be_left_out(field):
        yield "the release before writes rows without it: give it null=True or a db_default"
    if isinstance(field, models.GeneratedField):
        yield "the whole table is written anew"
    if isinstance(getattr(field, "db_default", None), models.Func) and not is_small:
        yield "a db_default that is worked out for each row writes the whole table anew"
    if (field.unique or field.db_index) and not is_small:
        yield "it locks the table while it builds the index; AddIndexConcurrently does not"
    is_checked = field.many_to_one and field.db_constraint
    if is_checked and not is_small:
        yield "it locks both tables while it checks the key: db_constraint=False"


def can_be_left_out(field: Field) -> bool:
    return bool(field.null or has_db_default(field))


def has_db_default(field: Field) -> bool:
    return field.db_default is not NOT_PROVIDED


def _of_changed_field(old: Any, new: Any) -> Iterator[str]:
    if old.null and not new.null:
        yield "SET NOT NULL reads the whole table, and the release before writes nulls"
    if has_db_default(old) and not can_be_left_out(new):
        yield "the release before may leave it to the db_default"
    if old.db_type(connection) != new.db_type(connection) and not _is_wider(old, new):
        yield "another type writes the whole table anew"
    if (new.unique and not old.unique) or (new.db_index and not old.db_index):
        yield "it locks the table while it builds the index"
    if old.column != new.column:
        yield "the release before knows the old name only"


def _is_wider(old: Field, new: Field) -> bool:
    """Whether the new type is a wider varchar or text, for which PostgreSQL reads no rows."""
    if not (old.db_type(connection) or "").startswith("varchar"):
        return False
    if new.db_type(connection) == "text":
        return True
    return (
        (new.db_type(connection) or "").startswith("varchar")
        and old.max_length is not None
        and (new.max_length or 0) >= old.max_length
    )


def _of_new_constraint(operation: ops.AddConstraint, is_small: bool) -> Iterator[str]:
    # Whether the old release's rows satisfy the constraint cannot be computed here.
    yield "say in ALLOWED why the release before writes only rows that it accepts"
    if isinstance(operation, postgres.AddConstraintNotValid) or is_small:
        return
    if isinstance(operation.constraint, CheckConstraint):
        yield "it locks the table while it reads it; AddConstraintNotValid, then ValidateConstraint"
    else:
        yield "it locks the table while it builds the index"
