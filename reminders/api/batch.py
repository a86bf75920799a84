"""Many creates, updates and deletes at once, each with a result of its own.

What is new is stored together, in a constant number of queries; the rest is changed one by one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from django.db.models import Q
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import as_serializer_error

from accounts.api.errors import MAX_ITEM_ERRORS, field_errors
from accounts.models import User
from notifications.models import Channel
from reminders.actions.bulk_create import NewReminder, store_new
from reminders.api.serializers import ReminderSerializer
from reminders.models import Reminder
from reminders.models.errors import EditConflict, ExternalIdTaken
from reminders.schedule.imported_state import ImportedState

MANY = ("channels", "escalate_channels")
# How often an upsert looks again when somebody else is as fast.
TRIES = 3


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
    arrival: ImportedState | None = None

    @property
    def external_id(self) -> str | None:
        """By what an upsert finds its reminder."""
        found = self.fields.get("external_id") if self.op is Op.UPSERT else None
        return found if isinstance(found, str) and "\0" not in found else None


class Result(NamedTuple):
    """What came of one item.

    `status` is what the API would answer to it alone: 200, 201, 204, 400, 404, 409 or 412; 424 for
    one that was undone because another was refused. `errors` are {field, code, detail}, as in a
    problem document.
    """

    status: HTTPStatus
    reminder: Reminder | None = None
    errors: tuple[dict[str, str], ...] = ()

    @property
    def is_done(self) -> bool:
        return self.status < HTTPStatus.BAD_REQUEST


def _no(status: HTTPStatus, field: str, code: str, detail: str) -> Result:
    return Result(status, errors=({"field": field, "code": code, "detail": detail},))


NOT_FOUND = _no(HTTPStatus.NOT_FOUND, "id", "not_found", "You have no reminder with this id.")
OUTDATED = _no(
    HTTPStatus.PRECONDITION_FAILED, "version", "outdated", "It has another version. Read it again."
)
UNDONE = _no(HTTPStatus.FAILED_DEPENDENCY, "", "undone", "Another item was refused.")


def apply(
    user: User,
    items: Iterable[Item],
    now: datetime,
    *,
    dry_run: bool = False,
    is_atomic: bool = False,
) -> list[Result]:
    """Do each item on behalf of `user`, in order, and return a result for each.

    An item that is refused changes nothing and stops no other; with `is_atomic` it undoes all. With
    `dry_run` all is tried and nothing is kept.
    """
    with transaction.atomic():
        results = Batch(user, list(items), now).results()
        is_refused = is_atomic and not all(result.is_done for result in results)
        transaction.set_rollback(dry_run or is_refused)
    if is_refused:
        return [UNDONE if result.is_done else result for result in results]
    return results


def upsert(
    user: User, external_id: str, fields: Mapping[str, Any], now: datetime, *, is_wanted: Any = None
) -> tuple[Reminder, bool]:
    """Replace the user's reminder with this external_id, or create it; return it, and if it is new.

    Of parallel calls one creates. `is_wanted` is called with what is there (or None), locked, and
    raises where that is not to be replaced. ValidationError names a field.
    """
    tries = TRIES
    while True:
        try:
            with transaction.atomic():
                own = Reminder.objects.owned_by(user).select_for_update()
                found = own.filter(external_id=external_id).first()
                if is_wanted is not None:
                    is_wanted(found)
                data = {**fields, "external_id": external_id}
                return _save(serializer_of(user, found), data, user, now), found is None
        except ExternalIdTaken:
            # Somebody else has created it since.
            tries -= 1
            if not tries:
                raise


class _Request(NamedTuple):
    """What the fields of a serializer ask of a request."""

    user: User


def serializer_of(
    user: User,
    found: Reminder | None = None,
    *,
    partial: bool = False,
    channels: Mapping[int, Channel] | None = None,
) -> ReminderSerializer:
    context = {"request": _Request(user), "channels": channels or {}}
    return ReminderSerializer(found, partial=partial, context=context)


def _save(
    serializer: ReminderSerializer, fields: Mapping[str, Any], user: User, now: datetime
) -> Reminder:
    values = _validated(serializer, fields)
    if serializer.instance is None:
        return serializer.create({**values, "owner": user, "now": now})
    return serializer.update(serializer.instance, {**values, "now": now})


def _validated(serializer: ReminderSerializer, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of fields. One serializer reads many: to make one is half of the work."""
    serializer.initial_data = dict(fields)
    return serializer.run_validation(serializer.initial_data)


