"""VALARM: when an event speaks, as leads before it is due."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from reminders.exchange.icalendar.losses import Account
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import UTC_NAME, BadValue, moment, signed_lead
from reminders.recurrence import ON_TIME, Lead, local_time, to_utc

MAX_LEADS = 10
LONGEST_LEAD = Lead(days=366)
DAY = 86_400
# Before this hour of the night clocks change.
MORNING = 6 * 3600
SECOND = timedelta(seconds=1)
# Of one alarm; as many as a reminder could have leads.
MAX_REPEATS = MAX_LEADS
WORDS = ("SUMMARY", "DESCRIPTION")
SPOKEN = {"DISPLAY", "AUDIO", "EMAIL", ""}
# What Google, Apple, Outlook and Thunderbird write where nobody has written anything.
STOCK_WORDS = {
    "alarm notification",
    "default",
    "default mozilla description",
    "event reminder",
    "mozilla default description",
    "reminder",
    "this is an event reminder",
}


class Span(NamedTuple):
    """From when on an event is, by the clock of its zone, and how long; of a series the first one.

    One of whole days is as long as the clock on the wall says.
    """

    wall: datetime
    length: timedelta
    zone: str
    is_date: bool
    is_series: bool


def triggers(component: Component, span: Span, where: str, account: Account) -> list[Lead]:
    """Take the alarms; return how long before the start each fires, below zero after it."""
    found: set[Lead] = set()
    words = {each.value for name in WORDS for each in component.left.get(name, [])}
    for alarm in component.take_children("VALARM"):
        alarm.take("UID")
        for name in WORDS:
            # One that says what its event says, or what all say, says nothing more.
            if name in alarm.left and _is_empty(alarm.left[name][0].value, words):
                alarm.take_one(name)
        action = alarm.take_one("ACTION")
        kind = action.value.strip().upper() if action else ""
        try:
            # Apple's way to say that there shall be no alarm.
            if kind == "NONE":
                alarm.left.clear()
            elif kind in SPOKEN:
                found.update(_times(alarm, span, where, account))
            else:
                account.lose(where, f"an alarm whose action is {kind[:40]}: a reminder only speaks")
                alarm.left.clear()
        except BadValue as error:
            account.lose(where, f"an alarm: {error}")
        account.close(alarm)
    return sorted(found)


def _is_empty(value: str, words: set[str]) -> bool:
    return value in words or value.strip().casefold() in {"", *STOCK_WORDS}


def leads(found: list[Lead], span: Span, due: timedelta, where: str, account: Account) -> list[str]:
    """Return the leads of what is due so long after the start of its event.

    Without any alarm that can be carried it speaks when it is due.
    """
    after = due // SECOND
    late = [alarm for alarm in found if alarm.length + after < 0]
    if late:
        what = f"{len(late)} of its alarms: they come after it is due"
        account.lose(where, what)
    early = [alarm for alarm in found if alarm.length + after >= 0]
    near = [alarm for alarm in early if alarm.length + after <= LONGEST_LEAD.length]
    # Of two that are as long where no clock changes, the one of days.
    unlike = {lead.length: lead for lead in sorted(_lead_of(alarm, span, due) for alarm in near)}
    kept = sorted(unlike.values())[:MAX_LEADS]
    if len(unlike) < len(near):
        account.lose(where, "an alarm in hours: another in days is of the same length")
    lost = len(early) - len(near) + len(unlike) - len(kept)
    if lost:
        account.lose(
            where,
            f"{lost} of its alarms: a reminder has at most {MAX_LEADS} leads, "
            f"of up to {LONGEST_LEAD.days} days",
        )
    return [str(lead) for lead in kept or [ON_TIME]]


def _lead_of(alarm: Lead, span: Span, due: timedelta) -> Lead:
    """Return the lead of an alarm; of whole days it fires at a time of the clock on the wall."""
    if span.is_date:
        return _lead_of_day(alarm.length + due // SECOND, span, due)
    days, seconds = alarm.days, alarm.seconds
    while seconds <= -DAY:
        days, seconds = days - 1, seconds + DAY
    return Lead(days, seconds)


def _lead_of_day(ahead: int, span: Span, due: timedelta) -> Lead:
    """Return the lead that fires so long before it is due on the wall, in seconds.

    What is not whole days is exact, and is counted within a day, where no clock changes.
    """
    days, part = divmod(ahead, DAY)
    if not part:
        return Lead(days)
    wall = span.wall + due
    (due_at, *_), (fire_at, *_) = (
        to_utc(each, span.zone) for each in (wall, wall - timedelta(seconds=ahead))
    )
    if not span.is_series and (due_at - fire_at) // SECOND == ahead:
        return Lead(seconds=ahead)
    due_second = due // SECOND % DAY
    if due_second - part >= MORNING:
        return Lead(days, part)
    return Lead(days + 1, part - DAY)


def _times(alarm: Component, span: Span, where: str, account: Account) -> Iterator[Lead]:
    first = _first(alarm, span, where, account)
    repeat, pause = alarm.take_one("REPEAT"), alarm.take_one("DURATION")
    if first is None:
        return
    yield first
    if repeat and pause and repeat.value.strip().isdecimal():
        step = signed_lead(pause.value)
        for number in range(1, min(int(repeat.value.strip()[:4]), MAX_REPEATS) + 1):
            yield Lead(first.days - number * step.days, first.seconds - number * step.seconds)


def _first(alarm: Component, span: Span, where: str, account: Account) -> Lead | None:
    trigger = alarm.take_one("TRIGGER")
    if trigger is None:
        raise BadValue("it has no TRIGGER")
    if not trigger.value.strip().upper().lstrip("+-").startswith("P"):
        at = moment(trigger.value, UTC_NAME).instant()
        if span.is_series:
            account.lose(where, "an alarm at one moment: those of a series are before each of it")
            return None
        if span.is_date:
            return Lead(seconds=(span.wall - local_time(at, span.zone)) // SECOND)
        return Lead(seconds=(to_utc(span.wall, span.zone)[0] - at) // SECOND)
    after = signed_lead(trigger.value)
    if trigger.params.get("RELATED", "").upper() == "END":
        return Lead(-after.days, -after.seconds - span.length // SECOND)
    return Lead(-after.days, -after.seconds)
