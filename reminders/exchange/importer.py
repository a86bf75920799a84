"""Imports the drafts of a file for a user, and reports the result of each.

Each chunk is a transaction of its own. A refused draft does not stop the others, and an import that
was interrupted can be repeated: no reminder is created twice. A draft finds its reminder by the
external id, by the UID that FOAM gave it in a calendar, or by content (see `existing`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from time import thread_time
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DatabaseError, connection, transaction
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.serializers import as_serializer_error

from accounts import quotas
from accounts.api.errors import MAX_ITEM_ERRORS, ErrorBudget, field_errors, shorten
from accounts.audit.actor import Source, acting_as, current_actor
from accounts.models import User
from notifications import channel_exchange
from notifications.models import Channel
from reminders.api import batch
from reminders.api.batch import CHANNEL_FIELDS, Item, Op
from reminders.exchange.drafts import ChannelDraft, Draft, FileContent, Loss, LossList
from reminders.exchange.existing import ExistingReminders
from reminders.exchange.icalendar.file_writer import id_of
from reminders.models import Reminder

CHUNK = 500
# Of a title or of a channel's key, in a report.
NAME_LENGTH = 200
# The first half of an advisory lock; the user is the second.
LOCK = 0x464F414D

Errors = tuple[dict[str, str], ...]


class ImportOutcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"  # the user had it already, with the same values
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of one draft; `name` is a reminder's title or a channel's key.

    `errors` are {field, code, detail}, as in a problem document. A dry run gives no id to a new
    reminder.
    """

    where: str
    name: str
    result: ImportOutcome
    id: int | None = None
    errors: Errors = ()


@dataclass(slots=True)
class ImportReport:
    is_dry_run: bool
    reminders: list[ImportResult] = field(default_factory=list)
    channels: list[ImportResult] = field(default_factory=list)
    loss_list: LossList = field(default_factory=LossList)

    @property
    def losses(self) -> list[Loss]:
        return self.loss_list.as_list()

    @property
    def counts(self) -> dict[str, int]:
        """The number of reminders with each outcome."""
        counts = Counter(row.result for row in self.reminders)
        return {outcome.value: counts[outcome] for outcome in ImportOutcome}

    @property
    def is_refused(self) -> bool:
        """Whether any draft was refused."""
        rows = (*self.reminders, *self.channels)
        return any(row.result is ImportOutcome.REFUSED for row in rows)


def notable(rows: Iterable[ImportResult]) -> list[ImportResult]:
    """Return the refused rows first, as a person has to act on them, then new and updated ones."""
    order = [ImportOutcome.REFUSED, ImportOutcome.CREATED, ImportOutcome.UPDATED]
    changed = (row for row in rows if row.result in order)
    return sorted(changed, key=lambda row: order.index(row.result))


class Busy(Exception):
    """Another import for this user is running. Two at once would create each reminder twice."""


def take(
    user: User,
    content: FileContent,
    now: datetime,
    *,
    dry_run: bool = False,
    may_write_channels: bool = True,
    step: Callable[[int], None] = lambda count: None,
) -> ImportReport:
    """Import the content of a file; a dry run is rolled back. Raises Busy.

    `step` is called after each chunk with its number of drafts.
    """
    with (
        acting_as(current_actor()._replace(source=Source.IMPORT.value)),
        _user_lock(user),
        _rolled_back(dry_run),
    ):
        report = ImportReport(dry_run, loss_list=content.loss_list)
        importer = _Importer(user, now, report, content.limits.import_seconds)
        importer.import_channels(content.channels, may_write=may_write_channels)
        for begin in range(0, len(content.drafts), CHUNK):
            drafts = content.drafts[begin : begin + CHUNK]
            if importer.is_late:
                report.reminders += [importer.unreached(d.where, _title(d)) for d in drafts]
                continue
            with transaction.atomic():
                importer.import_reminders(drafts)
            step(len(drafts))
    return report


@contextmanager
def _user_lock(user: User) -> Iterator[None]:
    """Hold an advisory lock in a transaction beside those of the chunks.

    It is not a lock of the session: PgBouncer may give a session to another client.
    """
    lock_connection = connection.copy()
    try:
        lock_connection.set_autocommit(False)
        with lock_connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, user.pk])
            if not cursor.fetchone()[0]:
                raise Busy
        yield
    finally:
        # A close alone releases the lock only after PostgreSQL has noticed it.
        with suppress(DatabaseError):
            lock_connection.rollback()
        lock_connection.close()


@contextmanager
def _rolled_back(dry_run: bool) -> Iterator[None]:
    if not dry_run:
        yield
        return
    with quotas.on_trial(), transaction.atomic():
        yield
        transaction.set_rollback(True)


