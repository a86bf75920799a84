"""VALARM: when an event speaks, as leads before it is due."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from accounts.api import iso_duration
from reminders.exchange.calendar.account import Account
from reminders.exchange.calendar.tree import Component
from reminders.exchange.calendar.values import UTC_NAME, BadValue, duration, moment

MAX_LEADS = 10
LONGEST_LEAD = timedelta(days=366)
NOW = timedelta(0)
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
    """From when to when an event is, in UTC; of a series the first one."""

    start: datetime
    end: datetime
    is_series: bool


def triggers(component: Component, span: Span, where: str, account: Account) -> list[timedelta]:
    """Take the alarms; return when they speak, from the start of the event on."""
    found: set[timedelta] = set()
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


def leads(found: list[timedelta], due: timedelta, where: str, account: Account) -> list[str]:
    """Return the leads of what is due so long after the start of its event.

    Without any alarm that can be carried it speaks when it is due.
    """
    late = [each for each in found if each > due]
    if late:
        what = f"{len(late)} of its alarms: they come after it is due"
        account.lose(where, what)
    early = [due - each for each in found if each <= due]
    kept = sorted(lead for lead in early if lead <= LONGEST_LEAD)[:MAX_LEADS]
    if len(kept) < len(early):
        account.lose(
            where,
            f"{len(early) - len(kept)} of its alarms: a reminder has at most {MAX_LEADS} leads, "
            f"of up to {LONGEST_LEAD.days} days",
        )
    return [iso_duration(lead) for lead in kept or [NOW]]


def _times(alarm: Component, span: Span, where: str, account: Account) -> Iterator[timedelta]:
    first = _first(alarm, span, where, account)
    repeat, pause = alarm.take_one("REPEAT"), alarm.take_one("DURATION")
    if first is None:
        return
    yield first
    if repeat and pause and repeat.value.strip().isdecimal():
        step = duration(pause.value)
        for number in range(1, min(int(repeat.value.strip()[:4]), MAX_REPEATS) + 1):
            yield first + number * step


def _first(alarm: Component, span: Span, where: str, account: Account) -> timedelta | None:
    trigger = alarm.take_one("TRIGGER")
    if trigger is None:
        raise BadValue("it has no TRIGGER")
    if not trigger.value.strip().upper().lstrip("+-").startswith("P"):
        at = moment(trigger.value, UTC_NAME).instant()
        if span.is_series:
            account.lose(where, "an alarm at one moment: those of a series are before each of it")
            return None
        return at - span.start
    length = duration(trigger.value)
    if trigger.params.get("RELATED", "").upper() == "END":
        length += span.end - span.start
    return length
