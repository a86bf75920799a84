"""Key rotation: encrypts every encrypted column with the newest key, while FOAM runs.

A row is rewritten only if its value is unchanged since it was read, so that no concurrent write is
lost. No progress is stored, so the command can be repeated: rows with the newest key are skipped.
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

ROW_BATCH_SIZE = 500


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """An encrypted column of a model, or an encrypted value under a key of a JSON column."""

    model: type[models.Model]
    field: models.Field
    key: str = ""

    def __str__(self) -> str:
        within = f"[{self.key}]" if self.key else ""
        return f"{self.model._meta.label}.{self.field.name}{within}"

    @property
    def text(self) -> Any:
        """The expression that selects the encrypted text."""
        if self.key:
            return KeyTextTransform(self.key, self.field.name)
        return Cast(self.field.name, models.TextField())

    def rows(self) -> models.QuerySet:
        """Return the rows with a value, annotated with the encrypted text as `stored`."""
        manager = self.model._base_manager
        return (
            manager.annotate(stored=self.text)
            .exclude(stored=None)
            .exclude(stored="")
            .order_by("pk")
        )


@dataclass(frozen=True, slots=True)
class RowBatch:
    """The size of a batch, and the stored texts by id that the newest key cannot decrypt.

    `old` can be decrypted by an older key, `unreadable` by none.
    """

    size: int
    old: dict[int, str]
    unreadable: dict[int, str]
    rotated: int = 0


def columns() -> list[EncryptedColumn]:
    fields = [
        EncryptedColumn(model, field)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedTextField)
    ]
    # The second factor's secrets: an authenticator app's secret, and the seed of recovery codes.
    data = Authenticator._meta.get_field("data")
    return [
        *fields,
        EncryptedColumn(Authenticator, data, "secret"),
        EncryptedColumn(Authenticator, data, "seed"),
    ]


def check_keys(column: EncryptedColumn) -> Iterator[RowBatch]:
    """Yield by batch the rows that need an older key, and the rows that no key decrypts."""
    rows = column.rows().values_list("pk", "stored")
    batch = list(rows[:ROW_BATCH_SIZE])
    while batch:
        yield _sort_by_key(batch)
        batch = list(rows.filter(pk__gt=batch[-1][0])[:ROW_BATCH_SIZE])


def rotate(column: EncryptedColumn) -> Iterator[RowBatch]:
    """Encrypt all rows that need an older key with the newest; yield the batches."""
    for batch in check_keys(column):
        rotated, old = 0, batch.old
        while old:
            rotated += _write(column, old)
            # A row saved meanwhile, perhaps with an older key, is checked again.
            rows = column.rows().filter(pk__in=old).values_list("pk", "stored")
            old = _sort_by_key(list(rows)).old
        yield replace(batch, rotated=rotated)


def _sort_by_key(rows: Sequence[tuple[int, str]]) -> RowBatch:
    newest = Fernet(settings.FOAM_ENCRYPTION_KEYS[0])
    stale = {pk: stored for pk, stored in rows if not _can_decrypt(newest, stored)}
    old = {pk: stored for pk, stored in stale.items() if _can_decrypt(fernet(), stored)}
    return RowBatch(len(rows), old, {pk: stale[pk] for pk in stale if pk not in old})


def _can_decrypt(key: Fernet | MultiFernet, stored: str) -> bool:
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


def _write(column: EncryptedColumn, rows: Mapping[int, str]) -> int:
    """Rewrite the rows whose value is unchanged since it was read; return how many."""
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