class Batch:
    """Some items on their way, within a transaction."""

    def __init__(self, user: User, items: Sequence[Item], now: datetime) -> None:
        self.user, self.items, self.now = user, items, now
        # Two batches of one owner come one after the other, and so not in each other's way.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        self.channels = self._named_channels()
        self.there = self._lock()
        self.creating = serializer_of(user, channels=self.channels)

    def _named_channels(self) -> dict[int, Channel]:
        ids: set[int] = set()
        for item in self.items:
            for name in MANY:
                given = item.fields.get(name)
                if isinstance(given, list):
                    ids.update(each for each in given if type(each) is int)
        return Channel.objects.owned_by(self.user).in_bulk(_sane(ids)) if ids else {}

    def _lock(self) -> set[str]:
        """Lock all that is to be changed, in one order; return the external_ids there are."""
        ids = _sane(item.id for item in self.items if item.id is not None)
        keys = {item.external_id for item in self.items if item.external_id}
        own = Reminder.objects.owned_by(self.user).filter(Q(pk__in=ids) | Q(external_id__in=keys))
        found = own.order_by("pk").select_for_update().values_list("external_id", flat=True)
        return {key for key in found if key} if ids or keys else set()

    def results(self) -> list[Result]:
        results: list[Result] = []
        for run in self._runs():
            if self._is_new(run[0]):
                results += self._create(run)
            else:
                results.append(self._one(run[0]))
        return results

    def _runs(self) -> Iterator[list[Item]]:
        """Yield neighbours that are new as one list, and each other item alone."""
        run: list[Item] = []
        keys: set[str] = set()
        for item in self.items:
            key = item.external_id
            if run and (not self._is_new(item) or key in keys):
                yield run
                run, keys = [], set()
            if self._is_new(item):
                run.append(item)
                keys |= {key} if key else set()
            else:
                yield [item]
        if run:
            yield run

    def _is_new(self, item: Item) -> bool:
        key = item.external_id
        return item.op is Op.CREATE or (key is not None and key not in self.there)

    def _create(self, items: Sequence[Item]) -> list[Result]:
        results: dict[int, Result] = {}
        news: list[NewReminder] = []
        places: list[int] = []
        for place, item in enumerate(items):
            try:
                news.append(self._new(item))
                places.append(place)
            except (DjangoValidationError, ValidationError) as error:
                results[place] = _refused(error)
        refused = store_new(news, self.now)
        for i, place in enumerate(places):
            results[place] = (
                self._late(items[place], refused[i])
                if i in refused
                else Result(HTTPStatus.CREATED, news[i].reminder)
            )
        self.there |= {key for item in items if (key := item.external_id)}
        return [results[place] for place in range(len(items))]

    def _new(self, item: Item) -> NewReminder:
        if item.version is not None:
            raise ValidationError({"version": "There is nothing yet that could have a version."})
        values = _validated(self.creating, item.fields)
        channels, further = (values.pop(name, None) for name in MANY)
        return NewReminder(Reminder(owner=self.user, **values), channels, further, item.arrival)

    def _late(self, item: Item, error: DjangoValidationError) -> Result:
        """An upsert of what somebody else has created since is a replacement."""
        is_there = item.op is Op.UPSERT and isinstance(error, ExternalIdTaken)
        return self._one(item) if is_there else _refused(error)

    def _one(self, item: Item) -> Result:
        try:
            with transaction.atomic():
                return self._do(item)
        except EditConflict as conflict:
            return Result(HTTPStatus.CONFLICT, errors=tuple(field_errors(conflict.message)))
        except _Outdated:
            return OUTDATED
        except (DjangoValidationError, ValidationError) as error:
            return _refused(error)

    def _do(self, item: Item) -> Result:
        if item.op is Op.UPSERT:
            return self._upsert(item)
        found = Reminder.objects.owned_by(self.user).filter(pk__in=_sane([item.id or 0])).first()
        if found is None:
            return NOT_FOUND
        _check_version(item, found)
        if item.op is Op.DELETE:
            found.close(self.now)
            return Result(HTTPStatus.NO_CONTENT, found)
        serializer = serializer_of(self.user, found, partial=True, channels=self.channels)
        return Result(HTTPStatus.OK, _save(serializer, item.fields, self.user, self.now))

    def _upsert(self, item: Item) -> Result:
        key = item.external_id
        if not key:
            raise ValidationError({"external_id": "An upsert needs one."})
        stored, is_new = upsert(
            self.user, key, item.fields, self.now, is_wanted=lambda row: _check_version(item, row)
        )
        return Result(HTTPStatus.CREATED if is_new else HTTPStatus.OK, stored)


class _Outdated(Exception):
    """The reminder has another version than the item says."""


def _check_version(item: Item, found: Reminder | None) -> None:
    if item.version is not None and (found is None or item.version != found.version):
        raise _Outdated


def _sane(ids: Iterable[int]) -> list[int]:
    """Return those that can be ids; others are too large for the database to look for."""
    return [each for each in ids if 0 < each < 2**63]


def _refused(error: DjangoValidationError | ValidationError) -> Result:
    detail = (
        as_serializer_error(error) if isinstance(error, DjangoValidationError) else error.detail
    )
    return Result(HTTPStatus.BAD_REQUEST, errors=tuple(field_errors(detail, MAX_ITEM_ERRORS)))
