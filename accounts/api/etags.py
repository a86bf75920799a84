"""Conditional requests (RFC 9110, section 13): `ETag`, `If-None-Match` and `If-Match`.

A tag is `"3-1f0c…"`: the edition, which changes whenever somebody edits the resource, and a hash
of the whole answer, in which a firing shows as well. `If-None-Match` compares all of it, so that
a 304 is never wrong; `If-Match` the edition alone, so that a firing refuses nobody's edit.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

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


def edition_of(instance: models.Model, shown: Iterable[str]) -> str:
    """Return what changes whenever somebody edits this row: its version, or what stands for it.

    Where there is neither a version nor a time of the last edit, that is a hash of what is `shown`.
    """
    if hasattr(instance, "version"):
        return str(instance.version)
    if hasattr(instance, "updated_at"):
        return f"{(instance.updated_at - EPOCH) // timedelta(microseconds=1):x}"
    fields = {field.name: field for field in instance._meta.concrete_fields}
    values = [str(fields[name].value_from_object(instance)) for name in shown if name in fields]
    return digest("\0".join(values).encode())


def lock(instance: models.Model) -> None:
    """Read a row again and lock it, so that its edition is that of what is changed next.

    Outside of a transaction nothing can be locked, and nothing is done.
    """
    if transaction.get_connection().in_atomic_block:
        rows = instance._meta.model._base_manager.select_for_update(no_key=True)
        instance.refresh_from_db(from_queryset=rows)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def tags_of(header: str, name: str) -> list[str] | None:
    """Return the tags that a header lists; None for `*`. ValidationError names the header."""
    if header.strip() == ANY:
        return None
    if len(header) > 4096 or not TAGS.fullmatch(header):
        raise ValidationError({name: 'Give * or tags in quotes, such as "3", as ETag had them.'})
    return re.findall(TAG, header)


def is_known(tag: str, header: str) -> bool:
    """Whether If-None-Match names this tag; by weak comparison, as a cache may have weakened it.

    A header that cannot be read names none: all is sent.
    """
    try:
        tags = tags_of(header, "If-None-Match")
    except ValidationError:
        return False
    return tags is None or tag in {each.removeprefix("W/") for each in tags}


def check(edition: str, header: str) -> None:
    """Raise PreconditionFailed unless If-Match names this edition; weak tags never do."""
    tags = tags_of(header, "If-Match")
    if tags is not None and edition not in _editions(tags):
        raise PreconditionFailed


def check_new(edition: str, header: str) -> None:
    """Raise PreconditionFailed where If-None-Match names this edition of what is there already."""
    tags = tags_of(header, "If-None-Match")
    if tags is None or edition in _editions(each.removeprefix("W/") for each in tags):
        raise PreconditionFailed("There is one already, as If-None-Match says.")


def _editions(tags: Iterable[str]) -> set[str]:
    return {tag.strip('"').partition("-")[0] for tag in tags}
