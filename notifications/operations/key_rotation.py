"""New keys for what is encrypted: every encrypted column, batch by batch, beside a FOAM at work.

A row is rewritten only if it still is as it was read, so that nothing that is saved meanwhile is
lost. Nothing is kept of how far it came: a row that has the newest key is passed by.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from notifications.encryption import EncryptedTextField, fernet
from notifications.sql import bulk_cursor

BATCH = 500


@dataclass(frozen=True, slots=True)
class Column:
    """An encrypted column of a model, or what is encrypted under a key of a JSON column."""

    model: type[models.Model]
    field: models.Field
    key: str = ""

    def __str__(self) -> str:
        within = f"[{self.key}]" if self.key else ""
        return f"{self.model._meta.label}.{self.field.name}{within}"

    @property
    def text(self) -> Any:
        """What is stored there, in a query."""
        if self.key:
            return KeyTextTransform(self.key, self.field.name)
        return Cast(self.field.name, models.TextField())

    def rows(self) -> models.QuerySet:
        """What is stored there, as it is stored; without what is empty."""
        manager = self.model._base_manager
        return (
            manager.annotate(stored=self.text)
            .exclude(stored=None)
            .exclude(stored="")
            .order_by("pk")
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows: how many, and what is stored of those that the newest key does not read."""

    looked_at: int
    old: dict[int, str]
    unreadable: dict[int, str]
    rotated: int = 0


def columns() -> list[Column]:
    ours = [
        Column(model, field)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedTextField)
    ]
    # Of a second factor: what an app computes codes from, and what recovery codes are made from.
    data = Authenticator._meta.get_field("data")
    return [*ours, Column(Authenticator, data, "secret"), Column(Authenticator, data, "seed")]


def look(column: Column) -> Iterator[Batch]:
    """Yield by batch which rows need an older key, and which none of ours reads."""
    rows = column.rows().values_list("pk", "stored")
    found = list(rows[:BATCH])
    while found:
        yield _sorted(found)
        found = list(rows.filter(pk__gt=found[-1][0])[:BATCH])


def rotate(column: Column) -> Iterator[Batch]:
    """As `look`; and encrypt with the newest key, by batch, what needs an older one."""
    for batch in look(column):
        rotated, old = 0, batch.old
        while old:
            rotated += _write(column, old)
            # What somebody saved meanwhile, perhaps with another key, is still to be looked at.
            again = column.rows().filter(pk__in=old).values_list("pk", "stored")
            old = _sorted(list(again)).old
        yield replace(batch, rotated=rotated)


def _sorted(rows: Sequence[tuple[int, str]]) -> Batch:
    newest = Fernet(settings.FOAM_ENCRYPTION_KEYS[0])
    rest = {pk: stored for pk, stored in rows if not _reads(newest, stored)}
    old = {pk: stored for pk, stored in rest.items() if _reads(fernet(), stored)}
    return Batch(len(rows), old, {pk: rest[pk] for pk in rest if pk not in old})


def _reads(key: Fernet | MultiFernet, stored: str) -> bool:
    try:
        key.decrypt(stored.encode())
    except InvalidToken:
        return False
    return True


WRITE = """
UPDATE {table} t SET {name} = n.new
FROM unnest(%(ids)b::bigint[], %(olds)b::text[], %(news)b::text[]) AS n(id, old, new)
WHERE t.{key} = n.id AND t.{name} = n.old
"""
WRITE_WITHIN = """
UPDATE {table} t SET {name} = jsonb_set(t.{name}, ARRAY[%(within)s], to_jsonb(n.new))
FROM unnest(%(ids)b::bigint[], %(olds)b::text[], %(news)b::text[]) AS n(id, old, new)
WHERE t.{key} = n.id AND t.{name} ->> %(within)s = n.old
"""


def _write(column: Column, rows: Mapping[int, str]) -> int:
    """Rewrite rows that still are as they were read; return how many were."""
    quote = connection.ops.quote_name
    table, name = quote(column.model._meta.db_table), quote(str(column.field.column))
    key = quote(str(column.model._meta.pk.column))
    with bulk_cursor() as cursor:
        cursor.execute(
            (WRITE_WITHIN if column.key else WRITE).format(table=table, name=name, key=key),
            {
                **({"within": column.key} if column.key else {}),
                "ids": list(rows),
                "olds": list(rows.values()),
                "news": [fernet().rotate(old.encode()).decode() for old in rows.values()],
            },
        )
        return cursor.rowcount
