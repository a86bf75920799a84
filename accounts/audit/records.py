from collections.abc import Container, Iterable
from typing import Any

from django.conf import settings
from django.db import models

from accounts.audit.actor import Source, current_actor

# Of a text that is longer, so much is kept of what it was and of what it became.
SHOWN = 200

# By the name of a field what it was and what it became; None for what is shown to nobody.
Diff = dict[str, list[str] | None]


class AuditRecord(models.Model):
    """The record of one act: who did it, by which face, and what became of which field.

    Users and tokens stand here by number alone: whoever closes an account leaves no name behind.
    """

    # Empty: from before this was kept, or of a release that did not keep it.
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
    """Return the fields of an Acted that say who is at work."""
    by = current_actor()
    return {"face": by.source, "user_id": by.user_id, "token_id": by.token_id}


def diff_of(
    stored: models.Model, edit: models.Model, names: Iterable[str], secret: Container[str] = ()
) -> Diff:
    """Return what an edit changes of these fields of a row, in their order."""
    fields = [stored._meta.get_field(name) for name in names]
    return {
        field.name: None
        if field.name in secret
        else [text_of(stored, field.name), text_of(edit, field.name)]
        for field in fields
        if field.value_from_object(stored) != field.value_from_object(edit)  # type: ignore[union-attr]
    }


def text_of(row: models.Model, name: str) -> str:
    """Return a field of a row as a text to be shown, cut where it is long."""
    field = row._meta.get_field(name)
    value = field.value_from_object(row)  # type: ignore[union-attr]
    return shorten_text("" if value is None else field.value_to_string(row))  # type: ignore[union-attr]


def shorten_text(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
