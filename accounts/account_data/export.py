"""Export of all data of a user, as JSON Lines."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db.models import Model

from accounts.durations import iso_duration
from accounts.models import AccountChange, ApiToken, Pause, User

Row = dict[str, Any]
# Rows in memory at once.
EXPORT_BATCH_SIZE = 500


class Section(NamedTuple):
    """The rows of one model. Each becomes a line whose `type` is the name of the section.

    `owner` is the path of a filter that leads to the id of the user. `renamed` maps a name in the
    export to its field, `subqueries` a field to the expression that reads it.
    """

    name: str
    model: type[Model]
    owner: str
    fields: tuple[str, ...]
    renamed: Mapping[str, str] = {}
    subqueries: Mapping[str, Any] = {}

    def rows(self, user: User) -> Iterator[Row]:
        """Yield these fields of each row of a user, in the order of ids.

        Rows are read in batches and without an open transaction, so that a slow client blocks no
        other.
        """
        names = {**dict(zip(self.fields, self.fields, strict=True)), **self.renamed}
        rows = self.model._default_manager.filter(**{self.owner: user.pk})
        ordered = rows.annotate(**self.subqueries).order_by("pk").values("pk", *names.values())
        batch = list(ordered[:EXPORT_BATCH_SIZE])
        while batch:
            for row in batch:
                yield {name: row[field] for name, field in names.items()}
            batch = list(ordered.filter(pk__gt=batch[-1]["pk"])[:EXPORT_BATCH_SIZE])


# Of all apps, in the order of the export: see foam.hooks.
sections: list[Section] = []


def lines(user: User, now: datetime) -> Iterator[bytes]:
    """Yield the export line by line. The last line has the number of rows, to detect a cut."""
    count = 0
    yield _line("export", {"of": user.username, "at": now})
    for section in sections:
        for row in section.rows(user):
            count += 1
            yield _line(section.name, row)
    yield _line("end", {"count": count})


def _line(type_: str, row: Row) -> bytes:
    return orjson.dumps({"type": type_, **row}, default=_encode, option=OPTIONS)


# A lead is a dataclass, which `_encode` writes as text.
OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS


def _encode(value: Any) -> Any:
    return iso_duration(value) if hasattr(value, "total_seconds") else str(value)


SECTIONS = [
    Section(
        "profile",
        User,
        "pk",
        (
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "timezone",
            "quiet_from",
            "quiet_until",
            "quiet_weekends",
            "date_joined",
            "last_login",
        ),
    ),
    Section("email", EmailAddress, "user", ("email", "verified", "primary")),
    Section(
        "second_factor", Authenticator, "user", ("created_at", "last_used_at"), {"kind": "type"}
    ),
    Section(
        "team_account",
        SocialAccount,
        "user",
        ("provider", "uid", "extra_data", "date_joined", "last_login"),
    ),
    Section("session", UserSession, "user", ("ip", "user_agent", "created_at", "last_seen_at")),
    Section(
        "token",
        ApiToken,
        "user",
        (
            "id",
            "name",
            "hint",
            "scopes",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ),
    ),
    Section(
        "account_change",
        AccountChange,
        "account",
        ("at", "verb", "face", "detail", "diff", "network"),
        {"by": "user_id", "token": "token_id"},
    ),
    Section("pause", Pause, "owner", ("scope", "tag", "until", "reason", "created_at", "ended_at")),
]
