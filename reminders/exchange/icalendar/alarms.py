"""VALARM: the leads of a reminder."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from reminders.exchange.icalendar.entry import Entry
from reminders.exchange.icalendar.losses import Losses
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import UTC_NAME, BadValue, moment, signed_lead
from reminders.recurrence import ON_TIME, Lead, local_time, to_utc

MAX_LEADS = 10
LONGEST_LEAD = Lead(days=366)
DAY = 86_400
# Clocks change before this time of the day, in seconds.
MORNING = 6 * 3600
SECOND = timedelta(seconds=1)
# Repetitions of one alarm: a reminder has no more leads.
MAX_REPEATS = MAX_LEADS
WORDS = ("SUMMARY", "DESCRIPTION")
SPOKEN = {"DISPLAY", "AUDIO", "EMAIL", ""}
# The texts that Google, Apple, Outlook and Thunderbird write by default.
STOCK_WORDS = {
    "alarm notification",
    "default",
    "default mozilla description",
    "event reminder",
    "mozilla default description",
    "reminder",
    "this is an event reminder",
}


class EventSpan(NamedTuple):
    """The start of an entry, or of the first of a series, by the clock of its zone, and its length.

    The length of an all-day entry is in wall time.
    """

    wall: datetime
    length: timedelta
    zone: str
    is_date: bool
    is_series: bool


def take_alarms(entry: Entry, span: EventSpan) -> list[Lead]:
    """Take the alarms; return their leads before the start, negative for those after it."""
    alarms: set[Lead] = set()
    texts = {prop.value for name in WORDS for prop in entry.component.all(name)}
    for alarm in entry.component.take_children("VALARM"):
        alarm.take("UID")
        for name in WORDS:
            # It repeats the entry, or is a default: no loss.
            if (prop := alarm.first(name)) and _is_empty(prop.value, texts):
                alarm.take_one(name)
        kind = alarm.value("ACTION").upper()
        alarm.take_one("ACTION")
        try:
            # Apple writes it where there is no alarm.
            if kind == "NONE":
                alarm.properties.clear()
            elif kind in SPOKEN:
                alarms.update(_leads_of(alarm, span, entry.losses))
            else:
                entry.lose(f"an alarm whose action is {kind[:40]}: a reminder only speaks")
                alarm.properties.clear()
        except BadValue as error:
            entry.lose(f"an alarm: {error}")
        entry.losses.count_unread(alarm)
    return sorted(alarms)


def _is_empty(value: str, texts: set[str]) -> bool:
    return value in texts or value.strip().casefold() in {"", *STOCK_WORDS}


def leads(alarms: list[Lead], span: EventSpan, due: timedelta, losses: Losses) -> list[str]:
    """Return the leads of a reminder that is due `due` after the start of its entry.

    Without an alarm that can be imported, the reminder fires when it is due.
    """
    after = due // SECOND
    early = [alarm for alarm in alarms if alarm.length + after >= 0]
    if count := len(alarms) - len(early):
        losses.add(f"{count} of its alarms: they come after it is due")
    near = [alarm for alarm in early if alarm.length + after <= LONGEST_LEAD.length]
    # Of two leads of one length, that in days is kept.
    by_length = {lead.length: lead for lead in sorted(_lead_of(alarm, span, due) for alarm in near)}
    if len(by_length) < len(near):
        losses.add("an alarm in hours: another in days is of the same length")
    shortest = sorted(by_length.values())[:MAX_LEADS]
    if count := len(early) - len(near) + len(by_length) - len(shortest):
        limit = f"{MAX_LEADS} leads, of up to {LONGEST_LEAD.days} days"
        losses.add(f"{count} of its alarms: a reminder has at most {limit}")
    return [str(lead) for lead in shortest or [ON_TIME]]


def _lead_of(alarm: Lead, span: EventSpan, due: timedelta) -> Lead:
    """Return the lead of an alarm; the alarms of an all-day entry are in wall time."""
    if span.is_date:
        return _lead_of_day(alarm.length + due // SECOND, span, due)
    days, seconds = alarm.days, alarm.seconds
    while seconds <= -DAY:
        days, seconds = days - 1, seconds + DAY
    return Lead(days, seconds)


def _lead_of_day(ahead: int, span: EventSpan, due: timedelta) -> Lead:
    """Return the lead that fires `ahead` seconds of wall time before the reminder is due.

    Its part of a day is exact time: it lies in the part of the day in which no clock changes.
    """
    days, part = divmod(ahead, DAY)
    if not part:
        return Lead(days)
    wall = span.wall + due
    (due_at, *_), (fire_at, *_) = (
        to_utc(time, span.zone) for time in (wall, wall - timedelta(seconds=ahead))
    )
    if not span.is_series and (due_at - fire_at) // SECOND == ahead:
        return Lead(seconds=ahead)
    due_second = due // SECOND % DAY
    if due_second - part >= MORNING:
        return Lead(days, part)
    return Lead(days + 1, part - DAY)


def _leads_of(alarm: Component, span: EventSpan, losses: Losses) -> Iterator[Lead]:
    first = _first(alarm, span, losses)
    repeat, pause = alarm.take_one("REPEAT"), alarm.take_one("DURATION")
    if first is None:
        return
    yield first
    if repeat and pause and repeat.value.strip().isdecimal():
        step = signed_lead(pause.value)
        for number in range(1, min(int(repeat.value.strip()[:4]), MAX_REPEATS) + 1):
            yield Lead(first.days - number * step.days, first.seconds - number * step.seconds)


def _first(alarm: Component, span: EventSpan, losses: Losses) -> Lead | None:
    trigger = alarm.take_one("TRIGGER")
    if trigger is None:
        raise BadValue("it has no TRIGGER")
    if not trigger.value.strip().upper().lstrip("+-").startswith("P"):
        at = moment(trigger.value, UTC_NAME).instant()
        if span.is_series:
            losses.add("an alarm at one moment: those of a series are before each of it")
            return None
        if span.is_date:
            return Lead(seconds=(span.wall - local_time(at, span.zone)) // SECOND)
        return Lead(seconds=(to_utc(span.wall, span.zone)[0] - at) // SECOND)
    after = signed_lead(trigger.value)
    if trigger.params.get("RELATED", "").upper() == "END":
        return Lead(-after.days, -after.seconds - span.length // SECOND)
    return Lead(-after.days, -after.seconds)
