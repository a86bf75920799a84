"""Many new reminders at once, by the rules by which one is stored (`Reminder.validate_new`)."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.core.exceptions import ValidationError

from notifications.models import Channel
from notifications.sql import write_or_isolate
from reminders.models import Change, Reminder
from reminders.models.change import change
from reminders.models.reminder import ExternalIdTaken, is_taken
from reminders.schedule.imported_state import ImportedState


class New(NamedTuple):
    """A reminder that is not stored yet; `channels` as in `Reminder.store`."""

    reminder: Reminder
    channels: list[Channel] | None
    escalate_channels: list[Channel] | None
    arrival: ImportedState | None = None


def store_new(news: Sequence[New], now: datetime) -> dict[int, ValidationError]:
    """Check, plan and store new reminders of one owner, in a constant number of queries.

    Return why some were refused, by their place; these leave the others alone. Within a transaction
    of the caller's.
    """
    refused = _check_each(news, now)
    places = [place for place in range(len(news)) if place not in refused]
    refused |= _taken([(place, news[place].reminder) for place in places])
    places = [place for place in places if place not in refused]
    # In one order, whoever stores them: two at once do not wait for each other in a circle.
    places.sort(key=lambda place: news[place].reminder.external_id or "")
    ready = _with_inbox([news[place] for place in places])
    place_of = {id(new.reminder): place for new, place in zip(ready, places, strict=True)}
    for new, error in write_or_isolate(ready, lambda some: _write(some, now))[1]:
        if not is_taken(error):
            raise error
        refused[place_of[id(new.reminder)]] = ExternalIdTaken()
    return refused


def _check_each(news: Sequence[New], now: datetime) -> dict[int, ValidationError]:
    refused = {}
    for place, (reminder, channels, further, arrival) in enumerate(news):
        try:
            reminder.validate_new(now, channels, further, arrival)
        except ValidationError as error:
            refused[place] = error
    return refused


def _taken(rows: Sequence[tuple[int, Reminder]]) -> dict[int, ValidationError]:
    """Return those whose external_id is taken, or comes for the second time."""
    wanted = {row.external_id for _, row in rows if row.external_id}
    if not wanted:
        return {}
    own = Reminder.objects.owned_by(rows[0][1].owner_id).filter(external_id__in=wanted)
    taken = set(own.values_list("external_id", flat=True))
    refused: dict[int, ValidationError] = {}
    for place, row in rows:
        if row.external_id in taken:
            refused[place] = ExternalIdTaken()
        elif row.external_id:
            taken.add(row.external_id)
    return refused


def _with_inbox(news: Sequence[New]) -> list[New]:
    if all(new.channels for new in news):
        return list(news)
    inbox = [Channel.objects.inbox_of(news[0].reminder.owner)]
    return [new if new.channels else new._replace(channels=inbox) for new in news]


def _write(news: Sequence[New], now: datetime) -> int:
    reminders = [new.reminder for new in news]
    for reminder in reminders:
        # What a write that was undone had given it.
        reminder.pk = None
    Reminder.objects.bulk_create(reminders)
    Change.objects.bulk_create(change(row, Change.Verb.CREATED, now) for row in reminders)
    attach, further = Reminder.channels.through, Reminder.escalate_channels.through
    attach.objects.bulk_create(
        attach(reminder_id=new.reminder.pk, channel_id=channel.pk)
        for new in news
        for channel in {each.pk: each for each in new.channels or []}.values()
    )
    further.objects.bulk_create(
        further(reminder_id=new.reminder.pk, channel_id=channel.pk)
        for new in news
        for channel in {each.pk: each for each in new.escalate_channels or []}.values()
    )
    for new in news:
        if new.arrival:
            new.reminder.let_pass(new.arrival.skipped, now)
    return len(reminders)
