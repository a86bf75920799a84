from collections.abc import Container, Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models

from accounts.audit.actor import Source, current_actor

# Characters that a diff keeps of a value. Longer values are cut, so that audit rows stay small.
MAX_DIFF_LENGTH = 200

# {field: [old, new]}; None in the place of both for a secret field.
Diff = dict[str, list[str] | None]


class AuditRecord(models.Model):
    """Base of audit rows: the actor of a change, its source, and a diff of the fields.

    Users and tokens are stored by id alone, so that a closed account leaves no name behind.
    """

    # Empty in rows of releases that did not record the source.
    face = models.CharField(max_length=16, choices=Source, blank=True, default="", db_default="")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    token = models.ForeignKey(
        "accounts.ApiToken",
        models.DO_NOTHING,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    diff = models.JSONField(null=True)

    class Meta:
        abstract = True


def actor_fields() -> dict[str, Any]:
    """Return the fields of an AuditRecord that name the current actor."""
    actor = current_actor()
    return {"face": actor.source, "user_id": actor.user_id, "token_id": actor.token_id}


def audit_values(now: datetime | None, detail: str, diff: Diff | None) -> dict[str, Any]:
    """Return the values of a new audit row by the current actor; without `now`, PostgreSQL's."""
    values = {"detail": detail, "diff": diff, **actor_fields()}
    return values if now is None else {**values, "at": now}


def diff_of(
    stored: models.Model, edit: models.Model, names: Iterable[str], secret: Container[str] = ()
) -> Diff:
    """Return the diff of these fields between the stored row and its edit, in their order."""
    fields = [stored._meta.get_field(name) for name in names]
    return {
        field.name: None
        if field.name in secret
        else [text_of(stored, field.name), text_of(edit, field.name)]
        for field in fields
        if field.value_from_object(stored) != field.value_from_object(edit)  # type: ignore[union-attr]
    }


def text_of(row: models.Model, name: str) -> str:
    """Return the value of a field as text, cut to MAX_DIFF_LENGTH."""
    field = row._meta.get_field(name)
    value = field.value_from_object(row)  # type: ignore[union-attr]
    return shorten_text("" if value is None else field.value_to_string(row))  # type: ignore[union-attr]


def shorten_text(text: str) -> str:
    return text if len(text) <= MAX_DIFF_LENGTH else f"{text[: MAX_DIFF_LENGTH - 1]}…"
