"""One VEVENT or VTODO read into the fields of a reminder."""

import hashlib
from dataclasses import dataclass, replace
from datetime import time, timedelta

from reminders.exchange.drafts import Draft
from reminders.exchange.icalendar import foam_properties
from reminders.exchange.icalendar.alarms import Span, leads, triggers
from reminders.exchange.icalendar.ignored_properties import drop_unreadable_end, take_status
from reminders.exchange.icalendar.losses import Account
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import UTC_NAME, Moment, duration, moment, text
from reminders.exchange.icalendar.text import one_line, words
from reminders.exchange.icalendar.timing import TimeReader, Timing, all_day
from reminders.exchange.icalendar.todo import due_at_due
from reminders.exchange.icalendar.tzid.zones import Zones
from reminders.exchange.icalendar.vcalendar import add_alarms
from reminders.recurrence import Lead, to_utc

LONGEST_ID = 200
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reader:
    """What the entries of one calendar have in common.

    `account` collects what one entry loses: it is kept only where the entry is imported.
    """

    times: TimeReader
    all_day_at: time
    account: Account

    @property
    def zones(self) -> Zones:
        return self.times.zones

    def with_account(self) -> "Reader":
        return replace(self, account=Account())


@dataclass(frozen=True, slots=True)
class Source:
    """A component before anything is taken of it: `where` names it to people."""

    component: Component
    where: str
    sealed: str

    @classmethod
    def of(cls, component: Component) -> "Source":
        return cls(component, where_of(component), foam_properties.seal_of(component))


def where_of(component: Component) -> str:
    found = component.left.get("SUMMARY")
    title = one_line(text(found[0])) if found else ""
    if not title:
        uid = component.left.get("UID")
        title = text(uid[0]) if uid else ""
    return f'{component.name} "{title[:60]}"' if title else component.name


def external_id(*parts: str) -> str:
    """Return an id that is the same whenever the file is read; a long one is hashed."""
    whole = "#".join(parts)
    if len(whole) <= LONGEST_ID:
        return whole
    return f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"


def timing_of(source: Source, reader: Reader, *, of_dates: bool = False) -> Timing:
    """Take when it is due. A to-do without a date that has an alarm is due at that.

    `of_dates` tells that it is one of a series of dates.
    """
    component, where, account = source.component, source.where, reader.account
    has_no_start = not {"DTSTART", "DUE"} & component.left.keys()
    if component.name == "VTODO" and has_no_start:
        _start_at_alarm(component)
    later = due_at_due(component, reader.zones, where, account)
    drop_unreadable_end(component, reader.zones, where, account)
    found = reader.times.timing(component, where, account, of_dates=of_dates)
    found.later = later
    add_alarms(component, Moment(found.start, found.zone), reader.zones, where, account)
    return found


def draft_of(source: Source, found: Timing, identity: str, reader: Reader) -> Draft:
    """Take the rest, and return the draft. Raises BadValue for what is not supported."""
    component, where = source.component, source.where
    account = reader.account
    span = _span(component, found, reader.zones)
    spoken = triggers(component, span, where, account)
    if found.is_date:
        all_day(found, _due_of_day(spoken, reader.all_day_at))
        account.lose(where, f"it is all day: it is due at {found.starts_at:%H:%M} of the day")
    kept, is_whole = foam_properties.fields(component, source.sealed, where, account)
    draft = Draft(
        where,
        {
            **words(component, where, account),
            **({} if is_whole else found.fields(where, account)),
            "leads": leads(spoken, span, found.due, where, account),
            **({"external_id": external_id(identity)} if identity else {}),
            **kept,
        },
        is_paused=foam_properties.is_paused(component),
    )
    take_status(component, where, account)
    return draft


def _due_of_day(spoken: list[Lead], at: time) -> timedelta:
    """Return how long after midnight it is due: later when an alarm of that day is later."""
    usual = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)
    late = (-lead.nominal for lead in spoken)
    return max([usual, *(after for after in late if after < DAY)])


def _span(component: Component, found: Timing, zones: Zones) -> Span:
    """The end stays behind: a reminder has no length, and that is told."""
    length = DAY if found.is_date else timedelta(0)
    for name in ("DTEND", "DUE"):
        if name in component.left:
            prop = component.left[name][0]
            end = zones.moment(prop).wall_in(found.zone)
            length = end - found.start
            if not found.is_date:
                length = to_utc(end, found.zone)[0] - to_utc(found.start, found.zone)[0]
    if "DURATION" in component.left:
        length = duration(component.left["DURATION"][0].value)
    is_series = bool(found.recurrence or found.rdates)
    return Span(found.start, length, found.zone, found.is_date, is_series)


def _start_at_alarm(component: Component) -> None:
    for alarm in component.children:
        for trigger in alarm.left.get("TRIGGER", []) if alarm.name == "VALARM" else []:
            value = trigger.value.strip()
            if value[:1].isdecimal() and not value.startswith("1976"):
                at = moment(value, UTC_NAME)
                component.left["DTSTART"] = [
                    type(trigger)("DTSTART", {}, f"{at.wall:%Y%m%dT%H%M%S}Z")
                ]
                return