class _Importer:
    def __init__(self, user: User, now: datetime, report: ImportReport, seconds: int) -> None:
        self.seconds, self.end = seconds, thread_time() + seconds
        self.user = user
        self.now = now
        self.report = report
        self.budget = ErrorBudget()
        self.existing = ExistingReminders(user)
        # The place of each external_id in the file.
        self.places: dict[str, str] = {}
        self.channels: dict[str, int] = {}

    def import_channels(self, drafts: Sequence[ChannelDraft], *, may_write: bool) -> None:
        own = Channel.objects.owned_by(self.user)
        self.channels = {channel_exchange.key(channel): channel.pk for channel in own}
        for draft in drafts:
            key = channel_exchange.key_of(draft.fields)
            self.report.channels.append(
                self.unreached(draft.where, key)
                if self.is_late
                else self._channel(draft, may_write=may_write)
            )

    @property
    def is_late(self) -> bool:
        """Whether the import has taken its processor time. A repeated one goes on from there."""
        return thread_time() > self.end

    def unreached(self, where: str, name: str) -> ImportResult:
        what = f"Not reached in {self.seconds} s. Import the file again: the others are there then."
        return self._refused(where, name, {"": [ErrorDetail(what, "unreached")]})

    def _channel(self, draft: ChannelDraft, *, may_write: bool) -> ImportResult:
        key = channel_exchange.key_of(draft.fields)
        try:
            with transaction.atomic():
                restored = channel_exchange.restore(self.user, draft.fields)
                if restored.is_changed and not may_write:
                    raise ValidationError(
                        "To write channels needs a right of its own: channels:write."
                    )
        except DjangoValidationError as error:
            return self._refused(draft.where, key, as_serializer_error(error))
        except ValidationError as error:
            return self._refused(draft.where, key, error.detail)
        channel = restored.channel
        self.channels[key] = channel.pk
        if not restored.is_new:
            outcome = ImportOutcome.UPDATED if restored.is_changed else ImportOutcome.UNCHANGED
            return ImportResult(draft.where, key, outcome, channel.pk)
        if not channel.is_verified:
            what = f"Secrets and proofs stay where they are: nothing is sent to {key} until it is "
            self.report.loss_list.add(draft.where, f"{what}verified here.")
        return ImportResult(draft.where, key, ImportOutcome.CREATED, self._new_id(channel.pk))

    def import_reminders(self, drafts: Sequence[Draft]) -> None:
        """Import one chunk. The report lists its results in the order of the file."""
        results: dict[int, ImportResult] = {}
        items: dict[int, Item] = {}
        own_ids = self._ids_of_foam_uids(drafts)
        for place, draft in enumerate(drafts):
            try:
                items[place] = self._item(draft, own_ids)
            except ValidationError as error:
                results[place] = self._refused(draft.where, _title(draft), error.detail)
        matches = self.existing.match(list(items.values()))
        for place, pk in zip(list(items), matches, strict=True):
            if pk is not None:
                draft, outcome = drafts[place], ImportOutcome.UNCHANGED
                results[place] = ImportResult(draft.where, _title(draft), outcome, pk)
                del items[place]
        for place, result in zip(
            items, batch.apply(self.user, items.values(), self.now), strict=True
        ):
            results[place] = self._result(drafts[place], result)
        self.report.reminders += [results[place] for place in range(len(drafts))]

    def _ids_of_foam_uids(self, drafts: Sequence[Draft]) -> set[int]:
        """Return the ids of the user's reminders that a calendar names by the UID of FOAM."""
        uids = [draft.fields.get("external_id") for draft in drafts]
        ids = {pk for uid in uids if (pk := id_of(uid)) is not None}
        own = Reminder.objects.owned_by(self.user).filter(external_id=None)
        return set(own.filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()

    def _item(self, draft: Draft, own_ids: set[int]) -> Item:
        fields = dict(draft.fields)
        errors: dict[str, str] = {}
        for name in CHANNEL_FIELDS:
            keys = fields.get(name)
            if not isinstance(keys, list):
                continue
            unknown = [key for key in keys if isinstance(key, str) and key not in self.channels]
            if unknown:
                errors[name] = f"You have no channel {unknown[0][:200]}."
            fields[name] = [self.channels.get(k, k) if isinstance(k, str) else k for k in keys]
        external_id = fields.get("external_id")
        if isinstance(external_id, str) and external_id:
            before = self.places.setdefault(external_id, draft.where)
            if before != draft.where:
                errors["external_id"] = f"Stands in this file twice: see {before}."
            if "\0" in external_id:
                errors["external_id"] = "Null characters are not allowed."
        if errors:
            raise ValidationError(errors)
        if (own_id := id_of(external_id)) in own_ids:
            del fields["external_id"]
            return Item(Op.UPDATE, fields, own_id)
        op = Op.UPSERT if external_id else Op.CREATE
        return Item(op, fields, arrival=draft.state)

    def _result(self, draft: Draft, result: batch.ItemResult) -> ImportResult:
        title, reminder = _title(draft), result.reminder
        if not result.is_done or reminder is None:
            errors = self.budget.cut(
                result.errors or tuple(field_errors({"": [result.status.phrase]}))
            )
            return ImportResult(draft.where, title, ImportOutcome.REFUSED, errors=errors)
        if result.status != HTTPStatus.CREATED:
            return ImportResult(draft.where, title, ImportOutcome.UPDATED, reminder.pk)
        state, status = draft.state, Reminder.Status
        if state and state.status == status.ACTIVE and reminder.status == status.FINISHED:
            what = "Its last occurrence has passed meanwhile: it is finished."
            self.report.loss_list.add(draft.where, what)
        return ImportResult(draft.where, title, ImportOutcome.CREATED, self._new_id(reminder.pk))

    def _refused(self, where: str, name: str, detail: Any) -> ImportResult:
        errors = self.budget.cut(field_errors(detail, MAX_ITEM_ERRORS))
        return ImportResult(where, shorten(name, NAME_LENGTH), ImportOutcome.REFUSED, errors=errors)

    def _new_id(self, pk: int) -> int | None:
        return None if self.report.is_dry_run else pk


def _title(draft: Draft) -> str:
    return shorten(str(draft.fields.get("title", "")), NAME_LENGTH)
