"""Many creates, updates and deletes at once, each with a result of its own."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import as_serializer_error

from accounts.api import field_errors
from accounts.models import User
from reminders.arrival import Arrival
from reminders.models import EditConflict, Reminder
from reminders.serializers import ReminderSerializer


class Op(StrEnum):
    CREATE = "create"
    UPDATE = "update"  # of `id`; only the fields that are given
    UPSERT = "upsert"  # by `external_id` among the fields: created, or all of it replaced
    DELETE = "delete"  # of `id`


class Item(NamedTuple):
    """One thing to do; `fields` as the API takes them (ReminderSerializer)."""

    op: Op
    fields: Mapping[str, Any] = {}
    id: int | None = None
    # As in If-Match: refused with 412 when the reminder has another.
    version: int | None = None
    # What a reminder that is created was before, elsewhere; one that is there keeps its state.
    arrival: Arrival | None = None


class Result(NamedTuple):
    """What came of one item.

    `status` is what the API would answer to it alone: 200, 201, 204, 400, 404, 409 or 412.
    `errors` are {field, code, detail}, as in a problem document.
    """

    status: HTTPStatus
    reminder: Reminder | None = None
    errors: tuple[dict[str, str], ...] = ()

    @property
    def is_done(self) -> bool:
        return self.status < HTTPStatus.BAD_REQUEST


def apply(
    user: User, items: Iterable[Item], now: datetime, *, dry_run: bool = False
) -> list[Result]:
    """Do each item on behalf of `user`, in order, and return a result for each.

    An item that is refused changes nothing and stops no other. With `dry_run` all is tried and
    nothing is kept.
    """
    with transaction.atomic():
        results = [_one(user, item, now) for item in items]
        transaction.set_rollback(dry_run)
    return results


class _Request(NamedTuple):
    """What the fields of a serializer ask of a request."""

    user: User


def _one(user: User, item: Item, now: datetime) -> Result:
    try:
        with transaction.atomic():
            return _do(user, item, now)
    except EditConflict as conflict:
        return Result(HTTPStatus.CONFLICT, errors=tuple(field_errors(conflict.message)))
    except DjangoValidationError as error:
        return _refused(as_serializer_error(error))
    except ValidationError as error:
        return _refused(error.detail)


def _do(user: User, item: Item, now: datetime) -> Result:
    own = Reminder.objects.owned_by(user)
    if item.op in {Op.UPDATE, Op.DELETE}:
        found = own.filter(pk=item.id or 0).first()
        if found is None:
            return Result(HTTPStatus.NOT_FOUND)
    else:
        key = item.fields.get("external_id") if item.op is Op.UPSERT else None
        found = own.filter(external_id=key).first() if key else None
    if found is not None and item.version not in {None, found.version}:
        return Result(HTTPStatus.PRECONDITION_FAILED)
    if item.op is Op.DELETE:
        assert found is not None
        found.close(now)
        return Result(HTTPStatus.NO_CONTENT)
    serializer = ReminderSerializer(
        found,
        data=dict(item.fields),
        partial=item.op is Op.UPDATE,
        context={"request": _Request(user)},
    )
    serializer.is_valid(raise_exception=True)
    is_new = {"owner": user, "arrival": item.arrival}
    stored = serializer.save(now=now, **({} if found else is_new))
    return Result(HTTPStatus.OK if found else HTTPStatus.CREATED, stored)


def _refused(detail: Any) -> Result:
    return Result(HTTPStatus.BAD_REQUEST, errors=tuple(field_errors(detail)))
