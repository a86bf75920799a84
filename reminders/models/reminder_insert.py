"""Inserts new reminders with their plans, history and channels, all by one statement."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import orjson
from django.db import connection
from django.db.models import Model

from accounts.durations import iso_duration
from accounts.sql import server_cursor
from reminders.models.change import Change
from reminders.models.plan import Plan, own_plan
from reminders.recurrence import Lead

# The ids are taken in the order of the rows. The foreign keys are checked at the end of the
# statement, when all rows are there.
SQL = """
WITH input AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('{reminder}', 'id')) AS id, i.*
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS i ({definitions})
), reminder AS (
    INSERT INTO {reminder} (id, {reminder_columns}) SELECT id, {reminder_columns} FROM input
), plan AS (
    INSERT INTO {plan} (reminder_id, {plan_columns}) SELECT id, {plan_columns} FROM input
), change AS (
    INSERT INTO {change} (reminder_id, {change_columns}) SELECT id, {change_columns} FROM input
), channel AS (
    INSERT INTO {reminder}_channels (reminder_id, channel_id)
    SELECT id, unnest(channels) FROM input
), escalation AS (
    INSERT INTO {reminder}_escalate_channels (reminder_id, channel_id)
    SELECT id, unnest(escalate_channels) FROM input
)
SELECT id FROM input ORDER BY place
"""
CHANNEL_FIELDS = ("channels", "escalate_channels")


def insert_reminders(
    reminders: Sequence[Any],
    changes: Sequence[Change],
    channels: Sequence[Mapping[str, Sequence[int]]],
) -> None:
    """Insert new reminders, the change and the ids of the channels of each; set their ids."""
    plans = [own_plan(reminder) for reminder in reminders]
    for plan, reminder in zip(plans, reminders, strict=True):
        plan.owner_id = reminder.owner_id
    rows = [
        {"place": place, **_values(reminder), **_values(plan), **_values(change), **of_reminder}
        for place, (reminder, plan, change, of_reminder) in enumerate(
            zip(reminders, plans, changes, channels, strict=True)
        )
    ]
    data = orjson.dumps(rows, _as_text, orjson.OPT_PASSTHROUGH_DATACLASS).decode()
    with server_cursor() as cursor:
        cursor.execute(_sql(reminders[0]._meta.model), {"rows": data}, prepare=True)
        ids = cursor.fetchall()
    for reminder, plan, (pk,) in zip(reminders, plans, ids, strict=True):
        reminder.pk = plan.reminder_id = pk
        reminder._state.adding = plan._state.adding = False


def _values(row: Any) -> dict[str, Any]:
    return {field.column: field.pre_save(row, add=True) for field in _fields(row._meta.model)}


@cache
def _fields(model: type[Model]) -> list[Any]:
    fields = model._meta.concrete_fields
    return [field for field in fields if field.column not in {"id", "reminder_id"}]


@cache
def _sql(reminder: type[Model]) -> str:
    models: tuple[type[Model], ...] = (reminder, Plan, Change)
    columns = {
        model: {field.column: field.db_type(connection) for field in _fields(model)}
        for model in models
    }
    # Only `owner_id` stands in two of them.
    types = {"place": "integer", **columns[reminder], **columns[Plan], **columns[Change]}
    types |= dict.fromkeys(CHANNEL_FIELDS, "bigint[]")
    return SQL.format(
        reminder=reminder._meta.db_table,
        plan=Plan._meta.db_table,
        change=Change._meta.db_table,
        definitions=", ".join(f"{name} {type_}" for name, type_ in types.items()),
        reminder_columns=", ".join(columns[reminder]),
        plan_columns=", ".join(columns[Plan]),
        change_columns=", ".join(columns[Change]),
    )


def _as_text(value: object) -> str:
    """Write a lead or a duration as PostgreSQL reads it."""
    if isinstance(value, Lead):
        return str(value)
    if isinstance(value, timedelta):
        return iso_duration(value)
    raise TypeError(type(value).__name__)
