"""Querysets of reminders, and the creation of new ones: of one, or of a thousand."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Prefetch

from accounts import quotas
from accounts.models import SYSTEM_USER_ID
from accounts.models.queries import EqualsAny
from notifications.models import Channel
from notifications.sql import write_or_isolate
from reminders.models import last_loss
from reminders.models.change import Change, new_change
from reminders.models.errors import ExternalIdTaken, is_external_id_taken
from reminders.models.plan import Plan, own_plan
from reminders.models.quota_cost import cost_of_new
from reminders.models.reminder_insert import CHANNEL_FIELDS, insert_reminders
from reminders.schedule.imported_state import ImportedState

if TYPE_CHECKING:
    from reminders.models.reminder import Reminder


# The channels of a reminder, with the columns that the API shows.
CHANNELS = [
    Prefetch(name, Channel.objects.only("kind", "verified_at", "deleted_at", "disabled_at"))
    for name in CHANNEL_FIELDS
]

# This number of channels of a reminder is not compared with the quota.
FEW_CHANNELS = 5


class NewReminder(NamedTuple):
    """A reminder to store; `channels` as in `Reminder.store`."""

    reminder: "Reminder"
    channels: list[Channel] | None
    escalate_channels: list[Channel] | None
    imported: ImportedState | None = None

    @property
    def channel_ids(self) -> dict[str, list[int]]:
        return {
            name: list(dict.fromkeys(channel.pk for channel in channels or ()))
            for name, channels in zip(CHANNEL_FIELDS, self[1:3], strict=True)
        }


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def exclude_system(self) -> Self:
        """All but the canary."""
        return self.exclude(pk=SYSTEM_USER_ID)

    def not_deleted(self) -> Self:
        return self.filter(deleted_at=None)

    def owned_by(self, user: Any) -> Self:
        return self.not_deleted().filter(EqualsAny("owner_id", getattr(user, "pk", user)))

    def with_channels(self) -> Self:
        """With the columns of their channels that the API shows."""
        return self.prefetch_related(*CHANNELS)

    def with_last_loss(self) -> Self:
        """With the last message of each, if that message did not arrive."""
        return self.annotate(**{last_loss.NAME: last_loss.expression()})

    def due(self, now: datetime) -> Self:
        """Reminders to fire, however late they are."""
        return self.filter(plan__status=Plan.Status.ACTIVE, plan__next_fire_at__lte=now)

    def locked(self, *, skip: bool = False) -> Self:
        """Lock each row and its plan, in this order; `skip` passes by rows that are locked."""
        # An inner join: PostgreSQL cannot lock the optional side of an outer one.
        return self.filter(plan__isnull=False).select_for_update(
            of=("self", "plan"), no_key=True, skip_locked=skip
        )

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        """Insert reminders and their plans."""
        with transaction.atomic():
            reminders = super().bulk_create(objs, *args, **kwargs)
            plans = [own_plan(reminder) for reminder in reminders]
            for plan, reminder in zip(plans, reminders, strict=True):
                plan.reminder_id, plan.owner_id = reminder.pk, reminder.owner_id
            Plan.objects.bulk_create(plans)
        return reminders

    def store_new(self, news: Sequence[NewReminder], now: datetime) -> dict[int, ValidationError]:
        """Store new reminders of one owner, in a constant number of queries.

        1. Validate and plan each.
        2. Refuse those whose external_id is taken or repeated.
        3. Give the owner's inbox to those without channels.
        4. Add them to the quotas of the owner, and refuse those beyond.
        5. Insert them; PostgreSQL may refuse an external_id stored meanwhile.

        Return the errors of refused reminders, by their place in `news`; the others are stored. For
        several reminders this needs the caller's transaction.
        """
        refused = _check_each(news, now)
        places = [place for place in range(len(news)) if place not in refused]
        refused |= self._with_taken_ids([(place, news[place].reminder) for place in places])
        places = [place for place in places if place not in refused]
        # Always in the same order, so that two requests cannot deadlock.
        places.sort(key=lambda place: news[place].reminder.external_id or "")
        ready = _with_inbox([news[place] for place in places])
        place_of = {id(new.reminder): place for new, place in zip(ready, places, strict=True)}
        beyond: dict[int, ValidationError] = {}
        for new, error in write_or_isolate(ready, lambda rows: self._write_new(rows, now, beyond))[
            1
        ]:
            if not is_external_id_taken(error):
                raise error
            refused[place_of[id(new.reminder)]] = ExternalIdTaken()
        return refused | {place_of[reminder]: error for reminder, error in beyond.items()}

    def _with_taken_ids(self, rows: "Sequence[tuple[int, Reminder]]") -> dict[int, ValidationError]:
        """Return errors for reminders whose external_id is stored, or repeated among them."""
        ids = {row.external_id for _, row in rows if row.external_id}
        if not ids:
            return {}
        own = self.owned_by(rows[0][1].owner_id).filter(external_id__in=ids)
        used = set(own.values_list("external_id", flat=True))
        refused: dict[int, ValidationError] = {}
        for place, row in rows:
            if row.external_id in used:
                refused[place] = ExternalIdTaken()
            elif row.external_id:
                used.add(row.external_id)
        return refused

    def _write_new(
        self, news: Sequence[NewReminder], now: datetime, beyond: dict[int, ValidationError]
    ) -> int:
        """Insert new reminders of one owner; put errors of those beyond a quota into `beyond`.

        The counters of the quotas stay locked until the transaction ends, so that two requests
        cannot take the same place.
        """
        for new, error in zip(news, _take_quotas(news), strict=True):
            beyond.pop(id(new.reminder), None)
            if error:
                beyond[id(new.reminder)] = error
        news = [new for new in news if id(new.reminder) not in beyond]
        if not news:
            return 0
        reminders = [new.reminder for new in news]
        changes = [new_change(row, Change.Verb.CREATED, now) for row in reminders]
        insert_reminders(reminders, changes, [new.channel_ids for new in news])
        for new in news:
            if new.imported:
                new.reminder.skip_instants(new.imported.skipped, now)
        return len(reminders)


class ReminderManager(models.Manager.from_queryset(ReminderQuerySet)):  # type: ignore[misc]
    """Reads reminders with their plans, in one statement."""

    def get_queryset(self) -> ReminderQuerySet:
        rows: ReminderQuerySet = super().get_queryset().select_related("plan")
        return rows


def _check_each(news: Sequence[NewReminder], now: datetime) -> dict[int, ValidationError]:
    refused = {}
    for place, (reminder, channels, escalation, imported) in enumerate(news):
        try:
            reminder.validate_new(now, channels, escalation, imported)
            for name, rows in (("channels", channels), ("escalate_channels", escalation)):
                check_channel_count(reminder.owner_id, name, rows or ())
        except ValidationError as error:
            refused[place] = error
    return refused


def check_channel_count(owner_id: int, field: str, channels: Collection[Channel]) -> None:
    """Raise QuotaExceeded on the field if a reminder has too many channels."""
    # Most reminders cost no query: staff give higher limits than the setting, not lower ones.
    if len(channels) <= min(FEW_CHANNELS, settings.FOAM_QUOTAS["reminder_channels"]):
        return
    limit = quotas.limit_of(owner_id, "reminder_channels")
    if len(channels) > limit:
        raise quotas.QuotaExceeded("reminder_channels", limit, field)


def _take_quotas(news: Sequence[NewReminder]) -> Sequence[ValidationError | None]:
    owner_id = news[0].reminder.owner_id
    if owner_id == SYSTEM_USER_ID:
        return [None] * len(news)
    return quotas.take(owner_id, [cost_of_new(new.reminder) for new in news])


def _with_inbox(news: Sequence[NewReminder]) -> list[NewReminder]:
    if all(new.channels for new in news):
        return list(news)
    inbox = [Channel.objects.inbox_of(news[0].reminder.owner)]
    return [new if new.channels else new._replace(channels=inbox) for new in news]
