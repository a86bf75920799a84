"""Take what was read of a file in for a user, and say what came of each part of it.

In chunks, each in a transaction of its own: what is refused stops nothing else, and when an import
is broken off, doing it again does the rest. For nothing is taken in twice: a reminder with an
`external_id` is looked up by that, one without by all that it says (see `known`). One that has come
back from a calendar, under the UID that it was given there, is the same reminder.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import connection, transaction
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import as_serializer_error

from accounts.api.errors import MAX_ITEM_ERRORS, ErrorBudget, field_errors, shorten
from accounts.audit.actor import Source, acting_as, current_actor
from accounts.models import User
from notifications import channel_exchange
from notifications.models import Channel
from reminders.api import batch
from reminders.api.batch import Item, Op
from reminders.exchange.drafts import ChannelDraft, Draft, Loss, Reading
from reminders.exchange.existing import Known
from reminders.exchange.icalendar.file_writer import id_of
from reminders.models import Reminder

CHUNK = 500
# Of a title or of a channel's key, in a report.
NAME_LENGTH = 200
# More of them tell nobody more.
MAX_LOSSES = 1_000
# The first half of an advisory lock; the user is the second.
LOCK = 0x464F414D

Errors = tuple[dict[str, str], ...]


class TakenResult(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"  # it was there already, and said the same
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one draft; `name` is a reminder's title or a channel's key.

    `errors` are {field, code, detail}, as in a problem document. No id of what is not kept.
    """

    where: str
    name: str
    result: TakenResult
    id: int | None = None
    errors: Errors = ()


