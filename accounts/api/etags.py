"""Conditional requests (RFC 9110, section 13): `ETag`, `If-None-Match` and `If-Match`.

A tag is `"3-1f0c…"`: the edition, which changes with each edit of the resource, and a hash of the
whole answer, which also changes when a reminder fires. `If-None-Match` compares the whole tag, so
that a 304 is never wrong; `If-Match` compares the edition, so that no firing refuses an edit.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from rest_framework.exceptions import APIException, ValidationError

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
ANY = "*"
TAG = r'(?:W/)?"[!#-~]*"'
TAGS = re.compile(rf"\s*(?:,\s*)*{TAG}(?:\s*,\s*(?:{TAG})?)*\s*")


class PreconditionFailed(APIException):
    status_code = 412
    default_detail = "This has been changed since the version that If-Match names. Read it again."
    default_code = "precondition_failed"


def edition_of(instance: models.Model, names: Iterable[str]) -> str:
    """Return the edition of a row, which changes with each edit.

    It is the row's `version`, else its `updated_at`, else a hash of the fields `names`.
    """
    if hasattr(instance, "version"):
        return str(instance.version)
    if hasattr(instance, "updated_at"):
        return f"{(instance.updated_at - EPOCH) // timedelta(microseconds=1):x}"
    fields = {field.name: field for field in instance._meta.concrete_fields}
    return edition_of_values(
        fields[name].value_from_object(instance) for name in names if name in fields
    )


def edition_of_values(values: Iterable[Any]) -> str:
    return digest("\0".join(map(str, values)).encode())


def lock(instance: models.Model) -> None:
    """Read a row again and lock it until the end of the transaction; without one, do nothing.

    No other edit can then come between the check of the edition and the change.
    """
    if transaction.get_connection().in_atomic_block:
        rows = instance._meta.model._base_manager.select_for_update(no_key=True)
        instance.refresh_from_db(from_queryset=rows)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def tags_of(header: str, name: str) -> list[str] | None:
    """Return the tags that a header lists; None for `*`. Raises ValidationError on the header."""
    if header.strip() == ANY:
        return None
    if len(header) > 4096 or not TAGS.fullmatch(header):
        raise ValidationError({name: 'Give * or tags in quotes, such as "3", as ETag had them.'})
    return re.findall(TAG, header)


def is_known(tag: str, header: str) -> bool:
    """Whether If-None-Match names this tag. Compares weakly, as a cache may have weakened it.

    An invalid header counts as absent: the whole answer is sent.
    """
    try:
        tags = tags_of(header, "If-None-Match")
    except ValidationError:
        return False
    return tags is None or tag in {listed.removeprefix("W/") for listed in tags}


def check(edition: str, header: str) -> None:
    """Raise PreconditionFailed unless If-Match names this edition; weak tags never do."""
    tags = tags_of(header, "If-Match")
    if tags is not None and edition not in _editions(tags):
        raise PreconditionFailed


def check_new(edition: str, header: str) -> None:
    """Raise PreconditionFailed if If-None-Match names the edition of the existing row."""
    tags = tags_of(header, "If-None-Match")
    if tags is None or edition in _editions(tag.removeprefix("W/") for tag in tags):
        raise PreconditionFailed("It exists already, and If-None-Match asks to create it only.")


def _editions(tags: Iterable[str]) -> set[str]:
    return {tag.strip('"').partition("-")[0] for tag in tags}
