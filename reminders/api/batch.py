"""Batches of creates, updates, upserts and deletes, each item with its own result.

New reminders are stored together, in a constant number of queries; all others one by one.
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
from reminders.api.fields import valid_ids
from reminders.api.serializers import ReminderSerializer
from reminders.models import Reminder
from reminders.models.errors import EditConflict, ExternalIdTaken
from reminders.models.reminder_queryset import NewReminder
from reminders.schedule.imported_state import ImportedState

CHANNEL_FIELDS = ("channels", "escalate_channels")
# Attempts of an upsert if a parallel request creates the same external id.
MAX_ATTEMPTS = 3


class Op(StrEnum):
    CREATE = "create"
    UPDATE = "update"  # the given fields of the reminder `id`
    UPSERT = "upsert"  # replace the reminder with this `external_id`, or create it
    DELETE = "delete"  # the reminder `id`


class Item(NamedTuple):
    """One operation of a batch; `fields` as ReminderSerializer takes them."""

    op: Op
    fields: Mapping[str, Any] = {}
    id: int | None = None
    # As If-Match: refused with 412 if the reminder has another version.
    version: int | None = None
    # State of an imported reminder. Only a create applies it.
    arrival: ImportedState | None = None

    @property
    def external_id(self) -> str | None:
        """The key by which an upsert finds its reminder; None for other operations."""
        key = self.fields.get("external_id") if self.op is Op.UPSERT else None
        return key if isinstance(key, str) and "\0" not in key else None


class ItemResult(NamedTuple):
    """The result of one item.

    `status` is that of a request with this item alone: 200, 201, 204, 400, 404, 409 or 412. An item
    undone because another was refused has 424. `errors` are {field, code, detail}, as in a problem
    document.
    """

    status: HTTPStatus
    reminder: Reminder | None = None
    errors: tuple[dict[str, str], ...] = ()

    @property
    def is_done(self) -> bool:
        return self.status < HTTPStatus.BAD_REQUEST


def _refusal(status: HTTPStatus, field: str, code: str, detail: str) -> ItemResult:
    return ItemResult(status, errors=({"field": field, "code": code, "detail": detail},))


NOT_FOUND = _refusal(HTTPStatus.NOT_FOUND, "id", "not_found", "You have no reminder with this id.")
OUTDATED = _refusal(
    HTTPStatus.PRECONDITION_FAILED, "version", "outdated", "It has another version. Read it again."
)
UNDONE = _refusal(HTTPStatus.FAILED_DEPENDENCY, "", "undone", "Another item was refused.")


def apply(
    user: User,
    items: Iterable[Item],
    now: datetime,
    *,
    dry_run: bool = False,
    is_atomic: bool = False,
) -> list[ItemResult]:
    """Apply the items for `user`, in order, and return a result for each.

    A refused item changes nothing and stops no other; with `is_atomic` it undoes all. With
    `dry_run` everything is rolled back.
    """
    with transaction.atomic():
        results = ReminderBatch(user, list(items), now).results()
        is_refused = is_atomic and not all(result.is_done for result in results)
        transaction.set_rollback(dry_run or is_refused)
    if is_refused:
        return [UNDONE if result.is_done else result for result in results]
    return results


def upsert(
    user: User, external_id: str, fields: Mapping[str, Any], now: datetime, *, check: Any = None
) -> tuple[Reminder, bool]:
    """Replace the user's reminder with this external_id, or create it; return it, and if it is new.

    Of parallel calls one creates. `check` is called with the locked reminder, or None, and raises
    if it must not be replaced. Raises ValidationError on a field.
    """
    attempts = MAX_ATTEMPTS
    while True:
        try:
            with transaction.atomic():
                own = Reminder.objects.owned_by(user).locked()
                stored = own.filter(external_id=external_id).first()
                if check is not None:
                    check(stored)
                data = {**fields, "external_id": external_id}
                return _save(serializer_of(user, stored), data, user, now), stored is None
        except ExternalIdTaken:
            # A parallel request has created it after our lookup.
            attempts -= 1
            if not attempts:
                raise


class _RequestOf(NamedTuple):
    """The part of a request that the fields of a serializer read."""

    user: User


def serializer_of(
    user: User,
    reminder: Reminder | None = None,
    *,
    partial: bool = False,
    channels: Mapping[int, Channel] | None = None,
) -> ReminderSerializer:
    context = {"request": _RequestOf(user), "channels": channels or {}}
    return ReminderSerializer(reminder, partial=partial, context=context)


def _save(
    serializer: ReminderSerializer, fields: Mapping[str, Any], user: User, now: datetime
) -> Reminder:
    values = _validated(serializer, fields)
    if serializer.instance is None:
        return serializer.create({**values, "owner": user, "now": now})
    return serializer.update(serializer.instance, {**values, "now": now})


def _validated(serializer: ReminderSerializer, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Validate the fields of an item. Reuses a serializer, as to build one is half of the work."""
    serializer.initial_data = dict(fields)
    return serializer.run_validation(serializer.initial_data)


