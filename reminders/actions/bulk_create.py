"""Bulk create of reminders, by the rules for a single one (`Reminder.validate_new`)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.core.exceptions import ValidationError

from notifications.models import Channel
from notifications.sql import write_or_isolate
from reminders.models import Change, Reminder
from reminders.models.change import new_change
from reminders.models.errors import ExternalIdTaken, is_external_id_taken
from reminders.schedule.imported_state import ImportedState


class NewReminder(NamedTuple):
    """A reminder to store; `channels` as in `Reminder.store`."""

    reminder: Reminder
    channels: list[Channel] | None
    escalate_channels: list[Channel] | None
    imported: ImportedState | None = None


def store_new(news: Sequence[NewReminder], now: datetime) -> dict[int, ValidationError]:
    """Store new reminders of one owner, in a constant number of queries.

    1. Validate and plan each.
    2. Refuse those whose external_id is taken or repeated.
    3. Insert the others; PostgreSQL may refuse an external_id stored meanwhile.

    Return the errors of refused reminders, by their place in `news`; the others are stored. Needs
    the caller's transaction.
    """
    refused = _check_each(news, now)
    places = [place for place in range(len(news)) if place not in refused]
    refused |= _with_taken_ids([(place, news[place].reminder) for place in places])
    places = [place for place in places if place not in refused]
    # Always in the same order, so that two requests cannot deadlock.
    places.sort(key=lambda place: news[place].reminder.external_id or "")
    ready = _with_inbox([news[place] for place in places])
    place_of = {id(new.reminder): place for new, place in zip(ready, places, strict=True)}
    for new, error in write_or_isolate(ready, lambda batch: _write(batch, now))[1]:
        if not is_external_id_taken(error):
            raise error
        refused[place_of[id(new.reminder)]] = ExternalIdTaken()
    return refused


def _check_each(news: Sequence[NewReminder], now: datetime) -> dict[int, ValidationError]:
    refused = {}
    for place, (reminder, channels, escalation, imported) in enumerate(news):
        try:
            reminder.validate_new(now, channels, escalation, imported)
        except ValidationError as error:
            refused[place] = error
    return refused


def _with_taken_ids(rows: Sequence[tuple[int, Reminder]]) -> dict[int, ValidationError]:
    """Return errors for reminders whose external_id is stored, or repeated among them."""
    ids = {row.external_id for _, row in rows if row.external_id}
    if not ids:
        return {}
    own = Reminder.objects.owned_by(rows[0][1].owner_id).filter(external_id__in=ids)
    used = set(own.values_list("external_id", flat=True))
    refused: dict[int, ValidationError] = {}
    for place, row in rows:
        if row.external_id in used:
            refused[place] = ExternalIdTaken()
        elif row.external_id:
            used.add(row.external_id)
    return refused


def _with_inbox(news: Sequence[NewReminder]) -> list[NewReminder]:
    if all(new.channels for new in news):
        return list(news)
    inbox = [Channel.objects.inbox_of(news[0].reminder.owner)]
    return [new if new.channels else new._replace(channels=inbox) for new in news]


def _write(news: Sequence[NewReminder], now: datetime) -> int:
    reminders = [new.reminder for new in news]
    for reminder in reminders:
        # A write that was rolled back has set it.
        reminder.pk = None
    Reminder.objects.bulk_create(reminders)
    Change.objects.bulk_create(new_change(row, Change.Verb.CREATED, now) for row in reminders)
    links, escalation = Reminder.channels.through, Reminder.escalate_channels.through
    links.objects.bulk_create(
        links(reminder_id=new.reminder.pk, channel_id=channel.pk)
        for new in news
        for channel in _unique(new.channels)
    )
    escalation.objects.bulk_create(
        escalation(reminder_id=new.reminder.pk, channel_id=channel.pk)
        for new in news
        for channel in _unique(new.escalate_channels)
    )
    for new in news:
        if new.imported:
            new.reminder.skip_instants(new.imported.skipped, now)
    return len(reminders)


def _unique(channels: list[Channel] | None) -> Iterable[Channel]:
    return {channel.pk: channel for channel in channels or []}.values()