@dataclass(slots=True)
class Report:
    is_dry_run: bool
    reminders: list[Taken] = field(default_factory=list)
    channels: list[Taken] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many reminders had which result."""
        found = Counter(taken.result for taken in self.reminders)
        return {result.value: found[result] for result in TakenResult}

    @property
    def is_refused(self) -> bool:
        """Whether any part was."""
        return any(t.result is TakenResult.REFUSED for t in (*self.reminders, *self.channels))


class Busy(Exception):
    """Another import of this user is under way: of two at once, each would take in all of it."""


def take(
    user: User,
    reading: Reading,
    now: datetime,
    *,
    dry_run: bool = False,
    may_write_channels: bool = True,
    step: Callable[[int], None] = lambda count: None,
) -> Report:
    """Take in what was read; with `dry_run` all is tried, and nothing kept. Raises Busy.

    `step` is called with how many drafts have been dealt with since.
    """
    with (
        acting_as(current_actor()._replace(source=Source.IMPORT.value)),
        _alone(user),
        _tried(dry_run),
    ):
        taking = _Taking(user, now, Report(dry_run, losses=_first(reading.losses)))
        taking.take_channels(reading.channels, may_write=may_write_channels)
        for begin in range(0, len(reading.drafts), CHUNK):
            some = reading.drafts[begin : begin + CHUNK]
            with transaction.atomic():
                taking.take_reminders(some)
            step(len(some))
    return taking.report


@contextmanager
def _alone(user: User) -> Iterator[None]:
    """Hold a lock in a transaction beside those of the chunks.

    A lock of the session would stay behind in PgBouncer, where each may have another.
    """
    beside = connection.copy()
    try:
        beside.set_autocommit(False)
        with beside.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, user.pk])
            if not cursor.fetchone()[0]:
                raise Busy
        yield
    finally:
        beside.close()


@contextmanager
def _tried(dry_run: bool) -> Iterator[None]:
    if not dry_run:
        yield
        return
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


class _Taking:
    def __init__(self, user: User, now: datetime, report: Report) -> None:
        self.user = user
        self.now = now
        self.report = report
        self.budget = ErrorBudget()
        self.known = Known(user)
        # Where each external_id of the file stands.
        self.seen: dict[str, str] = {}
        self.channels: dict[str, int] = {}

    def take_channels(self, drafts: Sequence[ChannelDraft], *, may_write: bool) -> None:
        own = Channel.objects.owned_by(self.user)
        self.channels = {channel_exchange.key(channel): channel.pk for channel in own}
        for draft in drafts:
            taken = self._channel(draft, may_write=may_write)
            self.report.channels.append(taken)

    def _channel(self, draft: ChannelDraft, *, may_write: bool) -> Taken:
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
            result = TakenResult.UPDATED if restored.is_changed else TakenResult.UNCHANGED
            return Taken(draft.where, key, result, channel.pk)
        if not channel.is_verified:
            what = f"Secrets and proofs stay where they are: nothing is sent to {key} until it is "
            self.report.losses.append(Loss(draft.where, f"{what}verified here."))
        return Taken(draft.where, key, TakenResult.CREATED, self._id(channel.pk))

    def take_reminders(self, drafts: Sequence[Draft]) -> None:
        """Deal with one chunk; the report keeps the order of the file."""
        dealt: dict[int, Taken] = {}
        items: dict[int, Item] = {}
        back = self._back(drafts)
        for place, draft in enumerate(drafts):
            try:
                items[place] = self._item(draft, back)
            except ValidationError as error:
                dealt[place] = self._refused(draft.where, _title(draft), error.detail)
        there = self.known.among(list(items.values()))
        for place, pk in zip(list(items), there, strict=True):
            if pk is not None:
                draft = drafts[place]
                dealt[place] = Taken(draft.where, _title(draft), TakenResult.UNCHANGED, pk)
                del items[place]
        results = batch.apply(self.user, items.values(), self.now)
        for place, result in zip(items, results, strict=True):
            dealt[place] = self._taken(drafts[place], result)
        self.report.reminders += [dealt[place] for place in range(len(drafts))]

    def _back(self, drafts: Sequence[Draft]) -> set[int]:
        """Return which reminders of the user come back from a calendar with the UID of FOAM."""
        uids = [draft.fields.get("external_id") for draft in drafts]
        ids = {pk for uid in uids if (pk := id_of(uid)) is not None}
        own = Reminder.objects.owned_by(self.user).filter(external_id=None)
        return set(own.filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()

    def _item(self, draft: Draft, back: set[int]) -> Item:
        fields = dict(draft.fields)
        errors: dict[str, str] = {}
        for name in ("channels", "escalate_channels"):
            keys = fields.get(name)
            if not isinstance(keys, list):
                continue
            unknown = [key for key in keys if isinstance(key, str) and key not in self.channels]
            if unknown:
                errors[name] = f"You have no channel {unknown[0][:200]}."
            fields[name] = [self.channels.get(k, k) if isinstance(k, str) else k for k in keys]
        external_id = fields.get("external_id")
        if isinstance(external_id, str) and external_id:
            before = self.seen.setdefault(external_id, draft.where)
            if before != draft.where:
                errors["external_id"] = f"Stands in this file twice: see {before}."
            if "\0" in external_id:
                errors["external_id"] = "Null characters are not allowed."
        if errors:
            raise ValidationError(errors)
        if (same := id_of(external_id)) in back:
            del fields["external_id"]
            return Item(Op.UPDATE, fields, same)
        op = Op.UPSERT if external_id else Op.CREATE
        return Item(op, fields, arrival=draft.state)

    def _taken(self, draft: Draft, result: batch.ItemResult) -> Taken:
        title, reminder = _title(draft), result.reminder
        if not result.is_done or reminder is None:
            errors = result.errors or tuple(field_errors({"": [result.status.phrase]}))
            return Taken(draft.where, title, TakenResult.REFUSED, errors=self.budget.cut(errors))
        if result.status != HTTPStatus.CREATED:
            return Taken(draft.where, title, TakenResult.UPDATED, reminder.pk)
        was, status = draft.state, Reminder.Status
        if was and was.status == status.ACTIVE and reminder.status == status.FINISHED:
            what = "Its last occurrence has passed meanwhile: it is finished."
            self.report.losses.append(Loss(draft.where, what))
        return Taken(draft.where, title, TakenResult.CREATED, self._id(reminder.pk))

    def _refused(self, where: str, name: str, detail: Any) -> Taken:
        errors = self.budget.cut(field_errors(detail, MAX_ITEM_ERRORS))
        return Taken(where, shorten(name, NAME_LENGTH), TakenResult.REFUSED, errors=errors)

    def _id(self, pk: int) -> int | None:
        return None if self.report.is_dry_run else pk


def _first(losses: Sequence[Loss]) -> list[Loss]:
    left = len(losses) - MAX_LOSSES
    more = [Loss("the file", f"and {left:,} more like these")] if left > 0 else []
    return [*losses[:MAX_LOSSES], *more]


def _title(draft: Draft) -> str:
    return shorten(str(draft.fields.get("title", "")), NAME_LENGTH)