class ReminderBatch:
    """Applies items within a transaction.

    1. Lock the user, so that two batches of one user run one after the other.
    2. Read the channels that the items name, and lock the reminders that they change.
    3. Store neighbouring new reminders together, and apply each other item alone.
    """

    def __init__(self, user: User, items: Sequence[Item], now: datetime) -> None:
        self.user, self.items, self.now = user, items, now
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        self.channels = self._read_channels()
        self.external_ids = self._lock_reminders()
        self.creating = serializer_of(user, channels=self.channels)

    def _read_channels(self) -> dict[int, Channel]:
        ids: set[int] = set()
        for item in self.items:
            for name in CHANNEL_FIELDS:
                values = item.fields.get(name)
                if isinstance(values, list):
                    ids.update(value for value in values if type(value) is int)
        return (
            Channel.objects.owned_by(self.user).without_secrets().in_bulk(valid_ids(ids))
            if ids
            else {}
        )

    def _lock_reminders(self) -> set[str]:
        """Lock the reminders of the items, in the order of ids; return their external ids."""
        ids = valid_ids(item.id for item in self.items if item.id is not None)
        keys = {item.external_id for item in self.items if item.external_id}
        own = Reminder.objects.owned_by(self.user).filter(Q(pk__in=ids) | Q(external_id__in=keys))
        locked = own.order_by("pk").select_for_update().values_list("external_id", flat=True)
        return {key for key in locked if key} if ids or keys else set()

    def results(self) -> list[ItemResult]:
        results: list[ItemResult] = []
        for run in self._runs():
            if self._is_new(run[0]):
                results += self._create(run)
            else:
                results.append(self._apply(run[0]))
        return results

    def _runs(self) -> Iterator[list[Item]]:
        """Yield neighbouring new reminders as one list, and each other item alone."""
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
        return item.op is Op.CREATE or (key is not None and key not in self.external_ids)

    def _create(self, items: Sequence[Item]) -> list[ItemResult]:
        results: dict[int, ItemResult] = {}
        drafts: list[NewReminder] = []
        positions: list[int] = []
        for position, item in enumerate(items):
            try:
                drafts.append(self._new(item))
                positions.append(position)
            except (DjangoValidationError, ValidationError) as error:
                results[position] = _refused(error)
        errors = Reminder.objects.store_new(drafts, self.now)
        for i, position in enumerate(positions):
            results[position] = (
                self._result_of_error(items[position], errors[i])
                if i in errors
                else ItemResult(HTTPStatus.CREATED, drafts[i].reminder)
            )
        self.external_ids |= {key for item in items if (key := item.external_id)}
        return [results[position] for position in range(len(items))]

    def _new(self, item: Item) -> NewReminder:
        if item.version is not None:
            message = "Leave it out: a reminder that does not exist yet has no version."
            raise ValidationError({"version": message})
        values = _validated(self.creating, item.fields)
        channels, escalation_channels = (values.pop(name, None) for name in CHANNEL_FIELDS)
        reminder = Reminder(owner=self.user, **values)
        return NewReminder(reminder, channels, escalation_channels, item.arrival)

    def _result_of_error(self, item: Item, error: DjangoValidationError) -> ItemResult:
        """Refuse the item, or replace the reminder that a parallel request has just created."""
        exists = item.op is Op.UPSERT and isinstance(error, ExternalIdTaken)
        return self._apply(item) if exists else _refused(error)

    def _apply(self, item: Item) -> ItemResult:
        """Apply one item in a savepoint; return its result, errors included."""
        try:
            with transaction.atomic():
                return self._apply_or_raise(item)
        except EditConflict as conflict:
            return ItemResult(HTTPStatus.CONFLICT, errors=tuple(field_errors(conflict.message)))
        except _Outdated:
            return OUTDATED
        except (DjangoValidationError, ValidationError) as error:
            return _refused(error)

    def _apply_or_raise(self, item: Item) -> ItemResult:
        if item.op is Op.UPSERT:
            return self._upsert(item)
        own = Reminder.objects.owned_by(self.user)
        reminder = own.filter(pk__in=valid_ids([item.id or 0])).first()
        if reminder is None:
            return NOT_FOUND
        _check_version(item, reminder)
        if item.op is Op.DELETE:
            reminder.close(self.now)
            return ItemResult(HTTPStatus.NO_CONTENT, reminder)
        serializer = serializer_of(self.user, reminder, partial=True, channels=self.channels)
        return ItemResult(HTTPStatus.OK, _save(serializer, item.fields, self.user, self.now))

    def _upsert(self, item: Item) -> ItemResult:
        key = item.external_id
        if not key:
            message = "An upsert needs an external_id among its fields, such as invoice-42."
            raise ValidationError({"external_id": message})
        stored, is_new = upsert(
            self.user, key, item.fields, self.now, check=lambda row: _check_version(item, row)
        )
        return ItemResult(HTTPStatus.CREATED if is_new else HTTPStatus.OK, stored)


class _Outdated(Exception):
    """The reminder has another version than the item names."""


def _check_version(item: Item, reminder: Reminder | None) -> None:
    if item.version is not None and (reminder is None or item.version != reminder.version):
        raise _Outdated


def _refused(error: DjangoValidationError | ValidationError) -> ItemResult:
    detail = (
        as_serializer_error(error) if isinstance(error, DjangoValidationError) else error.detail
    )
    return ItemResult(HTTPStatus.BAD_REQUEST, errors=tuple(field_errors(detail, MAX_ITEM_ERRORS)))
